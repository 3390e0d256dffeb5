import { formatHex, signerFromSeed, spanIdFromRandom } from '@logline/canon-sign';
import { formatInstant, type Span } from '@logline/contracts';
import { formatVkey, leafHash, parseVkey, rootOfLeaves, verifyProof } from '@logline/tlog';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person } from './home.ts';
import { LogServer } from './log-server.ts';

const TENANT = 'voulezvous';
const WEB = `urn:minicontainer:${TENANT}/web`;

let person: Person;
let log: LogServer;
beforeEach(async () => {
  person = await Person.make();
  log = await new LogServer(TENANT).listen();
  Object.assign(person.env, {
    LOGLINE_BASE_URL: log.url,
    LOGLINE_TENANT: TENANT,
    LOGLINE_API_KEY: 'lltok_test_0123456789abcdefghij',
    LOGLINE_LOG_KEY: log.logKey,
  });
});
afterEach(async () => {
  await log.close();
  await person.remove();
});

/** A span that nobody signed: the log proves what it holds, whoever let it in. */
function spanAt(nth: number, intent = 'deploy.stop', subject = WEB): Span {
  const random = new Uint8Array(10);
  new DataView(random.buffer).setUint32(6, nth);
  return {
    schema_version: '1.1.0',
    entity_type: 'function',
    this: spanIdFromRandom(1_790_000_000_000 + nth, random),
    did: { actor: 'root', action: 'append' },
    intent,
    subject,
    payload: { nth },
    ts: formatInstant(1_790_000_000_000 + nth),
    signature: { kid: 'root', alg: 'ed25519-blake3', sig: `${'A'.repeat(86)}==` },
  };
}

function grow(to: number): void {
  for (let nth = log.entries.length; nth < to; nth += 1)
    log.append(
      spanAt(nth, nth % 5 === 0 ? 'run_state.running' : 'deploy.stop', nth % 3 === 0 ? `${WEB}-2` : WEB),
    );
}
const lines = (out: string) =>
  out
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
const leafOf = (index: number) => leafHash(log.entries[index]?.bytes ?? new Uint8Array());
const rootAt = (size: number) => rootOfLeaves(log.entries.slice(0, size).map(({ bytes }) => leafHash(bytes)));
const flip = (bytes: Uint8Array | undefined, at: number) =>
  bytes === undefined ? undefined : bytes.map((byte, i) => (i === at % bytes.length ? byte ^ 1 : byte));
const notVerified = { code: 3, json: { code: 'NOT_VERIFIED' } };

describe('logline log tail', () => {
  it('prints the newest entries in order, as they were signed', async () => {
    grow(300);
    const answer = await person.run(['log', 'tail', '-n', '50', '--json']);
    expect(answer.code).toBe(0);
    const items = lines(answer.out);
    expect(items.map(({ index }) => index)).toEqual(Array.from({ length: 50 }, (_, i) => 250 + i));
    for (const { index, leaf, span } of items) {
      expect(span).toEqual(log.entries[index]?.span);
      expect(leaf).toBe(formatHex(leafOf(index)));
    }
    const text = await person.run(['log', 'tail']);
    expect(text.out.trim().split('\n')).toHaveLength(10);
    expect(text.out).toContain('run_state.running');
  });

  it('finds what matches, however far back, and from an index on', async () => {
    log.append(spanAt(5000, 'registry.key.add', `urn:tenant:${TENANT}`));
    grow(270);
    const rare = lines((await person.run(['log', 'tail', '--intent', 'registry.*', '--json'])).out);
    expect(rare).toMatchObject([{ index: 0, span: { intent: 'registry.key.add' } }]);
    const two = lines((await person.run(['log', 'tail', '-n', '2', '--subject', `${WEB}-2`, '--json'])).out);
    expect(two.map(({ index }) => index)).toEqual([264, 267]);
    const some = lines(
      (await person.run(['log', 'tail', '--from', '250', '--intent', 'run_state.*', '--json'])).out,
    );
    expect(some.map(({ index }) => index)).toEqual([250, 255, 260, 265]);
    expect((await person.run(['log', 'tail', '-n', '0'])).out).toBe('');
    expect((await person.run(['log', 'tail', '--intent', 'Nonsense!'])).code).toBe(2);
  });

  it('follows, and holds the log to having only grown at each step', async () => {
    grow(3);
    const following = person.run(['log', 'tail', '--follow', '--timeout', '4s', '--json']);
    setTimeout(() => grow(6), 1200);
    const answer = await following;
    expect(answer.code).toBe(8);
    expect(lines(answer.out).map(({ index }) => index)).toEqual([0, 1, 2, 3, 4, 5]);
  });

  it('stops at the first word of another history', async () => {
    grow(5);
    const following = person.run(['log', 'tail', '--follow', '--timeout', '20s', '--json']);
    setTimeout(() => {
      log.forget();
      for (let nth = 0; nth < 9; nth += 1) log.append(spanAt(100 + nth));
    }, 800);
    const answer = await following;
    expect(answer.code).toBe(3);
    expect(JSON.parse(answer.err)).toMatchObject({
      code: 'NOT_VERIFIED',
      detail: expect.stringContaining('two histories'),
    });
  });
});

describe('logline log get', () => {
  it('gives an entry by index, span id and leaf hash, and the very bytes on stdout', async () => {
    grow(260);
    for (const index of [0, 255, 256, 259]) {
      const entry = log.entries[index];
      for (const name of [String(index), entry?.span.this ?? '', formatHex(leafOf(index))]) {
        const answer = await person.run(['log', 'get', name]);
        expect([answer.code, answer.out]).toEqual([0, `${Buffer.from(entry?.bytes ?? []).toString()}\n`]);
        expect(await person.must(['log', 'get', name])).toMatchObject({
          index,
          size: 260,
          verified: true,
          span: entry?.span,
        });
      }
    }
  });

  it('says what is not there, and what names nothing', async () => {
    grow(4);
    expect(await person.run(['log', 'get', '4', '--json'])).toMatchObject({
      code: 3,
      json: { code: 'NOT_FOUND' },
    });
    expect(await person.run(['log', 'get', spanAt(77).this, '--json'])).toMatchObject({
      code: 3,
      json: { code: 'NOT_FOUND' },
    });
    for (const name of ['-1', '0x1', '01', 'urn:span:1', 'A'.repeat(64), '']) {
      expect((await person.run(['log', 'get', '--json', '--', name])).code).toBe(2);
    }
  });
});

describe('logline log prove', () => {
  it('prints a proof that anybody with the key verifies, to the newest checkpoint and to an earlier one', async () => {
    grow(259);
    const identity = { origin: log.origin, vkeys: [parseVkey(log.logKey)] };
    for (const index of [0, 7, 255, 256]) {
      const answer = await person.run(['log', 'prove', String(index)]);
      expect(verifyProof(answer.out, leafOf(index), identity)).toMatchObject({
        index: BigInt(index),
        size: 259n,
      });
      const id = log.entries[index]?.span.this ?? '';
      const earlier = await person.must([
        'log',
        'prove',
        id,
        '--size',
        String(index + 1),
        '--out',
        'p.tlog-proof',
      ]);
      expect(earlier).toMatchObject({ index, size: index + 1, leaf: formatHex(leafOf(index)) });
      expect(await readFile(person.path('p.tlog-proof'), 'utf8')).toBe(log.entries[index]?.receipt.merkle);
      expect(earlier.proof).toBe(log.entries[index]?.receipt.merkle);
    }
    expect((await person.run(['log', 'prove', '5', '--size', '3'])).code).toBe(3);
    expect((await person.run(['log', 'prove', '5', '--size', '1000'])).code).toBe(3);
    expect((await person.run(['log', 'prove', '5', '--size', 'x'])).code).toBe(2);
  });
});

describe('logline log checkpoint', () => {
  it('shows the signed note, pins it, and shows growth from a file, a proof and a size', async () => {
    grow(200);
    const first = await person.run(['log', 'checkpoint']);
    expect(first.out).toBe(log.checkpointAt(200));
    expect(first.err).toContain('for the first time');
    await writeFile(person.path('old.checkpoint'), first.out);
    grow(300);
    expect(await person.must(['log', 'checkpoint'])).toMatchObject({
      size: 300,
      growth: 'grown',
      since: { size: 200 },
    });
    await person.must(['log', 'prove', '3', '--out', 'old.tlog-proof', '--size', '150']);
    for (const [since, size] of [
      ['old.checkpoint', 200],
      ['old.tlog-proof', 150],
      ['120', 120],
    ] as const)
      expect(await person.must(['log', 'checkpoint', '--since', since])).toMatchObject({
        growth: 'same',
        since: { size },
      });
    await writeFile(person.path('garbage'), 'c2sp.org/tlog-proof@v1\n');
    expect((await person.run(['log', 'checkpoint', '--since', 'garbage'])).code).toBe(5);
    expect((await person.run(['log', 'checkpoint', '--since', 'nothing-there'])).code).toBe(3);
    expect((await person.run(['log', 'checkpoint', '--since', '301'])).code).toBe(3);
  });

  it('is refused by another key, and needs one', async () => {
    grow(3);
    const other = formatVkey(log.origin, signerFromSeed('x', new Uint8Array(32).fill(9)).publicKey);
    expect(await person.run(['log', 'checkpoint', '--vkey', other, '--json'])).toMatchObject(notVerified);
    const answer = await person.run(['log', 'checkpoint', '--json'], { env: { LOGLINE_LOG_KEY: '' } });
    expect(answer).toMatchObject({
      code: 2,
      json: { code: 'USAGE', fix: expect.stringContaining('--vkey') },
    });
    expect((await person.run(['log', 'checkpoint', '--vkey', 'nonsense'])).code).toBe(5);
    expect((await person.run(['log', 'checkpoint', '--url', 'ftp://x', '--vkey', other])).code).toBe(2);
  });
});

describe('a copy of a log', () => {
  const files = async (dir = 'copy'): Promise<string[]> => {
    const all = await readdir(person.path(dir), { recursive: true, withFileTypes: true });
    return all
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(person.path(dir).length + 1))
      .toSorted();
  };
  const fsck = (dir: string, ...more: string[]) =>
    person.run(['log', 'fsck', dir, '--vkey', log.logKey, '--json', ...more], {
      env: { LOGLINE_BASE_URL: 'http://127.0.0.1:1' },
    });

  it('is a folder that verifies with no server, goes on where it was, and leaves nothing behind', async () => {
    grow(600);
    expect(await person.must(['log', 'export', 'copy'])).toMatchObject({
      ok: true,
      size: 600,
      entries: 600,
      files_kept: 0,
      files_fetched: 7,
    });
    expect(await files()).toEqual([
      'checkpoint',
      'tile/0/000',
      'tile/0/001',
      'tile/0/002.p/88',
      'tile/1/000.p/2',
      'tile/entries/000',
      'tile/entries/001',
      'tile/entries/002.p/88',
    ]);
    grow(800);
    log.requests.length = 0;
    expect(await person.must(['log', 'export', 'copy'])).toMatchObject({
      size: 800,
      files_kept: 4,
      files_fetched: 5,
    });
    expect(log.requests.filter(({ path }) => /tile\/(0|entries)\/00[01]$/.test(path))).toEqual([]);
    expect(await files()).toEqual([
      'checkpoint',
      ...['000', '001', '002', '003.p/32'].map((path) => `tile/0/${path}`),
      'tile/1/000.p/3',
      ...['000', '001', '002', '003.p/32'].map((path) => `tile/entries/${path}`),
    ]);
    await log.close();
    const checked = await fsck('copy');
    expect(checked).toMatchObject({ code: 0, json: { ok: true, entries: 800, tiles: 5, fault: null } });
    await log.listen();
  });

  it('that was cut off has no checkpoint, and is finished by the next run', async () => {
    grow(600);
    log.lie = (name, answer) => (name.startsWith('tile/entries/001') ? undefined : answer);
    expect(await person.run(['log', 'export', 'copy', '--json'])).toMatchObject(notVerified);
    expect(await files()).toEqual(['tile/0/000', 'tile/entries/000']);
    expect((await fsck('copy')).json.fault).toMatchObject({ code: 'MISSING', path: 'checkpoint' });
    log.lie = (_, answer) => answer;
    expect(await person.must(['log', 'export', 'copy'])).toMatchObject({ files_kept: 2, files_fetched: 5 });
    expect((await fsck('copy')).code).toBe(0);
  });

  it('is found out when anything in it was changed, by entry and file', async () => {
    grow(600);
    await person.must(['log', 'export', 'copy']);
    for (const [path, at, index] of [
      ['tile/entries/001', 9, 256],
      ['tile/0/000', 32 * 77, 77],
      ['tile/1/000.p/2', 40, 256],
      ['tile/entries/002.p/88', 5, 512],
    ] as const) {
      const file = person.path(`copy/${path}`);
      const bytes = await readFile(file);
      await writeFile(file, flip(new Uint8Array(bytes), at) ?? bytes);
      const answer = await fsck('copy');
      expect([path, answer.code, answer.json.fault.index]).toEqual([path, 3, index]);
      expect([path, null]).toContain(answer.json.fault.path);
      const again = await person.run(['log', 'export', 'copy', '--json']);
      expect(again).toMatchObject({ code: 3, json: { code: 'NOT_VERIFIED' } });
      await rm(file);
      expect(await person.must(['log', 'export', 'copy'])).toMatchObject({ files_fetched: 1, files_kept: 6 });
    }
    const text = await person.run(['log', 'fsck', 'copy']);
    expect(text.out).toContain('600 entries');
  });

  it('is not taken for the log by another key, nor when it is rewritten behind a checkpoint that was seen', async () => {
    grow(300);
    await person.must(['log', 'export', 'copy']);
    const other = formatVkey(log.origin, signerFromSeed('x', new Uint8Array(32).fill(9)).publicKey);
    expect((await fsck('copy', '--vkey', other)).json.fault).toMatchObject({
      code: 'UNKNOWN_KEY',
      path: 'checkpoint',
    });
    // the log's own key, another history: a copy made by somebody who had been shown that one
    const stranger = await Person.make();
    log.forget();
    for (let nth = 0; nth < 310; nth += 1) log.append(spanAt(7000 + nth));
    Object.assign(stranger.env, person.env);
    await stranger.must(['log', 'export', 'copy']);
    const elsewhere = stranger.path('copy');
    expect((await person.run(['log', 'fsck', elsewhere, '--json'])).json.fault).toMatchObject({
      code: 'ROOT_MISMATCH',
      message: expect.stringContaining('two histories'),
    });
    expect(await person.run(['log', 'export', 'copy', '--json'])).toMatchObject(notVerified);
    await stranger.remove();
  });

  it('may be of any log at any URL, and checked there too', async () => {
    grow(300);
    log.isPublic = true;
    const url = `${log.url}/v1/log/${TENANT}`;
    const env = { LOGLINE_BASE_URL: '', LOGLINE_TENANT: '', LOGLINE_API_KEY: '', LOGLINE_LOG_KEY: '' };
    const key = ['--vkey', log.logKey, '--json'];
    log.requests.length = 0;
    const made = await person.run(['log', 'export', 'theirs', '--url', `${url}/`, ...key], { env });
    expect(made).toMatchObject({ code: 0, json: { ok: true, entries: 300 } });
    expect((await person.run(['log', 'fsck', url, ...key], { env })).json).toMatchObject({
      ok: true,
      where: url,
    });
    expect((await person.run(['log', 'get', '5', '--url', url, ...key], { env })).json).toMatchObject({
      index: 5,
    });
    expect(log.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
    log.isPublic = false;
    const closed = await person.run(['log', 'fsck', url, ...key], { env });
    expect(closed).toMatchObject({ code: 3, json: { fault: { code: 'MISSING', path: 'checkpoint' } } });
    expect(await person.run(['log', 'tail', '--url', url, ...key], { env })).toMatchObject({
      code: 3,
      json: { code: 'NOT_FOUND' },
    });
    expect((await person.run(['log', 'fsck', 'no-such-folder', ...key], { env })).code).toBe(3);
  });

  it('works where a log has dropped the partial tiles of what became full', async () => {
    grow(600);
    // a checkpoint of a moment ago, and tiles that have become full since
    const older = new TextEncoder().encode(log.checkpointAt(300) ?? '');
    log.lie = (name, answer) => (name === 'checkpoint' ? older : name.endsWith('.p/44') ? undefined : answer);
    const fresh = await Person.make();
    Object.assign(fresh.env, person.env);
    expect(await fresh.must(['log', 'export', 'copy'])).toMatchObject({ size: 300, ok: true });
    await fresh.remove();
  });
});

describe('a log that lies', () => {
  beforeEach(() => grow(300));
  const text = (value: string | undefined) =>
    value === undefined ? undefined : new TextEncoder().encode(value);

  it.each([
    ['tail', ['log', 'tail']],
    ['get', ['log', 'get', '290']],
    ['prove', ['log', 'prove', '290']],
  ])('about an entry is caught by %s', async (_, command) => {
    // a letter inside entry 290
    const at = log.entries.slice(256, 290).reduce((sum, { bytes }) => sum + 2 + bytes.length, 0) + 100;
    log.lie = (name, answer) => (name.startsWith('tile/entries/001') ? flip(answer, at) : answer);
    expect(await person.run([...command, '--json'])).toMatchObject(notVerified);
  });

  it.each([
    ['tail', ['log', 'tail']],
    ['get', ['log', 'get', '290']],
    ['prove', ['log', 'prove', '3']],
  ])('in its tiles is caught by %s', async (_, command) => {
    log.lie = (name, answer) => (/^tile\/[01]\//.test(name) ? flip(answer, 3 * 32) : answer);
    expect(await person.run([...command, '--json'])).toMatchObject(notVerified);
    log.lie = (name, answer) => (name.startsWith('tile/0/') ? answer?.slice(0, -1) : answer);
    expect(await person.run([...command, '--json'])).toMatchObject(notVerified);
    log.lie = (name, answer) => (name.startsWith('tile/0/') ? undefined : answer);
    expect(await person.run([...command, '--json'])).toMatchObject(notVerified);
  });

  it('about where an entry is, is caught by what stands there', async () => {
    const other = log.entries[7]?.receipt.merkle;
    log.lie = (name, answer) => (name.startsWith('inclusion') ? text(other) : answer);
    for (const wanted of [log.entries[9]?.span.this ?? '', formatHex(leafOf(9))]) {
      expect(await person.run(['log', 'get', wanted, '--json'])).toMatchObject(notVerified);
      expect(await person.run(['log', 'prove', wanted, '--json'])).toMatchObject(notVerified);
    }
    log.lie = (name, answer) => (name.startsWith('inclusion') ? text('no proof') : answer);
    expect(await person.run(['log', 'get', log.entries[9]?.span.this ?? '', '--json'])).toMatchObject(
      notVerified,
    );
    log.lie = (name, answer) => (name.startsWith('inclusion') ? new Uint8Array([0xff, 0xfe]) : answer);
    expect(await person.run(['log', 'get', log.entries[9]?.span.this ?? '', '--json'])).toMatchObject(
      notVerified,
    );
    const far = log.entries[9]?.receipt.merkle.replace('index 9', 'index 9000');
    log.lie = (name, answer) => (name.startsWith('inclusion') ? text(far) : answer);
    expect((await person.run(['log', 'get', log.entries[9]?.span.this ?? '', '--json'])).code).toBe(3);
  });

  it('that hides an entry whose receipt was kept is not even asked', async () => {
    await person.must(['wallet', 'init', '--key', 'kid_sign_1']);
    await person.must(['log', 'publish', '--yes']);
    const own = log.entries.at(-1)?.span.this ?? '';
    log.lie = (name, answer) => (name.startsWith('inclusion') ? undefined : answer);
    expect(await person.must(['log', 'get', own])).toMatchObject({ index: 300, verified: true });
  });

  it.each([
    ['by another key', () => new LogServer(TENANT, new Uint8Array(32).fill(66)).sign(300, rootAt(300))],
    ['of another log', () => new LogServer('other').sign(300, rootAt(300))],
    ['with a changed size', () => log.checkpointAt(300)?.replace('\n300\n', '\n301\n')],
    ['without a signature', () => log.checkpointAt(300)?.split('\n\n')[0]],
    ['that is no text', () => undefined],
  ])('with a checkpoint %s is refused by every command', async (name, note) => {
    log.lie = (path, answer) =>
      path === 'checkpoint'
        ? name === 'that is no text'
          ? new Uint8Array([0xc0, 0x80])
          : text(note())
        : answer;
    for (const command of [['tail'], ['get', '3'], ['prove', '3'], ['checkpoint'], ['export', 'copy']])
      expect([command, await person.run(['log', ...command, '--json'])]).toMatchObject([
        command,
        notVerified,
      ]);
    const checked = await person.run(['log', 'fsck', '--json']);
    expect(checked.code).toBe(3);
  });

  it('that forks under its own key is caught by whoever saw the other history, in each command', async () => {
    await person.must(['log', 'checkpoint']);
    const evil = new LogServer(TENANT);
    for (let nth = 0; nth < 320; nth += 1)
      evil.append(spanAt(nth === 17 ? 9999 : nth, nth % 5 === 0 ? 'run_state.running' : 'deploy.stop'));
    log.lie = () => undefined;
    await evil.listen();
    const env = { LOGLINE_BASE_URL: evil.url };
    for (const command of [['tail'], ['get', '3'], ['prove', '3'], ['checkpoint'], ['export', 'copy']]) {
      const answer = await person.run(['log', ...command, '--json'], { env });
      expect([command, answer]).toMatchObject([
        command,
        { code: 3, json: { code: 'NOT_VERIFIED', detail: expect.stringContaining('two histories') } },
      ]);
    }
    expect((await person.run(['log', 'fsck', '--json'], { env })).json.fault).toMatchObject({
      code: 'ROOT_MISMATCH',
    });
    await evil.close();
  });

  it('that has lost entries is caught, and given a moment to catch up first', async () => {
    await person.must(['log', 'checkpoint']);
    const older = log.checkpointAt(290);
    log.lie = (name, answer) => (name === 'checkpoint' ? text(older) : answer);
    setTimeout(() => (log.lie = (_, answer) => answer), 600);
    expect(await person.must(['log', 'checkpoint'])).toMatchObject({ size: 300, growth: 'same' });
    log.lie = (name, answer) => (name === 'checkpoint' ? text(older) : answer);
    const answer = await person.run(['log', 'checkpoint', '--json']);
    expect(answer).toMatchObject({
      code: 3,
      json: { code: 'NOT_VERIFIED', detail: expect.stringContaining('never shrinks') },
    });
  }, 30_000);

  it('about an earlier checkpoint is caught by the growth from it', async () => {
    const wrong = log.sign(120, rootAt(119));
    log.lie = (name, answer) => (name === 'checkpoint?size=120' ? text(wrong) : answer);
    for (const command of [
      ['checkpoint', '--since', '120'],
      ['prove', '3', '--size', '120'],
    ])
      expect([command, await person.run(['log', ...command, '--json'])]).toMatchObject([
        command,
        notVerified,
      ]);
    log.lie = (name, answer) => (name === 'checkpoint?size=120' ? text(log.checkpointAt(119)) : answer);
    expect(await person.run(['log', 'prove', '3', '--size', '120', '--json'])).toMatchObject(notVerified);
  });

  it('to whoever copies it is caught before the copy counts', async () => {
    log.lie = (name, answer) => (name.startsWith('tile/entries/000') ? flip(answer, 50) : answer);
    expect(await person.run(['log', 'export', 'copy', '--json'])).toMatchObject(notVerified);
    // entries and tiles of another tree, under the checkpoint of this one
    const evil = new LogServer(TENANT);
    for (let nth = 0; nth < 300; nth += 1) evil.append(spanAt(nth + 5000));
    await evil.listen();
    const files = new Map<string, Uint8Array>();
    for (const path of [
      'tile/0/000',
      'tile/0/001.p/44',
      'tile/1/000.p/1',
      'tile/entries/000',
      'tile/entries/001.p/44',
    ]) {
      const response = await fetch(`${evil.url}/v1/log/${TENANT}/${path}`, {
        headers: { authorization: 'x' },
      });
      files.set(path, new Uint8Array(await response.arrayBuffer()));
    }
    await evil.close();
    log.lie = (name, answer) => files.get(name) ?? answer;
    expect(await person.run(['log', 'export', 'copy2', '--json'])).toMatchObject(notVerified);
    expect(await readdir(person.path('copy2'))).not.toContain('checkpoint');
  });

  it('without end is cut off', async () => {
    log.lie = (name, answer) => (name === 'tile/0/001.p/44' ? new Uint8Array(10_000) : answer);
    expect(await person.run(['log', 'get', '290', '--json'])).toMatchObject(notVerified);
    log.lie = (name, answer) => (name === 'checkpoint' ? new Uint8Array(2_000_000).fill(0x41) : answer);
    expect(await person.run(['log', 'checkpoint', '--json'])).toMatchObject(notVerified);
  });
});

describe('logline log publish', () => {
  it('says by a signed span that anybody may read the log, and takes it back', async () => {
    await person.must(['wallet', 'init', '--key', 'kid_sign_1']);
    grow(3);
    expect((await person.run(['log', 'publish', '--json'])).code).toBe(2);
    expect(log.entries).toHaveLength(3);
    const env = { LOGLINE_API_KEY: '' };
    expect(await person.run(['log', 'tail', '--json'], { env })).toMatchObject({
      code: 3,
      json: { code: 'NOT_FOUND', fix: expect.stringContaining('token') },
    });
    expect(await person.must(['log', 'publish', '--yes'])).toMatchObject({ public: true, tenant: TENANT });
    expect(log.entries.at(-1)?.span).toMatchObject({
      intent: 'registry.log.publish',
      subject: `urn:tenant:${TENANT}`,
      payload: { public: true },
    });
    expect((await person.run(['log', 'tail', '-n', '1'], { env })).out).toContain('registry.log.publish');
    expect(await person.must(['log', 'unpublish'])).toMatchObject({ public: false });
    expect((await person.run(['log', 'tail'], { env })).code).toBe(3);
  });
});

describe('a log that cannot be reached', () => {
  it('gives 7, and 4 where the token is refused', async () => {
    grow(2);
    await log.close();
    expect((await person.run(['log', 'checkpoint', '--json'])).code).toBe(7);
    await log.listen();
  }, 30_000);
});
