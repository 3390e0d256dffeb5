import type { Span } from '@logline/contracts';
import { printable, type Style } from '../terminal/style.ts';

/** Of a deploy, `superseded` and `stopped` included; what a watcher waits for. */
export type Phase = 'asked' | 'planned' | 'opening' | 'pending' | 'running' | 'exited' | 'failed' | 'other';

export type DeployFact = {
  readonly intent: string;
  readonly phase: Phase;
  /** The deploy span it belongs to, where it says so. */
  readonly deploy: string | null;
  readonly exitCode: number | null;
  readonly text: string;
};

const PHASES: Readonly<Record<string, Phase>> = {
  'deploy.apply': 'asked',
  'deploy.stop': 'asked',
  'deploy.planned': 'planned',
  'deploy.applied': 'pending',
  'deploy.failed': 'failed',
  'grant.materialize': 'opening',
  'grant.materialized': 'opening',
  'run_state.pending': 'pending',
  'run_state.running': 'running',
  'run_state.exited': 'exited',
  'run_state.failed': 'failed',
};

/** What a fact about a deploy says, in a line for people. */
export function readFact(span: Span, style: Style): DeployFact {
  const { intent } = span;
  const phase = PHASES[intent] ?? 'other';
  const payload = span.payload ?? {};
  const deploy = typeof payload['deploy'] === 'string' ? payload['deploy'] : null;
  const exitCode = typeof payload['exit_code'] === 'number' ? payload['exit_code'] : null;
  const paint =
    phase === 'running'
      ? style.green
      : phase === 'failed'
        ? style.red
        : phase === 'exited' && exitCode !== 0
          ? style.yellow
          : style.bold;
  const said = describe(intent, payload, span.signature.kid);
  return {
    intent,
    phase,
    deploy,
    exitCode,
    text: `${style.dim(span.ts)}  ${paint(intent.padEnd(18))}${said === '' ? '' : `  ${printable(said)}`}`,
  };
}

function describe(intent: string, payload: Readonly<Record<string, unknown>>, signer: string): string {
  const text = (name: string): string => (typeof payload[name] === 'string' ? payload[name] : '');
  const parts = (...all: readonly string[]): string => all.filter((part) => part !== '').join(', ');
  switch (intent) {
    case 'deploy.planned':
      return parts(`${text('action')} by runner ${text('runner')}`, `until ${text('deadline')}`);
    case 'deploy.failed':
      return parts(text('why'), text('message'));
    case 'deploy.applied':
      return parts(
        text('action') === 'stop' ? 'stopped' : `container ${text('container').slice(0, 12)}`,
        text('image'),
      );
    case 'grant.materialize':
      return 'the runner opens the grants';
    case 'grant.materialized':
      return parts('grants opened', `delivered by ${text('delivery')}`);
    case 'run_state.running':
      return parts(`on ${text('provider')} ${text('node')}`, portsOf(payload['ports']));
    case 'run_state.exited':
    case 'run_state.failed':
      return parts(
        typeof payload['exit_code'] === 'number' ? `exit code ${payload['exit_code']}` : '',
        text('why'),
      );
    case 'minicontainer.apply':
      return `by ${signer}`;
    case 'minicontainer.applied':
      return parts(payload['ok'] === false ? 'not ok' : '', text('ref'), text('why'));
    case 'wallet.proof.submit':
    case 'deploy.apply':
    case 'deploy.stop':
      return parts(text('ref'), `by ${signer}`);
    case 'wallet.proof.verified':
      return parts(text('decision'), text('proof'));
    case 'wallet.grant.revoke':
    case 'wallet.grant.revoked':
      return text('grant');
    case 'registry.tenant.created':
      return parts(text('origin'));
    default:
      // registry facts name what they are about in one of these
      return parts(text('kid') || text('token_id') || text('runner'), text('reason'), `by ${signer}`);
  }
}

/** `8080 → http://127.0.0.1:32768` for each. */
export function portsOf(ports: unknown): string {
  if (!Array.isArray(ports)) return '';
  return ports
    .flatMap((port: unknown) =>
      typeof port === 'object' && port !== null && 'host' in port && 'container' in port
        ? [`port ${String(port.container)} → 127.0.0.1:${String(port.host)}`]
        : [],
    )
    .join(', ');
}
