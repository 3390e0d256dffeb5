import type { Ack, Span } from '@logline/contracts';
import { deriveHpkeKeyPair, openArtifact, unwrapContentKey } from '@logline/wallet';
import { readdir, readFile, stat } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person, type Printed } from './home.ts';
import { LogServer } from './log-server.ts';
import { addRunner as addRunnerTo, bearTenant, runnerHpke as hpke, writeOperatorFile } from './newborn.ts';

const TENANT = 'voulezvous';
const SUBJECT = `urn:minicontainer:${TENANT}/web`;

let person: Person;
let log: LogServer;
beforeEach(async () => {
  person = await Person.make();
  log = await new LogServer(TENANT).listen();
  Object.assign(person.env, { LOGLINE_BASE_URL: log.url, LOGLINE_TENANT: TENANT });
  await person.must(['wallet', 'init', '--key', 'kid_sign_1']);
});
afterEach(async () => {
  await log.close();
  await person.remove();
});

const createTenant = () => bearTenant(person, log, TENANT);
const addRunner = () => addRunnerTo(person, TENANT);

async function apply(): Promise<Printed> {
  await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'my-image', '--force']);
  return person.must(['minicontainer', 'apply', 'manifest.json']);
}

/** As orchestrator and runner would: the facts that follow a deploy. */
function runIt(
  { intent, this: id }: Span,
  index: number,
  end?: { exit_code: number },
): { intent: string; payload: Record<string, unknown> }[] {
  if (intent !== 'deploy.apply') return [];
  const run = { deploy: id, lease: index, runner: 'local', ref: 'r', provider: 'docker', node: 'host' };
  return [
    { intent: 'deploy.planned', payload: { ...run, action: 'apply', deadline: '2026-11-23T12:00:00Z' } },
    { intent: 'deploy.applied', payload: { ...run, action: 'apply', container: 'c0ffee' } },
    {
      intent: 'run_state.running',
      payload: { ...run, ports: [{ container: 8080, host: 32768, protocol: 'tcp' }] },
    },
    ...(end === undefined ? [] : [{ intent: 'run_state.exited', payload: { ...run, ...end } }]),
  ];
}

const no = (
  code: '428_PROOF_REQUIRED' | '403_FORBIDDEN',
  status: number,
): Exclude<Ack, { status: 'ok' }> => ({
  status: 'invalid',
  trace_id: 'f'.repeat(32),
  code,
  http_status: status,
  errors: ['no'],
  suggested_reply: 'do something else',
  details: [{ code, pointer: '/payload', message: 'no', fix: 'something else' }],
});

describe('the quick start', () => {
  it('works as printed, and every receipt it leaves verifies offline', async () => {
    await createTenant();
    log.react = (span, index) => runIt(span, index);
    const { ref } = await apply();
    const short = ref.slice(0, `mc:${TENANT}/web@blake3:`.length + 4);

    const proven = await person.must(['wallet', 'prove', 'deploy.allow', '--tenant', TENANT]);
    expect(proven).toMatchObject({ subject: SUBJECT, ref });
    const up = await person.run(['deploy', 'up', '--ref', short, '--target', 'docker', '--watch']);
    expect(up.err).toBe('');
    expect(up.code).toBe(0);
    expect(up.out).toContain('port 8080 → 127.0.0.1:32768');
    const deploy = log.entries.find(({ span }) => span.intent === 'deploy.apply')?.span;
    // the proof made before is the one that is spent, and what was signed has all 64 hex and the whole target
    expect(deploy?.payload).toMatchObject({
      ref,
      proof: proven.proof,
      target: { provider: 'docker', service: 'web' },
    });
    expect(log.entries.filter(({ span }) => span.intent === 'wallet.proof.submit')).toHaveLength(1);

    expect((await person.run(['status', SUBJECT, '--no-stream'])).out).toContain('running');
    expect((await person.run(['query', SUBJECT, '--intent', 'run_state.*'])).out).toContain(
      'run_state.running',
    );
    expect((await person.must(['deploy', 'plan', '--target', 'docker'])).ref).toBe(ref);

    const folder = person.path('.local/state/logline/receipts/voulezvous');
    const receipts = await readdir(folder);
    expect(receipts.length).toBe(4);
    await log.close();
    for (const file of receipts)
      expect(
        (
          await person.run(['receipt', 'verify', `${folder}/${file}`, '--log-key', log.logKey], {
            env: { LOGLINE_BASE_URL: '' },
          })
        ).code,
      ).toBe(0);
  });

  it('makes its proof by itself, and a new one where the first was spent elsewhere', async () => {
    await createTenant();
    await addRunner();
    log.react = (span, index) => runIt(span, index);
    await apply();
    await person.must(['deploy', 'up', '--target', 'docker']);
    await person.must(['wallet', 'prove', 'deploy.allow']);
    let refusals = 1;
    log.judge = (span) =>
      span.intent === 'deploy.apply' && refusals-- > 0 ? no('428_PROOF_REQUIRED', 428) : null;
    await person.must(['deploy', 'up']);
    const proofs = log.entries.flatMap(({ span }) =>
      span.intent === 'wallet.proof.submit' ? [(span.payload as Printed).proof.id] : [],
    );
    const deploys = log.entries.flatMap(({ span }) =>
      span.intent === 'deploy.apply' ? [span.payload?.['proof']] : [],
    );
    expect(proofs).toHaveLength(3);
    expect(deploys).toEqual([proofs[0], proofs[2]]);
  });

  it.each([
    [0, 0],
    [3, 1],
  ])('gives by the exit code %i of the container: %i', async (exit_code, code) => {
    await createTenant();
    log.react = (span, index) => runIt(span, index, { exit_code });
    await apply();
    const answer = await person.run([
      'deploy',
      'up',
      '--target',
      'docker',
      '--watch',
      '--until',
      'exited',
      '--json',
    ]);
    expect(answer.code).toBe(code);
    const lines = answer.out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(lines.every(({ schemaVersion }) => schemaVersion === 1)).toBe(true);
    expect(lines.at(-1)).toMatchObject({ event: 'result', ok: code === 0, run_state: 'exited', exit_code });
  });

  it('has not come up when it ends as soon as it runs', async () => {
    await createTenant();
    log.react = (span, index) => runIt(span, index, { exit_code: 3 });
    await apply();
    const up = await person.run(['deploy', 'up', '--target', 'docker', '--watch']);
    expect(up.code).toBe(1);
    expect(up.out).toContain('exit code 3');
  });

  it('watches by polling too, and gives 8 when the time is up', async () => {
    await createTenant();
    log.react = (span, index) => runIt(span, index);
    await apply();
    expect((await person.run(['deploy', 'up', '--target', 'docker', '--watch', '--no-stream'])).code).toBe(0);
    log.react = () => [];
    expect(
      (await person.run(['deploy', 'up', '--target', 'docker', '--watch', '--timeout', '3s', '--json'])).code,
    ).toBe(8);
  });
});

describe('a secret', () => {
  it('reaches the runner named in the log and nobody else', async () => {
    await createTenant();
    await addRunner();
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'my-image']);
    await person.must(['wallet', 'seal', 'secret_db_url'], { stdin: 'postgres://db' });
    await person.must(['wallet', 'grant', 'secret_db_url', '--aud', 'docker', '--env', 'DB_URL']);
    const manifest = JSON.parse(await readFile(person.path('manifest.json'), 'utf8'));
    expect(manifest.deploy.env).toEqual({ DB_URL: 'grant://grt_db_url' });
    const [grant] = manifest.grants;
    const contentKey = await unwrapContentKey({
      wrap: grant.wraps[0],
      tenant: TENANT,
      hpkePrivateKey: hpke.privateKey,
      grant,
    });
    await person.must(['minicontainer', 'apply', 'manifest.json']);
    const sealed = log.artifacts.get(manifest.artifacts[0].hash) ?? new Uint8Array();
    expect(
      Buffer.from(
        openArtifact({ tenant: TENANT, artifactId: 'secret_db_url', sealed, contentKey }),
      ).toString(),
    ).toBe('postgres://db');
  });

  it('is opened no more once its grant is revoked; a grant that nothing names is said', async () => {
    await createTenant();
    await addRunner();
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'my-image']);
    await person.must(['wallet', 'seal', 'secret_db_url'], { stdin: 'postgres://db' });
    await person.must(['wallet', 'grant', 'secret_db_url', '--aud', 'docker', '--env', 'DB_URL']);
    await person.must(['minicontainer', 'apply', 'manifest.json']);
    const revoked = await person.run(['wallet', 'revoke', 'grt_db_url', '--why', 'it leaked']);
    expect(revoked).toMatchObject({ code: 0, err: '' });
    expect(log.entries.map(({ span }) => span)).toContainEqual(
      expect.objectContaining({
        intent: 'wallet.grant.revoke',
        subject: SUBJECT,
        payload: { grant: 'grt_db_url', why: 'it leaked' },
      }),
    );
    expect((await person.run(['wallet', 'revoke', 'grt_bd_url'])).err).toContain('it names grt_db_url');
  });

  it('is not wrapped for a runner that the log does not prove', async () => {
    await createTenant();
    await addRunner();
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'my-image']);
    await person.must(['wallet', 'seal', 'db'], { stdin: 'x' });
    const evil = await deriveHpkeKeyPair(new Uint8Array(32).fill(66));
    const entry = log.entries.find(({ span }) => span.intent === 'registry.runner.add');
    const { span } = entry ?? {};
    Object.assign(entry ?? {}, {
      span: { ...span, payload: { ...span?.payload, hpke_pub: evil.publicKey } },
    });
    const answer = await person.run(['wallet', 'grant', 'db', '--aud', 'docker', '--json']);
    // the span as queried is not the span as logged: what the log proves counts
    expect(answer).toMatchObject({ code: 3, json: { code: 'NOT_VERIFIED' } });
    expect(JSON.parse(await readFile(person.path('manifest.json'), 'utf8'))).not.toHaveProperty('grants');
  });

  it('is not wrapped where no runner of the audience is registered', async () => {
    await createTenant();
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'my-image']);
    await person.must(['wallet', 'seal', 'db'], { stdin: 'x' });
    expect(await person.run(['wallet', 'grant', 'db', '--aud', 'docker', '--json'])).toMatchObject({
      code: 3,
      json: { code: 'NOT_FOUND', fix: expect.stringContaining('logline runner') },
    });
    expect((await person.run(['wallet', 'grant', 'nothing', '--aud', 'docker'])).code).toBe(3);
    expect((await person.run(['wallet', 'grant', 'db'])).code).toBe(2);
  });
});

describe('a gateway that lies', () => {
  it('is caught with a receipt that does not hold', async () => {
    await createTenant();
    log.forge = (receipt) => ({ ...receipt, ts: '2030-01-01T00:00:00.000Z' });
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'x']);
    expect(await person.run(['minicontainer', 'apply', 'manifest.json', '--json'])).toMatchObject({
      code: 3,
      json: { code: 'NOT_VERIFIED' },
    });
  });

  it('is caught with a second history under the same key', async () => {
    await createTenant();
    await apply();
    await apply();
    log.forget();
    // whatever these say, it is another tree under the same key
    for (let n = 0; n < 5; n++) log.append({ this: `urn:span:${n}`, intent: 'filler' } as unknown as Span);
    const answer = await person.run(['minicontainer', 'apply', 'manifest.json', '--json']);
    expect(answer).toMatchObject({
      code: 3,
      json: { code: 'NOT_VERIFIED', detail: expect.stringContaining('two histories') },
    });
  });
});

describe('commands that change who may do what', () => {
  it('store the first token in the wallet and in a file of its own, and print it nowhere', async () => {
    const created = await createTenant();
    const token = (await readFile(person.path('token'), 'utf8')).trim();
    expect((await stat(person.path('token'))).mode & 0o777).toBe(0o600);
    expect(JSON.stringify(created)).not.toContain(token);
    expect(created.log_key).toBe(log.logKey);
    await person.must(['key', 'list']);
    expect(log.requests.at(-1)?.headers.authorization).toBe(`ApiKey ${token}`);
  });

  it('register keys of this wallet and of others', async () => {
    await createTenant();
    await person.must(['key', 'add', 'kid_ci', '--scope', 'deploy:*', '--scope', 'prove:*']);
    const other = await Person.make();
    await other.must(['wallet', 'init']);
    await other.must(['key', 'add', 'kid_bob', '--request', person.path('bob.json'), '--tenant', TENANT]);
    await person.must(['key', 'add', '--from', 'bob.json']);
    await other.remove();
    await person.must(['key', 'revoke', 'kid_ci', '--reason', 'compromised', '--since-index', '1']);
    const { keys } = await person.must(['key', 'list']);
    expect(keys.map(({ kid, status }: { kid: string; status: string }) => `${kid} ${status}`)).toEqual([
      'kid_sign_1 active (root)',
      'kid_ci revoked (compromised)',
      'kid_bob active',
    ]);
  });

  it('make, list and revoke tokens', async () => {
    await createTenant();
    await person.must(['apikey', 'add', 'ci', '--scope', 'deploy:*', '--out', 'ci.token']);
    expect(await readFile(person.path('ci.token'), 'utf8')).toMatch(/^lltok_ci_/);
    expect((await person.run(['apikey', 'add', 'ci2', '--out', 'ci.token'])).code).toBe(6);
    await person.must(['apikey', 'revoke', 'ci']);
    expect((await person.must(['apikey', 'list'])).tokens).toContainEqual(
      expect.objectContaining({ token_id: 'ci', status: 'revoked' }),
    );
  });

  it('tell the no of the gate with pointer, fix and trace', async () => {
    await createTenant();
    log.judge = () => no('403_FORBIDDEN', 403);
    expect(await person.run(['runner', 'revoke', 'local', '--json'])).toMatchObject({
      code: 4,
      json: {
        code: '403_FORBIDDEN',
        status: 403,
        fix: 'do something else',
        trace_id: 'f'.repeat(32),
        errors: [{ pointer: '/payload', fix: 'something else' }],
      },
    });
  });
});

describe('the rest', () => {
  it('login tries the token, stores it 0600, and uses it from then on', async () => {
    await createTenant();
    const token = await readFile(person.path('token'), 'utf8');
    const fresh = await Person.make();
    const said = await fresh.run(
      ['login', '--base-url', log.url, '--tenant', TENANT, '--log-key', log.logKey],
      { stdin: token },
    );
    expect(said.code).toBe(0);
    expect(said.out + said.err).not.toContain(token.trim());
    expect((await stat(fresh.path('.config/logline/profiles/default.json'))).mode & 0o777).toBe(0o600);
    expect((await fresh.must(['key', 'list'])).keys).toHaveLength(1);
    expect(
      (await fresh.run(['login', '--base-url', log.url, '--tenant', 'nobody'], { stdin: token })).code,
    ).toBe(3);
    expect(
      (await fresh.run(['login', '--base-url', log.url, '--tenant', TENANT], { stdin: 'lltok_wrong' })).code,
    ).toBe(5);
    await fresh.remove();
  });

  it('doctor looks at everything and says what it found', async () => {
    await createTenant();
    const answer = await person.run(['doctor', '--json']);
    const outcome = Object.fromEntries(
      answer.json.checks.map(({ name, outcome: o }: { name: string; outcome: string }) => [name, o]),
    );
    expect(outcome).toMatchObject({
      node: 'ok',
      settings: 'ok',
      gateway: 'ok',
      clock: 'ok',
      token: 'ok',
      wallet: 'ok',
      'log key': 'ok',
    });
    await log.close();
    expect((await person.run(['doctor'])).code).toBe(1);
    await log.listen();
  });

  it('api sends a signed request and gives the exit code of its answer', async () => {
    await createTenant();
    expect((await person.must(['api', 'GET', `/v1/state/view?subject=urn:tenant:${TENANT}`])).status).toBe(
      200,
    );
    expect((await person.run(['api', 'get', '/v1/nothing'])).code).toBe(3);
    await person.run(['api', 'POST', '/v1/spans/query', '--data', '-'], {
      stdin: JSON.stringify({ subject: `urn:tenant:${TENANT}` }),
    });
    expect(log.requests.at(-1)?.headers).toMatchObject({
      'x-signature-alg': 'ed25519-blake3',
      'x-signature-keyid': 'kid_sign_1',
    });
    expect((await person.run(['api', 'EAT', '/v1'])).code).toBe(2);
  });

  it('an address where nobody answers gives 7, and 8 with a short time', async () => {
    await createTenant();
    await log.close();
    expect((await person.run(['status', SUBJECT, '--json'])).code).toBe(7);
    expect((await person.run(['status', SUBJECT, '--json', '--timeout', '1ms'])).code).toBe(8);
    await log.listen();
  });

  it('dry runs sign and send nothing', async () => {
    await createTenant();
    await apply();
    const before = log.entries.length;
    const dry = await person.must(['deploy', 'up', '--target', 'docker', '--dry-run']);
    expect(JSON.parse(dry.canonical)).toMatchObject({
      intent: 'deploy.apply',
      signature: { kid: 'kid_sign_1' },
    });
    await person.must(['minicontainer', 'apply', 'manifest.json', '--dry-run']);
    expect(log.entries.length).toBe(before);
  });
});

describe('a clear no', () => {
  it('leaves neither token nor pin behind', async () => {
    await writeOperatorFile(person, log);
    log.judge = () => no('403_FORBIDDEN', 403);
    expect(
      (await person.run(['tenant', 'create', TENANT, '--operator-key-file', 'operator.json'])).code,
    ).toBe(4);
    expect(await person.must(['wallet', 'show'])).toMatchObject({ tokens: [], pins: [] });
    log.judge = () => null;
    await createTenant();
    log.judge = () => no('403_FORBIDDEN', 403);
    expect((await person.run(['apikey', 'add', 'ci'])).code).toBe(4);
    expect((await person.run(['apikey', 'add', 'ci', '--out', 'ci.token'])).code).toBe(4);
    expect((await person.must(['wallet', 'show'])).tokens).toHaveLength(1);
    await expect(stat(person.path('ci.token'))).rejects.toThrow('ENOENT');
  });
});
