import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../errors.ts';
import { lastWords, runTool } from '../process/programs.ts';

const TOOL_TIMEOUT_MS = 20_000;
/** What the first of our daemons found, so that the last one leaves the machine as it was. */
const BEFORE_FILE = 'network-before.json';
const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

/** The bridge of one private daemon. Its own, not docker0: a second daemon without a bridge deletes docker0 when it starts. */
export function bridgeName(dir: string): string {
  return `ll${createHash('sha256').update(dir).digest('hex').slice(0, 10)}`;
}

/**
 * Makes the bridge, or takes it over from a daemon that was killed.
 *
 * @throws EngineError `COMMAND_FAILED` if the kernel or a missing `ip` does not allow it
 */
export async function makeBridge(name: string): Promise<void> {
  if (!(await hasLink(name))) {
    const routes = readFileSync('/proc/net/route', 'latin1');
    const subnet = pickSubnet(parseRoutes(routes), Number.parseInt(name.slice(-2), 16));
    await ip('link', 'add', 'name', name, 'type', 'bridge');
    await ip('address', 'add', `${subnet}.1/24`, 'dev', name);
  }
  await ip('link', 'set', name, 'up');
}

/** Remembers what a daemon changes for the whole machine. The first one's memory counts. */
export async function rememberNetwork(sharedDir: string): Promise<void> {
  const file = join(sharedDir, BEFORE_FILE);
  if (existsSync(file)) return;
  const { stdout } = await iptables('filter', '-S', 'FORWARD');
  const before = {
    forwardPolicy: /^-P FORWARD (\w+)/m.exec(stdout)?.[1] ?? null,
    ipForward: readIpForward(),
  };
  writeFileSync(file, JSON.stringify(before), { mode: 0o600 });
}

/** Takes the bridge and its rules away, and, when no other daemon is left, Docker's chains and what they changed. */
export async function removeNetwork(name: string, sharedDir: string): Promise<void> {
  for (const table of ['filter', 'nat'] as const) {
    const { stdout } = await iptables(table, '-S');
    for (const rule of rulesOfBridge(stdout, name)) await iptables(table, ...rule);
  }
  if (await hasLink(name)) await runTool('ip', ['link', 'delete', name], { timeoutMs: TOOL_TIMEOUT_MS });
  if (isDockerRunning()) return;
  for (const table of ['filter', 'nat'] as const) {
    const { stdout } = await iptables(table, '-S');
    for (const command of commandsWithoutDocker(stdout)) await iptables(table, ...command);
  }
  await restoreNetwork(join(sharedDir, BEFORE_FILE));
}

async function restoreNetwork(file: string): Promise<void> {
  let before: unknown;
  try {
    before = JSON.parse(readFileSync(file, 'utf8'));
  } catch {
    return;
  }
  rmSync(file, { force: true });
  if (typeof before !== 'object' || before === null) return;
  if ('forwardPolicy' in before && before.forwardPolicy === 'ACCEPT')
    await iptables('filter', '-P', 'FORWARD', 'ACCEPT');
  if ('ipForward' in before && before.ipForward === '0' && existsSync(IP_FORWARD))
    writeFileSync(IP_FORWARD, '0');
}

/** The networks in the text of `/proc/net/route`, as `[address, mask]` in host order. */
export function parseRoutes(text: string): readonly (readonly [number, number])[] {
  return text
    .split('\n')
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields.length >= 8 && fields[7] !== '00000000')
    .map((fields) => [swapBytes(fields[1] ?? ''), swapBytes(fields[7] ?? '')] as const);
}

/** The first three numbers of a /24 within 172.30.0.0/16 that no route covers, from `seed` on; the seed's own if all are taken. */
export function pickSubnet(routes: readonly (readonly [number, number])[], seed: number): string {
  for (let step = 0; step < 256; step += 1) {
    const third = (seed + step) % 256;
    const address = ((172 << 24) | (30 << 16) | (third << 8)) >>> 0;
    const isTaken = routes.some(([network, mask]) => {
      const both = (mask & 0xff_ff_ff_00) >>> 0;
      return (address & both) >>> 0 === (network & both) >>> 0;
    });
    if (!isTaken) return `172.30.${third}`;
  }
  return `172.30.${seed % 256}`;
}

/** Arguments that delete each rule of `iptables -S` that names the bridge. */
export function rulesOfBridge(listing: string, bridge: string): readonly (readonly string[])[] {
  return listing
    .split('\n')
    .filter((line) => line.startsWith('-A ') && !line.includes('"'))
    .map((line) => line.trim().split(/\s+/))
    .filter((words) => words.some((word, at) => word === bridge && /^-[io]$/.test(words[at - 1] ?? '')))
    .map(([, ...rest]) => ['-D', ...rest]);
}

/** Arguments that take Docker's chains out of an `iptables -S`: the jumps to them, what is in them, the chains. */
export function commandsWithoutDocker(listing: string): readonly (readonly string[])[] {
  const lines = listing.split('\n').map((line) => line.trim().split(/\s+/));
  const isOurs = (chain: string | undefined): boolean =>
    /^DOCKER(-USER|-ISOLATION-STAGE-[12])?$/.test(chain ?? '');
  const chains = lines
    .filter(([verb, chain]) => verb === '-N' && isOurs(chain))
    .map(([, chain = '']) => chain);
  const jumps = lines.filter(
    ([verb, chain, ...rest]) =>
      verb === '-A' && !isOurs(chain) && isOurs(rest.at(-1)) && rest.at(-2) === '-j',
  );
  return [
    ...jumps.map(([, ...rest]) => ['-D', ...rest]),
    ...chains.map((chain) => ['-F', chain]),
    ...chains.map((chain) => ['-X', chain]),
  ];
}

function isDockerRunning(): boolean {
  return readdirSync('/proc').some((entry) => {
    if (!/^\d+$/.test(entry)) return false;
    try {
      return readFileSync(`/proc/${entry}/comm`, 'latin1').trim() === 'dockerd';
    } catch {
      return false;
    }
  });
}

function readIpForward(): string | null {
  return existsSync(IP_FORWARD) ? readFileSync(IP_FORWARD, 'latin1').trim() : null;
}

/** The kernel writes the bytes of an address in the order of the network, as one little-endian number. */
function swapBytes(hex: string): number {
  const value = Number.parseInt(hex, 16);
  return (((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | (value >>> 24)) >>> 0;
}

async function hasLink(name: string): Promise<boolean> {
  const { code } = await runTool('ip', ['link', 'show', 'dev', name], { timeoutMs: TOOL_TIMEOUT_MS });
  return code === 0;
}

async function ip(...args: readonly string[]): Promise<void> {
  const result = await runTool('ip', args, { timeoutMs: TOOL_TIMEOUT_MS });
  if (result.code !== 0)
    throw new EngineError('COMMAND_FAILED', `ip ${args.join(' ')}: ${lastWords(result)}`);
}

/** Best effort: where there is no iptables there are no rules either. */
function iptables(table: 'filter' | 'nat', ...args: readonly string[]): ReturnType<typeof runTool> {
  return runTool('iptables', ['-w', '10', '-t', table, ...args], { timeoutMs: TOOL_TIMEOUT_MS });
}
