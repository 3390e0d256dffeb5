import { formatInstant, parseSubject, type StateView } from '@logline/contracts';
import { type Command, Option } from 'commander';
import { type ContextMaker, define } from '../command.ts';
import type { Context } from '../context.ts';
import { CliError } from '../errors.ts';
import { connect } from '../gateway.ts';
import { portsOf } from '../deploy/facts.ts';
import { watchFacts } from '../deploy/watch.ts';
import { columns } from '../terminal/output.ts';
import { printable } from '../terminal/style.ts';
import { containerOf } from './deploy/stop.ts';

type Options = { readonly watch?: boolean; readonly stream?: boolean };

export function register(command: Command, makeContext: ContextMaker): void {
  command.argument('[urn]', 'the container: its URN, mc:<tenant>/<name>, or its name');
  define<Options>(command, makeContext, {
    name: 'status',
    summary: 'the state of one container',
    about:
      'With --watch: its run states as they are logged, until it has ended. --no-stream asks again and again instead of holding a stream open.',
    examples: [
      'logline status urn:minicontainer:voulezvous/web --watch',
      'logline status urn:minicontainer:voulezvous/web --no-stream --json',
    ],
    options: [
      new Option('-w, --watch', 'go on until it has ended'),
      new Option('--no-stream', 'no stream: print the state, or poll with --watch'),
    ],
    run: async (context, options, [given]) => {
      const subject = await containerOf(context, given);
      const sdk = await connect(context, { tenant: parseSubject(subject).tenant });
      const view = await sdk.state(subject);
      if (view === null)
        throw new CliError('NOT_FOUND', `there is no container ${subject}`, {
          fix: 'logline deploy list shows those of the tenant',
        });
      if (options.watch !== true) {
        context.out.result({ ...view }, formatView(context, view));
        return;
      }
      context.out.item({ event: 'state', ...view }, formatView(context, view));
      const runState = view.state['run_state'];
      if (runState === 'exited' || runState === 'failed') return;
      await watchFacts(context, sdk, {
        subject,
        intent: 'run_state.*',
        since: formatInstant(context.io.nowMs() - 1000),
        isPolling: options.stream === false,
        wants: () => true,
        isLast: (fact) => fact.phase === 'exited' || fact.phase === 'failed',
      });
    },
  });
}

function formatView({ out: { style } }: Context, { subject, head, index, state }: StateView): string {
  const text = (name: string): string =>
    typeof state[name] === 'string' || typeof state[name] === 'number' ? printable(String(state[name])) : '';
  const runState = text('run_state') || 'none';
  const paint = runState === 'running' ? style.green : runState === 'failed' ? style.red : style.bold;
  const rows: (readonly [string, string])[] = [
    ['state', paint(runState)],
    ['ref', text('deployed') || text('ref')],
    // what runs and what was applied last are two things until the next deploy
    ['applied', text('deployed') === '' || text('deployed') === text('ref') ? '' : text('ref')],
    ['where', `${text('provider')} ${text('node')}`.trim()],
    ['runner', text('runner')],
    ['container', text('container').slice(0, 12)],
    ['ports', portsOf(state['ports'])],
    ['started', text('started_at')],
    ['finished', text('finished_at')],
    ['exit code', text('exit_code')],
    ['why', text('why')],
    ['head', head ?? ''],
    ['as of', `log index ${index}`],
  ];
  return `${style.bold(subject)}\n${columns(rows.filter(([, value]) => value !== '').map(([name, value]) => [`  ${name}`, value] as const))}`;
}
