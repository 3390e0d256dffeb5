import { formatHex, parseHex, publicKeyFromSeed } from '@logline/canon-sign';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person } from './home.ts';

/** Stands where the ledger's maintenance stands: a process that says what it was asked, and answers as it is told. The real one is tested with the service. */
const PROGRAM = `
const [say, code, ...args] = process.argv.slice(2);
process.stderr.write('fsck: 1 of 2 entries\\nthe last word\\n');
if (say !== 'nothing') process.stdout.write(JSON.stringify({ ok: code === '0', args, marker: process.env.MARKER, own: Object.keys(process.env).filter((key) => key.startsWith('LOGLINE_LEDGER_')), ...JSON.parse(say) }));
process.exitCode = Number(code);`;

let person: Person;
let program: string;
beforeEach(async () => {
  person = await Person.make();
  program = person.path('maintain.mjs');
  await writeFile(program, PROGRAM);
});
afterEach(() => person.remove());

const by = (say: string, code: number) => ({
  env: { LOGLINE_LEDGER_COMMAND: `${process.execPath} ${program} ${say} ${code}`, MARKER: 'mine' },
});

describe('logline ledger', () => {
  it('starts the command that is configured, with its arguments and folders as seen from here', async () => {
    expect(
      await person.must(['ledger', 'fsck', '--thorough', '--tenant', 'acme'], by('{}', 0)),
    ).toMatchObject({
      args: ['fsck', '--thorough', '--tenant', 'acme'],
      marker: 'mine',
    });
    const all = ['--facts', '--views', 'views.url', '--earlier-key', 'aa', 'bb'];
    expect(await person.must(['ledger', 'fsck', ...all], by('{}', 0))).toMatchObject({
      args: [
        'fsck',
        '--facts',
        '--views',
        join(person.dir, 'views.url'),
        '--earlier-key',
        'aa',
        '--earlier-key',
        'bb',
      ],
    });
    expect(await person.must(['ledger', 'export', 'out'], by('{}', 0))).toMatchObject({
      args: ['export', join(person.dir, 'out')],
    });
    expect(await person.must(['ledger', 'import', '/out'], by('{}', 0))).toMatchObject({
      args: ['import', '/out'],
    });
    for (const chore of ['export', 'import'])
      expect(
        await person.must(['ledger', chore, '/out', '--earlier-key', 'aa', 'bb'], by('{}', 0)),
      ).toMatchObject({ args: [chore, '/out', '--earlier-key', 'aa', '--earlier-key', 'bb'] });
    expect(
      await person.must(['ledger', 'republish', '--again', '--tenant', 'acme'], by('{}', 0)),
    ).toMatchObject({ args: ['republish', '--again', '--tenant', 'acme'] });
    expect(await person.must(['ledger', 'republish', '--from', '7'], by('{}', 0))).toMatchObject({
      args: ['republish', '--from', '7'],
    });
  });

  it('keeps its own setting from that command, which refuses what it does not know of a ledger', async () => {
    const { env } = by('{}', 0);
    const more = { ...env, LOGLINE_LEDGER_ORIGIN: 'logs.test' };
    expect(await person.must(['ledger', 'fsck'], { env: more })).toMatchObject({
      own: ['LOGLINE_LEDGER_ORIGIN'],
    });
  });

  it('asks which logs are still to be led to a new key, by its public half alone', async () => {
    const seed = '42'.repeat(32);
    await writeFile(person.path('log-2.json'), JSON.stringify({ kid: 'log-2', seed }), { mode: 0o600 });
    const pub = formatHex(publicKeyFromSeed(parseHex(seed, 32)));
    const keys = [{ tenant: 'acme', log_key: 'a+b+c', next: { log_key: 'd+e+f', from: '2027' } }];
    const say = JSON.stringify({ keys, logs: 7 });
    const left = await person.run(['ledger', 'log-keys', '--new-key-file', 'log-2.json'], by(say, 1));
    expect(left.code).toBe(3);
    expect(left.out).toContain('acme  a+b+c  then d+e+f from 2027');
    expect(left.out).toContain('1 of 7 logs are still to be rotated');
    expect(
      await person.must(
        ['ledger', 'log-keys', '--new-key-file', 'log-2.json', '--tenant', 'acme'],
        by('{}', 0),
      ),
    ).toMatchObject({ args: ['log-keys', '--to', pub, '--tenant', 'acme'] });
    expect(await person.must(['ledger', 'log-keys'], by('{}', 0))).toMatchObject({ args: ['log-keys'] });
    await chmod(person.path('log-2.json'), 0o644);
    expect(
      await person.run(['ledger', 'log-keys', '--new-key-file', 'log-2.json', '--json'], by('{}', 0)),
    ).toMatchObject({ code: 4, json: { code: 'UNSAFE_FILE' } });
  });

  it('finds the one of npm start', async () => {
    const dev = person.path('.logline/dev');
    await mkdir(dev, { recursive: true });
    const maintenance = { command: [process.execPath, program, '{}', '0'], env: { MARKER: 'dev' } };
    await writeFile(join(dev, 'env.json'), JSON.stringify({ processes: {}, maintenance }));
    expect(await person.must(['ledger', 'fsck'])).toMatchObject({ args: ['fsck'], marker: 'dev' });
    await writeFile(join(dev, 'env.json'), JSON.stringify({ processes: {}, maintenance: 'node' }));
    expect(await person.run(['ledger', 'fsck', '--json'])).toMatchObject({
      code: 5,
      json: { code: 'INVALID_INPUT' },
    });
  });

  it('names what is wrong, and gives the exit code of a no', async () => {
    const faults = [{ log: 'acme', index: 4711, column: 'entry.leaf', why: 'not-that-of-the-bytes' }];
    const answer = await person.run(['ledger', 'fsck'], by(JSON.stringify({ faults, entries: 9 }), 1));
    expect(answer).toMatchObject({ code: 3 });
    expect(answer.out).toContain('acme 4711  entry.leaf: not-that-of-the-bytes');
    expect(answer.err).toContain('fsck: 1 of 2 entries');
  });

  it('says the last words of one that could not do its work', async () => {
    expect(await person.run(['ledger', 'fsck', '--json'], by('nothing', 2))).toMatchObject({
      code: 1,
      json: { code: 'FAILED', detail: expect.stringContaining('the last word') },
    });
    expect(await person.run(['ledger', 'fsck', '--json'], by('nothing', 0))).toMatchObject({ code: 5 });
    expect(
      await person.run(['ledger', 'fsck', '--json'], { env: { LOGLINE_LEDGER_COMMAND: '/nowhere/at-all' } }),
    ).toMatchObject({
      code: 1,
      json: { code: 'FAILED', fix: expect.stringContaining('LOGLINE_LEDGER_COMMAND') },
    });
  });

  it('says how it is configured when nothing is, and what is missing', async () => {
    expect(await person.run(['ledger', 'fsck', '--json'])).toMatchObject({
      code: 2,
      json: { code: 'USAGE', fix: expect.stringContaining('LOGLINE_LEDGER_COMMAND') },
    });
    expect(await person.run(['ledger', 'export', '--json'], by('{}', 0))).toMatchObject({ code: 2 });
    expect(await person.run(['ledger', 'republish', '--from', 'x', '--json'], by('{}', 0))).toMatchObject({
      code: 2,
    });
  });
});

describe('logline log adopt', () => {
  const adopt = ['log', 'adopt', '--i-know', '--operator-key-file', 'operator.json'];

  it('adopts the partition that is named, one that an installation can have', async () => {
    const report = JSON.stringify({ needed: true, adopted: true, not_adopted: [] });
    expect(await person.must([...adopt, '--partition', '255'], by(report, 0))).toMatchObject({
      args: ['adopt', '--partition', '255', '--i-know', '--operator-key-file', person.path('operator.json')],
    });
    expect(await person.run([...adopt, '--partition', '256', '--json'], by(report, 0))).toMatchObject({
      code: 2,
    });
  });

  it('names the logs that were left out, and gives the exit code of a no', async () => {
    const not_adopted = [{ tenant: 'acme', why: 'its-leaves-are-damaged' }];
    const report = JSON.stringify({ needed: true, adopted: true, logs: 2, not_adopted });
    const answer = await person.run(adopt, by(report, 1));
    expect(answer.code).toBe(3);
    expect(answer.out).toContain('acme  not adopted: its-leaves-are-damaged');
    expect(answer.out).toContain('not for 1 of 2 logs');
    expect(await person.run(adopt, by(JSON.stringify({ needed: true, adopted: false }), 1))).toMatchObject({
      code: 3,
      out: expect.stringContaining('add --i-know'),
    });
  });
});
