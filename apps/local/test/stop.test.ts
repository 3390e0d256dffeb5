import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { spawn } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isProcessAlive } from '@logline/engines';
import { eventually } from '@logline/testing';
import { isRunning, startsOf, writeEnvFile, type EnvFile } from '../src/env-file.ts';
import { layoutOf, type Layout } from '../src/layout.ts';
import { stopInstallation } from '../src/stop.ts';

let dir: string;
let layout: Layout;
const pids: number[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'logline-local-'));
  await chmod(dir, 0o755);
  layout = layoutOf(dir, dir);
  await mkdir(layout.dev, { recursive: true });
});
afterEach(async () => {
  for (const pid of pids.splice(0)) if (isProcessAlive(pid)) process.kill(pid, 'SIGKILL');
  await rm(dir, { recursive: true, force: true });
});

/** A process that ends when asked, in its own good time. */
async function service(): Promise<number> {
  const child = spawn(process.execPath, [
    '-e',
    "process.on('SIGTERM', () => setTimeout(() => process.exit(), 300)); setInterval(() => {}, 1000); process.stdout.write('up')",
  ]);
  pids.push(child.pid ?? 0);
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child.pid ?? 0;
}

async function envOf(change: Partial<EnvFile>): Promise<void> {
  const texts = { baseUrl: '', tenant: '', operatorKeyFile: '', walletFile: '', passphraseFile: '' };
  await writeEnvFile(layout.env, {
    ...texts,
    natsUrl: '',
    postgresUrl: '',
    logKey: '',
    processes: {},
    ...change,
  });
}

describe('stop', () => {
  it('waits for the services of a supervisor that was killed, and clears the secrets it left', async () => {
    const processes = { supervisor: await service(), gateway: await service() };
    await envOf({ processes, started: startsOf(processes) });
    await mkdir(layout.runnerSecrets, { recursive: true });
    await writeFile(join(layout.runnerSecrets, 'DB_URL'), 'secret');
    process.kill(processes.supervisor, 'SIGKILL');
    await eventually(() => expect(isProcessAlive(processes.supervisor)).toBe(false), { withinMs: 2000 });
    const lines: string[] = [];
    expect(await stopInstallation(layout, (line) => void lines.push(line))).toBe(0);
    expect(lines).toEqual(['ending what was left: gateway']);
    expect(isProcessAlive(processes.gateway)).toBe(false);
    await expect(rm(layout.runnerSecrets, { recursive: true })).rejects.toThrowError('ENOENT');
  });

  it('touches no process that only has the pid of one of ours', async () => {
    const stranger = await service();
    const processes = { supervisor: stranger, gateway: stranger };
    const env = { processes, started: { supervisor: 'another boot:1', gateway: 'another boot:1' } };
    await envOf(env);
    const lines: string[] = [];
    expect(await stopInstallation(layout, (line) => void lines.push(line))).toBe(0);
    expect(lines).toEqual(['nothing runs']);
    expect(isProcessAlive(stranger)).toBe(true);
    expect(isRunning(null)).toBe(false);
  });
});
