import { parseApiToken } from '@logline/wallet';
import type { Command } from 'commander';
import { access, constants } from 'node:fs/promises';
import { type ContextMaker, define } from '../command.ts';
import type { Settings } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { CliError, Exit } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { isAlive, modeOf } from '../files.ts';
import { apiKeyOf, connect } from '../gateway.ts';
import { toProblem } from '../problem.ts';
import { followerOf, identityOf, pinnedLogKey } from '../receipts/log-key.ts';
import { columns } from '../terminal/output.ts';
import { isWalletOpen } from '../wallet/wallet-file.ts';

type Check = {
  readonly name: string;
  readonly outcome: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  readonly fix?: string;
};

const MOST_SKEW_MS = 120_000;
const OLDEST_NODE = [20, 19] as const;

export function register(command: Command, makeContext: ContextMaker): void {
  define<object>(command, makeContext, {
    name: 'doctor',
    summary: 'check address, clock, token, wallet, log key and engine, and say what mends each',
    examples: ['logline doctor', 'logline doctor --profile prod --json'],
    run: async (context) => {
      const settings = await context.settings();
      const checks: Check[] = [nodeCheck(), configCheck(settings)];
      checks.push(...(await gatewayChecks(context, settings)));
      checks.push(await tokenCheck(context, settings));
      checks.push(await walletCheck(context, settings));
      checks.push(await logKeyCheck(context, settings));
      checks.push(await engineCheck(context, settings));
      checks.push(...processChecks(settings));
      const isGood = checks.every(({ outcome }) => outcome !== 'failed');
      const { style } = context.out;
      const mark = { ok: style.green('✓'), warning: style.yellow('!'), failed: style.red('✗') } as const;
      const lines = checks.map(
        ({ name, outcome, detail, fix }) =>
          `${mark[outcome]} ${name.padEnd(10)} ${detail}${fix === undefined || outcome === 'ok' ? '' : `\n             ${style.cyan('fix:')} ${fix}`}`,
      );
      context.out.result(
        { ok: isGood, checks, sources: settings.sources, state_dir: settings.stateDir },
        [
          ...lines,
          style.dim(
            columns(
              Object.entries(settings.sources).map(
                ([name, source]) => [`  ${name}`, `from ${source}`] as const,
              ),
            ),
          ),
        ].join('\n'),
      );
      if (!isGood) throw new Exit(EXIT.failure);
    },
  });
}

function nodeCheck(): Check {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const isGood = major > OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor >= OLDEST_NODE[1]);
  return {
    name: 'node',
    outcome: isGood ? 'ok' : 'failed',
    detail: process.versions.node,
    fix: `use Node ${OLDEST_NODE.join('.')} or newer`,
  };
}

function configCheck({ baseUrl, tenant, sources }: Settings): Check {
  if (baseUrl === undefined)
    return {
      name: 'settings',
      outcome: 'failed',
      detail: 'no installation is configured',
      fix: 'npm start in the repository, or logline login --base-url <url> --tenant <tenant>',
    };
  if (tenant === undefined)
    return {
      name: 'settings',
      outcome: 'failed',
      detail: 'no tenant is configured',
      fix: 'add --tenant <tenant>',
    };
  return {
    name: 'settings',
    outcome: 'ok',
    detail: `${baseUrl} (${sources.baseUrl}), tenant ${tenant} (${sources.tenant})`,
  };
}

async function gatewayChecks(
  context: Context,
  { baseUrl, tenant = 'nobody', apiKey = '' }: Settings,
): Promise<readonly Check[]> {
  if (baseUrl === undefined) return [];
  const { io } = context;
  const startMs = io.nowMs();
  try {
    const sdk = await connect(context, { tenant, apiKey, retries: 0 });
    const response = await sdk.request({
      method: 'GET',
      target: '/healthz',
      signal: AbortSignal.timeout(5000),
    });
    const tookMs = io.nowMs() - startMs;
    const reach: Check = {
      name: 'gateway',
      outcome: response.status === 200 ? 'ok' : 'failed',
      detail: `HTTP ${response.status} in ${tookMs} ms`,
      fix: 'look at its logs (.logline/dev/logs)',
    };
    const serverMs = Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(serverMs)) return [reach];
    const skewMs = Math.round(serverMs + 500 - (startMs + tookMs / 2)); // the Date header has whole seconds
    const isFar = Math.abs(skewMs) > MOST_SKEW_MS;
    return [
      reach,
      {
        name: 'clock',
        outcome: isFar ? 'failed' : Math.abs(skewMs) > 5000 ? 'warning' : 'ok',
        detail: `${Math.abs(skewMs) < 1000 ? 'equal' : `${skewMs > 0 ? 'behind' : 'ahead of'} the server by ${Math.round(Math.abs(skewMs) / 1000)} s`}`,
        fix: 'set the clock (NTP); signed requests may be 120 s off',
      },
    ];
  } catch (error) {
    return [
      {
        name: 'gateway',
        outcome: 'failed',
        detail: `${baseUrl} does not answer: ${reasonOf(error)}`,
        fix: 'npm start, or check the address',
      },
    ];
  }
}

async function tokenCheck(context: Context, settings: Settings): Promise<Check> {
  const { tenant, apiKey, sources } = settings;
  if (tenant === undefined || settings.baseUrl === undefined)
    return { name: 'token', outcome: 'warning', detail: 'not tried' };
  if (apiKey === undefined && !isWalletOpen(settings))
    return {
      name: 'token',
      outcome: 'warning',
      detail: 'none configured; one in the wallet would be used',
      fix: `logline login --tenant ${tenant}`,
    };
  try {
    const sdk = await connect(context);
    const { items } = await sdk.query({
      subject: `urn:tenant:${tenant}`,
      intent: 'registry.tenant.created',
      limit: 1,
    });
    // a token of the settings is sent for its own tenant only; any other tenant's is in the wallet
    const isOfSettings = apiKey !== undefined && settings.apiKeyTenant === tenant;
    const id = tokenIdOf(await apiKeyOf(context, tenant));
    const source = isOfSettings ? sources.apiKey : settings.walletPath;
    return items.length === 0
      ? {
          name: 'token',
          outcome: 'failed',
          detail: `there is no tenant ${tenant}`,
          fix: `logline tenant create ${tenant}`,
        }
      : { name: 'token', outcome: 'ok', detail: `${id} is taken for ${tenant} (${source})` };
  } catch (error) {
    const { problem } = toProblem(error);
    return {
      name: 'token',
      outcome: 'failed',
      detail: `${problem.detail} (${sources.apiKey})`,
      fix: problem.fix ?? 'logline login',
    };
  }
}

async function walletCheck(context: Context, settings: Settings): Promise<Check> {
  const { walletPath } = settings;
  const mode = await modeOf(walletPath);
  if (mode === null)
    return {
      name: 'wallet',
      outcome: 'warning',
      detail: `there is none at ${walletPath}`,
      fix: 'logline wallet init',
    };
  if (mode !== '0600' && mode !== '0400')
    return {
      name: 'wallet',
      outcome: 'failed',
      detail: `${walletPath} has mode ${mode}`,
      fix: `chmod 600 ${walletPath}`,
    };
  if (!isWalletOpen(settings))
    return {
      name: 'wallet',
      outcome: 'ok',
      detail: `${walletPath} (locked; its passphrase will be asked for)`,
    };
  try {
    const { keys } = (await context.wallet()).wallet;
    return {
      name: 'wallet',
      outcome: 'ok',
      detail: `${walletPath} opens, ${keys.length} key${keys.length === 1 ? '' : 's'}`,
    };
  } catch (error) {
    const { problem } = toProblem(error);
    return {
      name: 'wallet',
      outcome: 'failed',
      detail: problem.detail,
      fix: problem.fix ?? 'check the passphrase',
    };
  }
}

async function logKeyCheck(context: Context, settings: Settings): Promise<Check> {
  const { tenant } = settings;
  if (tenant === undefined || settings.baseUrl === undefined)
    return { name: 'log key', outcome: 'warning', detail: 'not tried' };
  try {
    const key = await pinnedLogKey(context, tenant, null);
    if (key === null)
      return {
        name: 'log key',
        outcome: 'warning',
        detail: 'none is pinned: receipts are kept but not verified',
        fix: `logline login --tenant ${tenant} --log-key <vkey>`,
      };
    const sdk = await connect(context);
    const { verifyCheckpoint } = await import('@logline/tlog');
    const note = new TextDecoder().decode(await sdk.logFile('checkpoint'));
    const follower = followerOf(context, key, () => sdk.logRotations());
    const { size } = await follower.verify(note, (keys) => verifyCheckpoint(note, identityOf(keys)));
    const steps = follower.keys.length - 1;
    const by =
      steps === 0
        ? 'is pinned'
        : `is pinned, led on to another by ${steps} proven rotation${steps === 1 ? '' : 's'},`;
    return {
      name: 'log key',
      outcome: 'ok',
      detail: `${key.vkey.name} ${by} and signed a checkpoint of ${size} entries`,
    };
  } catch (error) {
    const { problem } = toProblem(error);
    return {
      name: 'log key',
      outcome: 'failed',
      detail: problem.detail,
      fix: problem.fix ?? 'compare the pinned key with that of the operator',
    };
  }
}

/** Only whether there is a socket to speak to: what it can do is for its runner to find out. */
async function engineCheck({ io }: Context, { devEnv }: Settings): Promise<Check> {
  const own = ['docker', 'podman'].find((name) => isAlive(devEnv?.processes[name] ?? 0));
  if (own !== undefined) return { name: 'engine', outcome: 'ok', detail: `${own}, run by this installation` };
  const host = io.env['DOCKER_HOST'];
  const sockets = [
    host?.startsWith('unix://') === true ? host.slice('unix://'.length) : undefined,
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    io.env['XDG_RUNTIME_DIR'] === undefined ? undefined : `${io.env['XDG_RUNTIME_DIR']}/podman/podman.sock`,
  ];
  for (const socket of sockets) {
    if (socket === undefined) continue;
    const isUsable = await access(socket, constants.R_OK | constants.W_OK).then(
      () => true,
      () => false,
    );
    if (isUsable) return { name: 'engine', outcome: 'ok', detail: socket };
  }
  return {
    name: 'engine',
    outcome: 'warning',
    detail: 'no Docker or Podman socket on this machine',
    fix: 'needed only where a runner runs: install Docker or Podman',
  };
}

function processChecks({ devEnv }: Settings): readonly Check[] {
  if (devEnv === null) return [];
  const entries = Object.entries(devEnv.processes);
  const dead = entries.filter(([, pid]) => !isAlive(pid)).map(([name]) => name);
  if (entries.length === 0) return [];
  return [
    dead.length === 0
      ? { name: 'processes', outcome: 'ok', detail: `${entries.length} run on this machine` }
      : { name: 'processes', outcome: 'failed', detail: `not running: ${dead.join(', ')}`, fix: 'npm start' },
  ];
}

function tokenIdOf(apiKey: string): string {
  try {
    return parseApiToken(apiKey).tokenId;
  } catch {
    throw new CliError('INVALID_INPUT', 'the configured API token is malformed', { fix: 'logline login' });
  }
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error && error.cause.message !== '' ? error.cause.message : error.message;
}
