import { formatHex, parseHex, signerFromSeed, verifyObject } from '@logline/canon-sign';
import { checkerOf, LogRotated } from '@logline/contracts';
import { beginSuccession, followRotations, parseVkey } from '@logline/tlog';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person, type Printed } from './home.ts';
import { LogServer } from './log-server.ts';
import { addRunner as addRunnerTo, bearTenant, writeOperatorFile } from './newborn.ts';

const TENANT = 'voulezvous';
const HOUR_MS = 3_600_000;
const SECOND = new Uint8Array(32).fill(18);
const THIRD = new Uint8Array(32).fill(28);

let person: Person;
let log: LogServer;
/** The first API token of the tenant, for others who log in. */
let token: string;
beforeEach(async () => {
  person = await Person.make();
  log = await new LogServer(TENANT).listen();
  Object.assign(person.env, { LOGLINE_BASE_URL: log.url, LOGLINE_TENANT: TENANT });
  await person.must(['wallet', 'init', '--key', 'kid_sign_1']);
  await bearTenant(person, log, TENANT);
  token = await readFile(person.path('token'), 'utf8');
});
afterEach(async () => {
  await log.close();
  await person.remove();
});

const addRunner = () => addRunnerTo(person, TENANT);

async function apply(who = person): Promise<Printed> {
  await who.must(['minicontainer', 'init', '--name', 'web', '--image', 'my-image', '--force']);
  return who.must(['minicontainer', 'apply', 'manifest.json']);
}

/** The key changes in an hour; the log is told so, and then the hour is over. */
function rotateAndWait(): void {
  log.rotate(SECOND, Date.now() + HOUR_MS);
  log.nowMs = () => Date.now() + 2 * HOUR_MS;
}

const idOf = (vkey: string): string => parseVkey(vkey).keyId;
/** With no server to ask. */
const offline = { env: { LOGLINE_BASE_URL: 'http://127.0.0.1:9' } };
const keptReceipts = async (who = person): Promise<readonly string[]> => {
  const dir = who.path(join('.local/state/logline/receipts', TENANT));
  return (await readdir(dir)).sort().map((name) => join(dir, name));
};

describe('whoever pinned the first key', () => {
  it('goes on through two rotations without a hand on it, and verifies each receipt offline', async () => {
    await apply();
    log.rotate(SECOND, Date.now() + HOUR_MS);
    expect(await apply()).toMatchObject({ receipt_verified: true });
    log.nowMs = () => Date.now() + 2 * HOUR_MS;
    expect(await apply()).toMatchObject({ receipt_verified: true });
    log.retire();
    log.rotate(THIRD, Date.now() + 3 * HOUR_MS);
    log.nowMs = () => Date.now() + 4 * HOUR_MS;
    log.retire();
    expect(await apply()).toMatchObject({ receipt_verified: true });

    const files = await keptReceipts();
    expect(files).toHaveLength(5);
    const by: string[] = [];
    for (const file of files) {
      const said = await person.must(['receipt', 'verify', file, '--log-key', log.logKey], offline);
      by.push(said.log_key);
    }
    const { keys } = await person.must(['log', 'keys']);
    const [first, second, third] = keys.map((key: { log_key: string }) => key.log_key);
    expect([first, third]).toEqual([log.logKey, log.newestLogKey]);
    // born, applied, in the overlap; then the second; then the third
    expect(by).toEqual([first, first, first, second, third]);
  });

  it('and was away meanwhile finds the way by itself, with every command', async () => {
    await addRunner();
    await apply();
    rotateAndWait();
    log.retire();
    const checks = (await person.must(['doctor'])).checks as readonly { name: string; detail: string }[];
    expect(checks.find(({ name }) => name === 'log key')).toMatchObject({
      outcome: 'ok',
      detail: expect.stringContaining('led on to another by 1 proven rotation'),
    });
    for (const command of [
      ['log', 'tail', '-n', '3'],
      ['log', 'get', '0'],
      ['log', 'prove', '1'],
      ['log', 'checkpoint'],
      ['log', 'checkpoint', '--since', '2'],
      ['log', 'fsck'],
      ['log', 'keys'],
    ]) {
      await rm(person.path('.local/state/logline/log-keys'), { recursive: true, force: true });
      await apply();
      await rm(person.path('.local/state/logline/log-keys'), { recursive: true, force: true });
      expect([command, await person.run(command)]).toMatchObject([command, { code: 0 }]);
    }
    await rm(person.path('.local/state/logline/log-keys'), { recursive: true, force: true });
    await person.must(['wallet', 'seal', 'secret_db'], { stdin: 'x' });
    await person.must(['wallet', 'grant', 'secret_db', '--aud', 'docker', '--env', 'DB']);
  });

  it('hears of it in the overlap, and from then on does not take the old key for anything later', async () => {
    const stale = new LogServer(TENANT);
    log.rotate(SECOND, Date.now() + HOUR_MS);
    await apply();
    // whoever has only the old key goes on signing with it
    for (const { span } of log.entries) stale.append(span);
    stale.nowMs = () => Date.now() + 2 * HOUR_MS;
    await stale.listen();
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'other', '--force']);
    expect(
      await person.run(['minicontainer', 'apply', 'manifest.json', '--json'], {
        env: { LOGLINE_BASE_URL: stale.url },
      }),
    ).toMatchObject({
      code: 3,
      json: { code: 'NOT_VERIFIED', detail: expect.stringContaining('SIGNATURE_INVALID') },
    });
    await stale.close();
  });

  it('takes no checkpoint by the old key once it has seen the new one at work, whoever has found it', async () => {
    rotateAndWait();
    await apply();
    const thief = new LogServer(TENANT);
    for (const { span } of log.entries) thief.append(span);
    const [any] = log.entries;
    if (any === undefined) throw new Error('there is no entry');
    thief.append({ ...any.span, this: any.span.this.replace(/.$/, (end) => (end === '0' ? '1' : '0')) });
    await thief.listen();
    const answer = await person.run(['log', 'checkpoint', '--json'], {
      env: { LOGLINE_BASE_URL: thief.url },
    });
    expect(answer).toMatchObject({
      code: 3,
      json: { code: 'NOT_VERIFIED', detail: expect.stringContaining('whose time is over') },
    });
    await thief.close();
    // an old one of a smaller tree is no lie
    await person.must(['log', 'checkpoint', '--since', '1']);
  });

  it('may give the new key to login: the pin stays, since old receipts need it', async () => {
    await person.must(['login', '--log-key', log.logKey], { stdin: token });
    rotateAndWait();
    log.retire();
    const root = (await person.must(['wallet', 'show'])).pins[0].root;
    await person.must(['login', '--log-key', log.newestLogKey, '--root', `${root.kid}:${root.pub}`], {
      stdin: token,
    });
    expect((await person.must(['wallet', 'show'])).pins).toMatchObject([{ log_key: log.logKey }]);
    const profile = JSON.parse(await readFile(person.path('.config/logline/profiles/default.json'), 'utf8'));
    expect(profile.logKey).toBe(log.logKey);
    const stranger = `${log.origin}+00000000+`;
    expect((await person.run(['login', '--log-key', stranger], { stdin: token })).code).toBe(5);
  });

  it('but no other key than one that it was led to', async () => {
    const root = (await person.must(['wallet', 'show'])).pins[0].root;
    const other = new LogServer(TENANT, THIRD).logKey;
    expect(
      await person.run(['login', '--log-key', other, '--root', `${root.kid}:${root.pub}`, '--json'], {
        stdin: token,
      }),
    ).toMatchObject({ code: 6, json: { code: 'PIN_CONFLICT' } });
  });
});

describe('a copy of the log', () => {
  it('leads on by itself, with no server', async () => {
    rotateAndWait();
    log.retire();
    await apply();
    await person.must(['log', 'export', 'copy']);
    const fresh = await Person.make();
    const said = await fresh.must(['log', 'fsck', person.path('copy'), '--vkey', log.logKey]);
    expect(said).toMatchObject({ ok: true, entries: log.entries.length });
    // and without what proves the way it is not taken on trust
    await rm(person.path('copy/rotations'));
    await rm(fresh.path('.local'), { recursive: true });
    expect(
      await fresh.run(['log', 'fsck', person.path('copy'), '--vkey', log.logKey, '--json']),
    ).toMatchObject({
      code: 3,
      json: { fault: { code: 'UNKNOWN_KEY' } },
    });
    await fresh.remove();
  });
});

describe('a new person who was only given the new key', () => {
  let fresh: Person;
  beforeEach(async () => {
    await addRunner();
    await apply();
    rotateAndWait();
    log.retire();
    fresh = await Person.make();
    Object.assign(fresh.env, { LOGLINE_BASE_URL: log.url, LOGLINE_TENANT: TENANT });
    await fresh.must(['wallet', 'init', '--key', 'kid_sign_1']);
    const { root } = (await person.must(['wallet', 'show'])).pins[0];
    await fresh.must(['login', '--log-key', log.newestLogKey, '--root', `${root.kid}:${root.pub}`], {
      stdin: token,
    });
  });
  afterEach(async () => await fresh.remove());

  it('verifies all that comes, also what was registered before', async () => {
    expect(await apply(fresh)).toMatchObject({ receipt_verified: true });
    for (const file of await keptReceipts(fresh))
      await fresh.must(['receipt', 'verify', file, '--log-key', log.newestLogKey], offline);
    await fresh.must(['log', 'get', '0']);
    await fresh.must(['wallet', 'seal', 'secret_db'], { stdin: 'x' });
    await fresh.must(['wallet', 'grant', 'secret_db', '--aud', 'docker', '--env', 'DB']);
  });

  it('is told which key an old receipt needs, and verifies it by that', async () => {
    const [old = ''] = await keptReceipts();
    const answer = await fresh.run(['receipt', 'verify', old, '--json'], {
      env: { LOGLINE_LOG_KEY: log.newestLogKey },
    });
    expect(answer.code).toBe(3);
    expect(answer.json.steps).toContainEqual({
      name: 'receipt',
      outcome: 'failed',
      detail: expect.stringContaining(`--log-key '${log.origin}+${idOf(log.logKey)}+…'`),
    });
    await fresh.must(['receipt', 'verify', old, '--log-key', log.logKey]);
  });

  it('verifies old and new on another machine with the file that log keys prints', async () => {
    await apply(fresh);
    await writeFile(fresh.path('keys.json'), (await person.run(['log', 'keys', '--json'])).out);
    const [old = ''] = await keptReceipts();
    const [young = ''] = await keptReceipts(fresh);
    const third = await Person.make();
    for (const file of [old, young])
      await third.must(['receipt', 'verify', file, '--log-key', `@${fresh.path('keys.json')}`]);
    expect((await third.run(['receipt', 'verify', young, '--log-key', log.logKey])).code).toBe(3);
    const touched = JSON.parse(await readFile(fresh.path('keys.json'), 'utf8'));
    touched.rotations[0].span.payload.from = '2020-01-01T00:00:00.000Z';
    await writeFile(fresh.path('keys.json'), JSON.stringify(touched));
    expect(
      await third.run(['receipt', 'verify', young, '--log-key', `@${fresh.path('keys.json')}`, '--json']),
    ).toMatchObject({ code: 5, json: { code: 'INVALID_INPUT' } });
    await third.remove();
  });
});

describe('somebody else who answers in the place of the log', () => {
  let evil: LogServer;
  beforeEach(async () => {
    await apply();
    evil = new LogServer(TENANT, SECOND);
    for (const { span } of log.entries) evil.append(span);
    await evil.listen();
    Object.assign(person.env, { LOGLINE_BASE_URL: evil.url });
  });
  afterEach(async () => await evil.close());
  /** A rotation that names the real key as the one before it, and that only the new one vouches for. */
  const forge = (): void => {
    evil.append(log.rotate(SECOND, Date.now() + HOUR_MS, { hold: false }));
    evil.nowMs = () => Date.now() + 2 * HOUR_MS;
  };

  it('is not believed with a rotation that the old key has not signed', async () => {
    forge();
    for (const command of [
      ['minicontainer', 'apply', 'manifest.json'],
      ['log', 'tail'],
      ['log', 'keys'],
      ['log', 'fsck'],
    ]) {
      const answer = await person.run([...command, '--json']);
      expect([command, answer.code, answer.json]).toMatchObject([
        command,
        3,
        { code: 'ROTATION_INVALID', fix: expect.stringContaining('ask the operator') },
      ]);
    }
    const checks = (await person.run(['doctor', '--json'])).json.checks as readonly Printed[];
    expect(checks.find(({ name }: { name: string }) => name === 'log key')).toMatchObject({
      outcome: 'failed',
    });
    expect(await readdir(person.path('.local/state/logline'))).not.toContain('log-keys');
  });

  it('is not believed with a key that no rotation names', async () => {
    const answer = await person.run(['minicontainer', 'apply', 'manifest.json', '--json']);
    expect(answer).toMatchObject({
      code: 3,
      json: { code: 'NOT_VERIFIED', detail: expect.stringContaining(idOf(evil.logKey)) },
    });
  });

  it('is not believed with the true rotation told in another order', async () => {
    rotateAndWait();
    log.rotate(THIRD, Date.now() + 3 * HOUR_MS);
    log.nowMs = () => Date.now() + 4 * HOUR_MS;
    const told = log.entries.filter(({ span }) => span.intent === 'registry.log.rotated').toReversed();
    log.lie = (name, answer) =>
      name === 'rotations'
        ? new TextEncoder().encode(
            JSON.stringify({ rotations: told.map(({ span, receipt }) => ({ span, receipt })) }),
          )
        : answer;
    Object.assign(person.env, { LOGLINE_BASE_URL: log.url });
    expect(await person.run(['log', 'keys', '--json'])).toMatchObject({
      code: 3,
      json: { code: 'ROTATION_INVALID' },
    });
  });
});

describe('logline tenant rotate-log-key', () => {
  const next = signerFromSeed('log-2', SECOND);
  const FROM = '2099-01-01T00:00:00Z';
  let file: string;
  beforeEach(async () => {
    file = await writeOperatorFile(person, log);
    await writeFile(person.path('log-2.json'), JSON.stringify({ kid: 'log-2', seed: formatHex(SECOND) }), {
      mode: 0o600,
    });
  });
  const rotate = (...more: readonly string[]) =>
    person.run([
      'tenant',
      'rotate-log-key',
      TENANT,
      '--json',
      '--operator-key-file',
      file,
      '--new-key-file',
      'log-2.json',
      '--from',
      FROM,
      ...more,
    ]);

  it('sends what the operator signs and the new key agrees to, and what clients follow', async () => {
    const answer = await rotate();
    expect(answer).toMatchObject({
      code: 0,
      json: {
        status: 'ok',
        tenant: TENANT,
        log: log.origin,
        previous: log.logKey,
        from: '2099-01-01T00:00:00.000Z',
      },
    });
    const { span, bytes, receipt } = log.entries.at(-1) ?? {};
    if (span === undefined || bytes === undefined || receipt === undefined) throw new Error('nothing came');
    expect(span).toMatchObject({
      intent: 'registry.log.rotated',
      subject: `urn:tenant:${TENANT}`,
      signature: { kid: 'operator' },
    });
    verifyObject('span', span, signerFromSeed('operator', parseHex('11'.repeat(32), 32)).publicKey);
    expect(checkerOf(LogRotated).faults(span.payload)).toEqual([]);
    const { keys } = followRotations(beginSuccession(parseVkey(log.logKey)), [{ receipt, spanBytes: bytes }]);
    expect(keys.map(({ vkey, fromMs }) => [formatHex(vkey.publicKey), fromMs])).toEqual([
      [formatHex(log.logPub), 0],
      [formatHex(next.publicKey), Date.parse(FROM)],
    ]);
    expect(answer.json.log_key).toBe((await person.must(['log', 'keys'])).keys[1].log_key);
    expect(log.requests.find(({ path }) => path === '/v1/spans')?.headers.authorization).toBeDefined();
  });

  it('says what the ledger refuses, and nothing is followed', async () => {
    log.judge = () => ({
      status: 'invalid',
      trace_id: 'f'.repeat(32),
      code: '422_SCHEMA_INVALID',
      http_status: 422,
      errors: ['no'],
      suggested_reply: 'give the ledger the new key first',
      details: [
        {
          code: '422_SCHEMA_INVALID',
          pointer: '/payload/log_key',
          message: 'holds no other keys',
          fix: 'give the ledger the new key first',
        },
      ],
    });
    expect(await rotate()).toMatchObject({
      code: 5,
      json: { code: '422_SCHEMA_INVALID', fix: 'give the ledger the new key first' },
    });
    expect((await person.must(['log', 'keys'])).keys).toHaveLength(1);
  });

  it('sends nothing without a key, a time and an operator that it can use', async () => {
    const before = log.requests.length;
    await writeFile(person.path('open.json'), '{}', { mode: 0o644 });
    await writeFile(person.path('none.json'), '{"kid":"log-2"}', { mode: 0o600 });
    const cases: readonly (readonly [readonly string[], number, string])[] = [
      [['--from', 'soon'], 2, 'USAGE'],
      [['--from', '2099-13-01T00:00:00Z'], 2, 'USAGE'],
      [['--new-key-file', 'open.json'], 4, 'UNSAFE_FILE'],
      [['--new-key-file', 'none.json'], 5, 'INVALID_INPUT'],
      [['--new-key-file', 'nowhere.json'], 3, 'NOT_FOUND'],
      [['--operator-key-file', 'none.json'], 5, 'INVALID_INPUT'],
    ];
    for (const [more, code, name] of cases)
      expect([more, await rotate(...more)]).toMatchObject([more, { code, json: { code: name } }]);
    const bare = ['tenant', 'rotate-log-key'];
    expect((await person.run([...bare, 'NOT A NAME'])).code).toBe(2);
    expect((await person.run(bare)).code).toBe(2);
    expect((await person.run([...bare, TENANT, '--new-key-file', 'log-2.json'])).code).toBe(2);
    expect((await person.run([...bare, TENANT, '--new-key-file', 'log-2.json', '--from', FROM])).code).toBe(
      4,
    );
    expect(log.requests).toHaveLength(before);
  });
});
