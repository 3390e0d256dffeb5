import { spawn } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isProcessAlive, readProcessStart } from '../src/process/identity.ts';
import { findFreePort } from '../src/process/ports.ts';
import { runTool } from '../src/process/programs.ts';
import type { ProcessOptions } from '../src/process/supervise.ts';
import { stopProcess, superviseProcess } from '../src/process/supervise.ts';
import { makeScratchDir, removeScratchDir } from './scratch-dir.ts';

let dir: string;
beforeAll(() => {
  dir = makeScratchDir();
});
afterAll(() => removeScratchDir(dir));

const shell = (name: string, script: string, options: Partial<ProcessOptions> = {}) =>
  superviseProcess({
    name,
    command: 'sh',
    args: ['-c', script],
    logFile: join(dir, `${name}.log`),
    ...options,
  });

describe('superviseProcess', () => {
  it('says how the process ended and what it said last', async () => {
    const handle = await shell('ending', 'echo one; echo two >&2; exit 3');
    expect(await handle.exited).toEqual({ code: 3, signal: null });
    expect(handle.readLogTail()).toBe('one\ntwo');
    expect(handle.isAlive()).toBe(false);
    await handle.stop();
  });

  it('tells its own words from those of an earlier process in the same log', async () => {
    await (
      await shell('again', 'echo old')
    ).exited;
    const handle = await shell('again', 'echo new');
    await handle.exited;
    expect(handle.readLogTail()).toBe('new');
    expect(readFileSync(handle.logFile, 'utf8')).toBe('old\nnew\n');
    expect(statSync(handle.logFile).mode & 0o777).toBe(0o600);
  });

  it('puts a log aside that has grown too large', async () => {
    writeFileSync(join(dir, 'large.log'), 'x'.repeat(9 * 1024 * 1024));
    const handle = await shell('large', 'echo new');
    await handle.exited;
    expect(readFileSync(handle.logFile, 'utf8')).toBe('new\n');
    expect(statSync(`${handle.logFile}.1`).size).toBe(9 * 1024 * 1024);
  });

  it('lets a process wait its turn where the system can, and changes nothing else about it', async (context) => {
    const chrt = await runTool('chrt', ['-b', '0', 'true'], { timeoutMs: 5_000 });
    if (chrt.code !== 0) context.skip('no chrt here that may be used');
    // policy is field 41 of proc(5) stat; 3 is SCHED_BATCH
    const script = "sed 's/.*) //' /proc/$$/stat | cut -d' ' -f39; exit 3";
    const handle = await shell('batch', script, { schedule: 'batch' });
    expect(await handle.exited).toEqual({ code: 3, signal: null });
    expect(handle.readLogTail()).toBe('3');
    const other = await shell('ordinary', script);
    await other.exited;
    expect(other.readLogTail()).toBe('0');
  });

  it('kills a process that does not want to end', async () => {
    const handle = await shell('stubborn', 'trap "" TERM; echo ready; while :; do sleep 0.1; done', {
      stopWithinMs: 200,
    });
    await expect.poll(() => handle.readLogTail()).toBe('ready');
    await handle.stop();
    expect((await handle.exited).signal).toBe('SIGKILL');
    expect(isProcessAlive(handle.pid, handle.startedAt)).toBe(false);
  });

  it('says so when there is no such program', async () => {
    for (const command of ['no-such-program-here', join(dir, 'absent')]) {
      await expect(shell('absent', '', { command })).rejects.toMatchObject({ code: 'START_FAILED' });
    }
  });

  const onLinux = { meta: { skipReason: 'only Linux ends a child with its parent' } };
  it.skipIf(process.platform !== 'linux').each([
    ['takes a bound process with it', false],
    ['leaves a detached process alone', true],
  ])('%s when the parent is killed', onLinux, async (_, detached) => {
    const script = `
      import { superviseProcess } from ${JSON.stringify(fileURLToPath(new URL('../src/process/supervise.ts', import.meta.url)))};
      const options = { name: 'child', command: 'sleep', args: ['60'], logFile: '/dev/null', detached: ${detached} };
      console.log((await superviseProcess(options)).pid);
      setInterval(() => undefined, 1000);`;
    const parent = spawn(process.execPath, [
      '--conditions=@logline/source',
      '--input-type=module',
      '-e',
      script,
    ]);
    const pid = await new Promise<number>((resolve) =>
      parent.stdout.once('data', (text: Buffer) => resolve(Number(text))),
    );
    const startedAt = readProcessStart(pid);
    // by then it has asked the kernel to be bound
    await expect.poll(() => readFileSync(`/proc/${pid}/comm`, 'utf8')).toBe('sleep\n');
    parent.kill('SIGKILL');
    await new Promise((resolve) => parent.once('exit', resolve));
    await expect.poll(() => isProcessAlive(pid, startedAt)).toBe(detached);
    await stopProcess({ name: 'child', pid, startedAt, stopSignal: 'SIGTERM', stopWithinMs: 1_000 });
    expect(isProcessAlive(pid, startedAt)).toBe(false);
  });
});

describe('a process id', () => {
  it('is not enough: another start time is another process', async () => {
    const handle = await shell('named', 'sleep 60');
    expect(isProcessAlive(handle.pid, handle.startedAt)).toBe(true);
    expect(isProcessAlive(handle.pid, 'some other start')).toBe(false);
    const stranger = { name: 'stranger', pid: handle.pid, startedAt: 'some other start' };
    await stopProcess({ ...stranger, stopSignal: 'SIGKILL', stopWithinMs: 0 });
    expect(handle.isAlive()).toBe(true);
    await handle.stop();
  });
});

describe('findFreePort', () => {
  it('gives the port that is preferred, and steps over one that is taken', async () => {
    const squatter = createServer().listen(await findFreePort(), '127.0.0.1');
    await new Promise((resolve) => squatter.once('listening', resolve));
    const address = squatter.address();
    const taken = typeof address === 'object' && address !== null ? address.port : 0;
    expect(await findFreePort(taken)).toBeGreaterThan(taken);
    await new Promise((resolve) => squatter.close(resolve));
    expect(await findFreePort(taken)).toBe(taken);
  });
  it.each([-1, 65_536, 1.5, Number.NaN])('refuses %s for a port', async (port) => {
    await expect(findFreePort(port)).rejects.toMatchObject({ code: 'INVALID_OPTION' });
  });
});

describe('runTool', () => {
  it('answers with an exit code whatever happens', async () => {
    expect(await runTool('sh', ['-c', 'echo out; echo err >&2; exit 4'], { timeoutMs: 5_000 })).toEqual({
      code: 4,
      stdout: 'out\n',
      stderr: 'err\n',
    });
    expect(await runTool('sleep', ['60'], { timeoutMs: 50 })).toMatchObject({ code: 124 });
    expect(await runTool('no-such-program-here', [], { timeoutMs: 50 })).toMatchObject({ code: 127 });
  });
});
