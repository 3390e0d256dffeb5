import { isName, parseTarget } from '@logline/contracts';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, collectList, type ContextMaker, parseCount } from '../../command.ts';
import { CliError } from '../../errors.ts';
import { modeOf } from '../../files.ts';
import { writeManifest } from '../../manifest/edit.ts';

type Options = {
  readonly name: string;
  readonly image: string;
  readonly target?: readonly string[];
  readonly port?: number;
  readonly out: string;
  readonly force?: boolean;
};

// not commander's own default: what is given would be added to it
const DEFAULT_TARGETS = ['docker', 'podman'];

export function addInit(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'init',
    summary: 'write a manifest to start from',
    about:
      'Hardened by default: read-only root, no capabilities, a memory limit. What is missing (owner, slots, time, signature) `apply` fills in.',
    examples: [
      'logline minicontainer init --name web --image ghcr.io/vv/app:1.0.0 --port 8080',
      'logline minicontainer init --name job --image my-image --target docker,podman --out job.json',
    ],
    options: [
      new Option('--name <name>', 'what the container is called').makeOptionMandatory(),
      new Option('--image <image>', 'the image to run').makeOptionMandatory(),
      new Option('--target <target>', 'where it may run; several with commas')
        .argParser(collectList)
        .default(undefined, DEFAULT_TARGETS.join(',')),
      new Option('--port <port>', 'a port of the container; the host takes any free one').argParser(
        parseCount(1, 65_535),
      ),
      new Option('--out <file>', 'the file to write').default('manifest.json'),
      new Option('--force', 'replace the file'),
    ],
    run: async ({ io, out, options: globals }, options) => {
      if (!isName(options.name))
        throw new CliError('USAGE', `${JSON.stringify(options.name)} cannot name a container`, {
          fix: 'use lower-case letters, digits and dashes, and no word of an intent',
        });
      const path = resolve(io.cwd, options.out);
      if (options.force !== true && (await modeOf(path)) !== null)
        throw new CliError('CONFLICT', `${options.out} exists already`, {
          fix: 'use --out <file>, or --force to replace it',
        });
      const manifest = {
        type: 'll.minicontainer.v1',
        version: '1.0.0',
        ...(globals.tenant === undefined ? {} : { owner: { tenant: globals.tenant } }),
        deploy: {
          engine: 'container',
          image: options.image,
          ...(options.port === undefined
            ? {}
            : { ports: [{ host: 0, container: options.port }], env: { PORT: String(options.port) } }),
          resources: { memory_bytes: 268_435_456, pids: 256 },
          security: { read_only_rootfs: true },
          targets: (options.target ?? DEFAULT_TARGETS).map((text) => ({
            service: options.name,
            ...parseTarget(text),
          })),
        },
      };
      await writeManifest(path, manifest);
      out.result(
        { file: path, manifest, next: `logline minicontainer verify ${options.out}` },
        `${out.style.green('wrote')} ${options.out}\nnext: logline minicontainer verify ${options.out}`,
      );
    },
  });
}
