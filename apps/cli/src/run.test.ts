import { Command } from 'commander';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { CATALOGUE } from './catalogue.ts';
import { Context } from './context.ts';
import { Exit } from './errors.ts';
import type { Io } from './io.ts';
import { globalsLast, loadCommand, makeProgram, run } from './run.ts';
import { Output } from './terminal/output.ts';

type Spoken = Io & { out: string; err: string };

function io(overrides: Partial<Io> = {}): Spoken {
  const spoken = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => ({
    write: (text: string | Uint8Array) => void (spoken[name] += String(text)),
  });
  return Object.assign(spoken, {
    stdin: new PassThrough(),
    stdout: sink('out'),
    stderr: sink('err'),
    env: {},
    cwd: '/nowhere',
    home: '/nowhere',
    signal: new AbortController().signal,
    nowMs: () => 0,
    random: (bytes: number) => new Uint8Array(bytes),
    ...overrides,
  });
}

async function leaves(): Promise<readonly (readonly [string, Command])[]> {
  const world = io();
  const program = makeProgram(world, '0', false, { text: '' });
  for (const { name } of CATALOGUE)
    await loadCommand(
      program,
      name,
      (options) =>
        new Context(world, new Output(world, { isJson: false, isQuiet: false, wantsColor: false }), options),
    );
  const walk = (command: Command, path: string): (readonly [string, Command])[] =>
    command.commands.length === 0
      ? [[path, command]]
      : command.commands.flatMap((child) => walk(child, `${path} ${child.name()}`));
  return program.commands.flatMap((command) => walk(command, command.name()));
}
const all = await leaves();

describe('every command', () => {
  it('is there', () => {
    expect(all.map(([path]) => path)).toEqual([
      'login',
      'doctor',
      'explain',
      'api',
      'tenant create',
      'tenant rotate-log-key',
      'key add',
      'key list',
      'key revoke',
      'apikey add',
      'apikey list',
      'apikey revoke',
      'runner add',
      'runner list',
      'runner revoke',
      'wallet init',
      'wallet show',
      'wallet seal',
      'wallet grant',
      'wallet revoke',
      'wallet prove',
      'minicontainer init',
      'minicontainer verify',
      'minicontainer sign',
      'minicontainer pack',
      'minicontainer unpack',
      'minicontainer apply',
      'deploy up',
      'deploy plan',
      'deploy stop',
      'deploy list',
      'status',
      'query',
      'log tail',
      'log get',
      'log prove',
      'log checkpoint',
      'log keys',
      'log export',
      'log fsck',
      'log publish',
      'log unpublish',
      'log adopt',
      'receipt verify',
      'ledger fsck',
      'ledger export',
      'ledger import',
      'ledger republish',
      'ledger move',
      'ledger log-keys',
      'witness init',
      'witness run',
      'witness show',
    ]);
  });

  it.each(all)('%s has help with two examples of itself, and takes --json', async (path) => {
    const world = io();
    expect(await run([...path.split(' '), '--help'], world, '0')).toBe(0);
    const examples = world.out.split('Examples:\n')[1]?.trim().split('\n') ?? [];
    expect(examples.length).toBeGreaterThanOrEqual(2);
    const names = [path, path.replace('revoke', 'remove')];
    expect(examples.filter((example) => !names.some((name) => example.includes(`logline ${name}`)))).toEqual(
      [],
    );
    expect(world.out).toContain('--json');
    expect(world.err).toBe('');
  });

  it.each(all)('%s has examples whose options it knows', async (_path, command) => {
    let help = '';
    command.configureOutput({ writeOut: (text) => void (help += text) });
    command.outputHelp();
    for (const example of help.split('Examples:\n')[1]?.trim().split('\n') ?? []) {
      for (const [, option = ''] of example.matchAll(/ (--[a-z-]+)/g))
        expect(
          command.options.some(({ long }) => long === option),
          `${option} in ${example}`,
        ).toBe(true);
    }
  });

  it.each(all)('%s takes no secret as an option', (_path, command) => {
    for (const { long } of command.options)
      expect(long).not.toMatch(/^--(api-?key|passphrase|password|secret|seed|token-value)$/);
  });
});

describe('a usage error', () => {
  it.each([
    [['minicontainr'], 'Did you mean minicontainer?'],
    [['deploy', 'upp'], 'Did you mean up?'],
    [['explain', '--jsn'], 'Did you mean --json?'],
    [['deploy', 'up', '--until', 'never'], 'Allowed choices are running, exited'],
    [['status', '--timeout', 'soon'], '500ms, 30s, 5m'],
    [['minicontainer', 'init'], "required option '--name <name>'"],
  ])('%j gives exit code 2 and says %s', async (argv, said) => {
    const world = io();
    expect(await run(argv, world, '0')).toBe(2);
    expect(world.err).toContain(said);
    expect(world.out).toBe('');
  });

  it('is one problem document with --json, wherever --json stands', async () => {
    for (const argv of [
      ['--json', 'deploy', 'upp'],
      ['deploy', 'upp', '--json'],
    ]) {
      const world = io();
      expect(await run(argv, world, '0')).toBe(2);
      expect(JSON.parse(world.err)).toMatchObject({ code: 'USAGE', detail: "unknown command 'upp'" });
      expect(world.out).toBe('');
    }
  });

  it('prints help on stderr and gives 2 when no command was given', async () => {
    const world = io();
    expect(await run([], world, '0')).toBe(2);
    expect(world.out).toBe('');
    expect(world.err).toContain('Usage: logline');
  });
});

describe('explain', () => {
  it('knows a code by name, number and words', async () => {
    for (const asked of ['428_PROOF_REQUIRED', '428', 'proof_required', 'proof-required']) {
      const world = io();
      expect(await run(['explain', asked], world, '0')).toBe(0);
      expect(world.out).toContain('logline wallet prove deploy.allow');
    }
  });

  it('prints one document with --json, without colours even where they are forced', async () => {
    const world = io({ env: { FORCE_COLOR: '1' } });
    expect(await run(['explain', '409', '--json'], world, '0')).toBe(0);
    const document = JSON.parse(world.out);
    expect(document.schemaVersion).toBe(1);
    expect(document.codes).toHaveLength(4);
    expect(document.codes[0]).toMatchObject({ exit_code: 6 });
    // eslint-disable-next-line no-control-regex
    expect(world.out).not.toMatch(/\u001b/);
  });

  it('gives 3 for what is no code, and suggests one', async () => {
    const world = io();
    expect(await run(['explain', '428_PROOF_REQIRED', '--json'], world, '0')).toBe(3);
    expect(JSON.parse(world.err)).toMatchObject({
      code: 'NOT_FOUND',
      fix: 'did you mean 428_PROOF_REQUIRED?',
    });
    expect(await run(['explain', '422_TDLN_INVALID'], io(), '0')).toBe(0);
  });

  it('colours only where it may', async () => {
    const painted = async (env: Io['env'], argv: readonly string[] = []) => {
      const world = io({ env });
      await run(['explain', '409', ...argv], world, '0');
      return world.out.includes('\u001b[');
    };
    expect(await painted({})).toBe(false); // not a terminal
    expect(await painted({ FORCE_COLOR: '1' })).toBe(true);
    expect(await painted({ FORCE_COLOR: '1', NO_COLOR: '1' })).toBe(false);
    expect(await painted({ FORCE_COLOR: '1' }, ['--no-color'])).toBe(false);
    expect(await painted({ CLICOLOR_FORCE: '1' })).toBe(true);
  });
});

describe('help topics', () => {
  it.each(['exit-codes', 'environment', 'files'])('%s is printed', async (topic) => {
    const world = io();
    expect(await run(['help', topic], world, '0')).toBe(0);
    expect(world.out.length).toBeGreaterThan(200);
  });

  it('help of a command is that of the command', async () => {
    const world = io();
    expect(await run(['help', 'deploy'], world, '0')).toBe(0);
    expect(world.out).toContain('up [options]');
  });
});

it('moves options of every command behind the command, and nothing else', () => {
  expect(globalsLast(['--json', '--tenant', 'acme', 'deploy', 'up', '--target', 'docker'])).toEqual([
    'deploy',
    'up',
    '--target',
    'docker',
    '--json',
    '--tenant',
    'acme',
  ]);
  expect(globalsLast(['--tenant=acme', 'wallet', 'show'])).toEqual(['wallet', 'show', '--tenant=acme']);
  expect(globalsLast(['deploy', 'up', '--json'])).toEqual(['deploy', 'up', '--json']);
  expect(globalsLast(['--version'])).toEqual(['--version']);
  expect(globalsLast([])).toEqual([]);
});

it('prints the version', async () => {
  const world = io();
  expect(await run(['--version'], world, '1.2.3')).toBe(0);
  expect(world.out).toBe('1.2.3\n');
});

it('gives the exit code of an answer that is already printed', () => {
  expect(new Exit(3).exitCode).toBe(3);
});
