import { formatTarget } from '@logline/contracts';
import { specHash } from '@logline/tdln';
import { type Command, Option } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { appliedManifest } from '../../deploy/applied-manifest.ts';
import { readRegistry } from '../../registry/read.ts';
import { columns } from '../../terminal/output.ts';
import { refOption, refToDeploy, targetOption, targetToDeploy } from './up.ts';

export function addPlan(group: Command, makeContext: ContextMaker): void {
  addCommand<{ readonly ref?: string; readonly target?: string; readonly key?: string }>(group, makeContext, {
    name: 'plan',
    summary: 'what `deploy up` would run, where, and what it needs; nothing is sent',
    examples: [
      'logline deploy plan --target docker',
      'logline deploy plan --ref mc:voulezvous/web --target railway:proj=rw1,svc=web --json',
    ],
    options: [refOption(), targetOption(), new Option('--key <kid>', 'the key that would sign')],
    run: async (context, options) => {
      const { out } = context;
      const { sdk, resolved } = await refToDeploy(context, options);
      const target = await targetToDeploy(sdk, resolved, options.target);
      const { deploy, grants = [] } = await appliedManifest(sdk, resolved);
      const { registry } = await readRegistry(sdk);
      const runners = [...registry.runners.values()]
        .filter((row) => row.status === 'active' && row.providers.includes(target.provider))
        .map(({ runner }) => runner);
      const secrets = Object.entries(deploy.env ?? {}).filter(([, value]) => value.startsWith('grant://'));
      const unwrapped = secrets.filter(([, value]) => {
        const grant = grants.find(({ id }) => `grant://${id}` === value);
        return !runners.some((runner) => grant?.wraps?.some((wrap) => wrap.runner === runner));
      });
      if (runners.length === 0) out.warn(`no runner runs ${target.provider} (logline runner list)`);
      for (const [name] of unwrapped)
        out.warn(
          `${name}: its grant is wrapped to no runner of ${target.provider}; logline wallet grant makes it anew`,
        );
      const document = {
        subject: resolved.subject,
        ref: resolved.ref,
        target,
        image: deploy.image,
        spec_hash: specHash(resolved.ref, deploy, target),
        needs_proof: 'deploy.allow',
        runners,
        env: Object.keys(deploy.env ?? {}),
        secrets: secrets.map(([name, value]) => ({ name, grant: value })),
        deploy,
      };
      out.result(
        document,
        columns([
          ['container', resolved.subject],
          ['ref', resolved.ref],
          ['target', formatTarget(target)],
          ['runners', runners.length === 0 ? 'none' : runners.join(', ')],
          ['image', deploy.image],
          [
            'ports',
            (deploy.ports ?? [])
              .map(
                ({ host, container, protocol }) =>
                  `${host === 0 ? 'any free' : host} → ${container}/${protocol ?? 'tcp'}`,
              )
              .join(', ') || 'none',
          ],
          ['variables', (deploy.env === undefined ? [] : Object.keys(deploy.env)).join(', ') || 'none'],
          ['secrets', secrets.map(([name, value]) => `${name} from ${value}`).join(', ') || 'none'],
          ['needs', 'a proof deploy.allow (made by deploy up)'],
          ['spec', document.spec_hash],
        ]),
      );
    },
  });
}
