import { blake3Hash, signerFromSeed, signObjectSync, verifyObject } from '@logline/canon-sign';
import { openArtifact, unlockWallet } from '@logline/wallet';
import { chmod, copyFile, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Person } from './home.ts';
import { LogServer } from './log-server.ts';

const SECRET = 'postgres://app:hunter2hunter2@db/app';
const SAMPLE = join(import.meta.dirname, '../../../spec/vectors/manifests/blueprint-sample.json');

let person: Person;
beforeEach(async () => {
  person = await Person.make();
});
afterEach(() => person.remove());

describe('a wallet file', () => {
  it('is made 0600, opens with its passphrase, and shows no secret', async () => {
    const made = await person.must(['wallet', 'init', '--key', 'kid_sign_1']);
    expect((await stat(person.path('wallet.json'))).mode & 0o777).toBe(0o600);
    const shown = await person.run(['wallet', 'show']);
    expect(shown.code).toBe(0);
    expect(shown.out).toContain(`kid_sign_1  ${made.pub}`);
    const wallet = unlockWallet(await readFile(person.path('wallet.json')), 'correct horse battery staple');
    for (const said of [shown.out, shown.err, JSON.stringify(made)])
      expect(said).not.toContain(wallet.keys[0]?.seed);
  });

  it.each([0o640, 0o604, 0o660, 0o644])('is refused with mode %o', async (mode) => {
    await person.must(['wallet', 'init']);
    await chmod(person.path('wallet.json'), mode);
    const answer = await person.run(['wallet', 'show', '--json']);
    expect(answer).toMatchObject({
      code: 4,
      json: { code: 'UNSAFE_FILE', fix: `chmod 600 ${person.path('wallet.json')}` },
    });
  });

  it('is refused when its passphrase file can be read by others', async () => {
    await person.must(['wallet', 'init']);
    await chmod(person.path('passphrase'), 0o644);
    expect(await person.run(['wallet', 'show', '--json'])).toMatchObject({
      code: 4,
      json: { code: 'UNSAFE_FILE' },
    });
  });

  it('is never replaced', async () => {
    const made = await person.must(['wallet', 'init']);
    expect((await person.run(['wallet', 'init'])).code).toBe(6);
    expect((await person.must(['wallet', 'show'])).keys[0].pub).toBe(made.pub);
  });

  it('does not open with another passphrase, and says no more than that', async () => {
    await person.must(['wallet', 'init']);
    const answer = await person.run(['wallet', 'show', '--json'], {
      env: { LOGLINE_PASSPHRASE_FILE: '', LOGLINE_PASSPHRASE: 'something else' },
    });
    expect(answer).toMatchObject({ code: 4, json: { code: 'WRONG_PASSPHRASE' } });
    expect(answer.err).not.toContain('something else');
  });

  it('asks for nothing where there is no terminal', async () => {
    await person.must(['wallet', 'init']);
    const answer = await person.run(['wallet', 'show', '--json'], { env: { LOGLINE_PASSPHRASE_FILE: '' } });
    expect(answer).toMatchObject({ code: 4, json: { code: 'AUTH_NEEDED' } });
    expect(
      (
        await person.run(['wallet', 'init', '--wallet', person.path('other.json')], {
          env: { LOGLINE_PASSPHRASE_FILE: '', LOGLINE_PASSPHRASE: 'short' },
        })
      ).code,
    ).toBe(5);
  });

  it('keeps what two commands add at the same time', async () => {
    await person.must(['wallet', 'init']);
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'x']);
    await Promise.all(
      ['a', 'b', 'c'].map((id) =>
        person.must(['wallet', 'seal', id, '--tenant', 'voulezvous'], { stdin: id }),
      ),
    );
    expect(
      (await person.must(['wallet', 'show'])).vault
        .map(({ artifact_id }: { artifact_id: string }) => artifact_id)
        .sort(),
    ).toEqual(['a', 'b', 'c']);
    const manifest = JSON.parse(await readFile(person.path('manifest.json'), 'utf8'));
    expect(manifest.artifacts.map(({ id }: { id: string }) => id).sort()).toEqual(['a', 'b', 'c']);
  });
});

describe('seal, sign, pack, unpack, verify', () => {
  it('carry a secret through without showing it', async () => {
    await person.must(['wallet', 'init', '--key', 'kid_sign_1']);
    await person.must([
      'minicontainer',
      'init',
      '--name',
      'web',
      '--image',
      'ghcr.io/vv/app:1.0.0',
      '--port',
      '8080',
    ]);
    const sealed = await person.must(['wallet', 'seal', 'secret_db_url', '--tenant', 'voulezvous'], {
      stdin: `${SECRET}\n`,
    });
    const bytes = new Uint8Array(await readFile(person.path('artifacts/secret_db_url')));
    expect(blake3Hash(bytes)).toBe(sealed.artifact.hash);
    const wallet = unlockWallet(await readFile(person.path('wallet.json')), 'correct horse battery staple');
    const opened = openArtifact({
      tenant: 'voulezvous',
      artifactId: 'secret_db_url',
      sealed: bytes,
      contentKey: Buffer.from(wallet.vault[0]?.key ?? '', 'hex'),
    });
    expect(Buffer.from(opened).toString()).toBe(SECRET);

    const signed = await person.must(['minicontainer', 'sign', 'manifest.json', '--tenant', 'voulezvous']);
    const manifest = JSON.parse(await readFile(person.path('manifest.json'), 'utf8'));
    verifyObject('manifest', manifest, Buffer.from(wallet.keys[0]?.pub ?? '', 'hex'));
    expect(signed.signed_by).toBe('kid_sign_1');
    expect(manifest.artifacts[0]).toEqual(sealed.artifact);

    await person.must(['minicontainer', 'pack', 'manifest.json', '--out', 'web.llc']);
    const unpacked = await person.must(['minicontainer', 'unpack', 'web.llc', '--dir', 'again']);
    expect(unpacked.artifacts).toEqual(['secret_db_url']);
    expect(new Uint8Array(await readFile(person.path('again/artifacts/secret_db_url')))).toEqual(bytes);
    expect((await person.run(['minicontainer', 'unpack', 'web.llc', '--dir', 'again'])).code).toBe(6);

    await writeFile(person.path('keys.json'), JSON.stringify({ kid_sign_1: wallet.keys[0]?.pub }));
    expect(await person.must(['minicontainer', 'verify', 'web.llc'])).toMatchObject({
      ok: true,
      kind: 'llc',
      signer: 'unchecked',
      artifacts: ['secret_db_url'],
    });
    expect(
      (await person.must(['minicontainer', 'verify', 'web.llc', '--keys', 'keys.json'])).warnings.map(
        ({ code }: { code: string }) => code,
      ),
    ).not.toContain('422_SIGNATURE_INVALID');
    for (const file of ['wallet.json', 'manifest.json', 'web.llc'])
      expect((await readFile(person.path(file))).includes(SECRET)).toBe(false);
  });

  it('refuse a .llc whose artifact was changed, with its name', async () => {
    await person.must(['wallet', 'init']);
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'x']);
    await person.must(['wallet', 'seal', 'a', '--tenant', 'voulezvous'], { stdin: 'x' });
    await person.must(['minicontainer', 'pack', 'manifest.json']);
    const llc = await readFile(person.path('minicontainer.llc'));
    const at = llc.indexOf('artifacts/a') + 20;
    llc[at] = (llc[at] ?? 0) ^ 1;
    await writeFile(person.path('bad.llc'), llc);
    expect(await person.run(['minicontainer', 'verify', 'bad.llc', '--json'])).toMatchObject({
      code: 5,
      json: { code: 'CRC_MISMATCH', detail: expect.stringContaining('artifacts/a') },
    });
    await writeFile(person.path('artifacts/a'), 'other');
    expect(await person.run(['minicontainer', 'pack', 'manifest.json', '--json'])).toMatchObject({
      code: 5,
      json: { code: 'SIZE_MISMATCH' },
    });
  });

  it('take no secret that is empty, and no artifact id that is a path', async () => {
    await person.must(['wallet', 'init']);
    expect((await person.run(['wallet', 'seal', 'a', '--tenant', 'voulezvous'], { stdin: '' })).code).toBe(5);
    expect(
      (await person.run(['wallet', 'seal', '../a', '--tenant', 'voulezvous'], { stdin: 'x' })).code,
    ).toBe(2);
    expect((await person.run(['wallet', 'seal', 'a', '--tenant', 'deploy'], { stdin: 'x' })).code).toBe(2);
  });
});

describe('minicontainer verify', () => {
  it('names each placeholder of a template and the command that fills it', async () => {
    await copyFile(SAMPLE, person.path('manifest.json'));
    const answer = await person.run(['minicontainer', 'verify', 'manifest.json', '--json']);
    expect(answer.code).toBe(5);
    expect(answer.json.signer).toBe('unchecked');
    const found = Object.fromEntries(
      answer.json.faults.map(({ pointer, fix }: { pointer: string; fix: string }) => [pointer, fix]),
    );
    expect(found['/artifacts/0/hash']).toContain('logline wallet seal secret_db_url');
    expect(found['/grants/0/sig']).toContain('logline wallet grant secret_db_url --aud railway');
    const text = await person.run(['minicontainer', 'verify', 'manifest.json']);
    expect(text.out).toContain('fix:');
  });

  it('takes stdin, warns of a missing signature and gives 0', async () => {
    await person.must(['minicontainer', 'init', '--name', 'web', '--image', 'x']);
    const { owner: _owner, ...manifest } = JSON.parse(await readFile(person.path('manifest.json'), 'utf8'));
    const whole = {
      ...manifest,
      owner: { tenant: 'voulezvous' },
      slots: { signing: [], api: [] },
      ts: '2026-11-23T12:00:00Z',
    };
    const answer = await person.run(['minicontainer', 'verify', '-', '--json'], {
      stdin: JSON.stringify(whole),
    });
    expect(answer.json).toMatchObject({ ok: true, file: 'stdin', signer: 'unchecked' });
    expect(answer.json.warnings.map(({ pointer }: { pointer: string }) => pointer)).toContain('/provenance');
  });

  it.each([
    ['not JSON', '{'],
    ['a key twice', '{"a":1,"a":2}'],
    ['a list', '[]'],
    ['nothing', ''],
  ])('gives 5 for %s', async (_what, text) => {
    expect(await person.run(['minicontainer', 'verify', '-', '--json'], { stdin: text })).toMatchObject({
      code: 5,
      json: { code: 'INVALID_INPUT' },
    });
  });

  it('gives 3 for a file that is not there', async () => {
    expect((await person.run(['minicontainer', 'verify', 'nowhere.json'])).code).toBe(3);
  });
});

describe('receipt verify', () => {
  const log = new LogServer('voulezvous');
  const signer = signerFromSeed('kid', new Uint8Array(32).fill(1));
  const span = (id: string) =>
    signObjectSync(
      'span',
      {
        schema_version: '1.1.0',
        entity_type: 'function',
        this: `urn:span:0190f0a0-0000-7000-8000-00000000000${id}`,
        did: { actor: 'kid', action: 'append' },
        intent: 'deploy.stop',
        subject: 'urn:minicontainer:voulezvous/web',
        payload: { target: { provider: 'docker' } },
        ts: '2026-11-23T12:00:00.000Z',
      } as const,
      signer,
    );
  for (const id of ['1', '2', '3', '4', '5']) log.append(span(id) as Parameters<LogServer['append']>[0]); // signed above
  const { span: entry, receipt } = log.entries[2] ?? {};

  const verify = async (value: unknown, ...args: string[]) => {
    await writeFile(person.path('receipt.json'), JSON.stringify(value));
    return person.run(['receipt', 'verify', 'receipt.json', '--log-key', log.logKey, '--json', ...args]);
  };

  it('explains every step of a good one, in all the forms it comes in', async () => {
    for (const value of [{ span: entry, receipt }, [{ status: 'ok', receipt, span: entry }]]) {
      const answer = await verify(value);
      expect(answer).toMatchObject({ code: 0, json: { ok: true, index: 2 } });
      expect(
        answer.json.steps.map(({ name, outcome }: { name: string; outcome: string }) => `${name} ${outcome}`),
      ).toEqual(['span ok', 'receipt ok', 'proof ok', 'checkpoint ok', 'inclusion ok']);
    }
    await writeFile(person.path('span.json'), JSON.stringify(entry));
    expect((await verify(receipt, '--span', 'span.json')).code).toBe(0);
    await writeFile(person.path('log.vkey'), `${log.logKey}\n`);
    expect(
      (
        await person.run(['receipt', 'verify', '-', '--log-key', `@${person.path('log.vkey')}`], {
          stdin: JSON.stringify({ span: entry, receipt }),
        })
      ).out,
    ).toContain('verified');
  });

  it('does not call it verified while something could not be checked', async () => {
    const answer = await verify(receipt);
    expect(answer.code).toBe(3);
    expect(answer.json.steps).toContainEqual(
      expect.objectContaining({
        name: 'inclusion',
        outcome: 'unchecked',
        detail: expect.stringContaining('--span'),
      }),
    );
  });

  it.each([
    ['span', () => ({ span: { ...entry, ts: '2026-11-23T12:00:01.000Z' }, receipt })],
    ['span', () => ({ span: log.entries[1]?.span, receipt })],
    ['receipt', () => ({ span: entry, receipt: { ...receipt, ts: '2020-01-01T00:00:00.000Z' } })],
    ['proof', () => ({ span: entry, receipt: { ...receipt, index: 3 } })],
    ['proof', () => ({ span: entry, receipt: { ...receipt, merkle: log.entries[3]?.receipt.merkle } })],
    [
      'checkpoint',
      () => ({ span: entry, receipt: { ...receipt, merkle: receipt?.merkle.replace(/\n3\n/, '\n4\n') } }),
    ],
    [
      'inclusion',
      () => ({
        span: entry,
        receipt: {
          ...receipt,
          merkle: receipt?.merkle.replace(
            /index 2\n(.)/,
            (_all, first: string) => `index 2\n${first === 'A' ? 'B' : 'A'}`,
          ),
        },
      }),
    ],
  ])('says that the %s does not hold', async (name, value) => {
    const answer = await verify(value());
    expect(answer.code).toBe(3);
    expect(answer.json.ok).toBe(false);
    expect(answer.json.steps.find((step: { name: string }) => step.name === name)).toMatchObject({
      outcome: 'failed',
    });
  });

  it('says no to the key of another log, and to another key of this one', async () => {
    const other = new LogServer('voulezvous', new Uint8Array(32).fill(7));
    for (const key of [other.logKey, new LogServer('acme').logKey]) {
      await writeFile(person.path('receipt.json'), JSON.stringify({ span: entry, receipt }));
      expect((await person.run(['receipt', 'verify', 'receipt.json', '--log-key', key])).code).toBe(3);
    }
    expect(
      (await person.run(['receipt', 'verify', 'receipt.json', '--log-key', 'nonsense', '--json'])).json,
    ).toMatchObject({ code: 'INVALID_INPUT' });
    expect((await person.run(['receipt', 'verify', 'receipt.json'])).code).toBe(2);
  });

  it.each([[{}], [[]], ['text'], [{ receipt: { hash: 'x' } }]])(
    'gives 5 for what holds no receipt (%#)',
    async (value) => {
      expect((await verify(value)).code).toBe(5);
    },
  );
});

describe('settings', () => {
  it('of the environment win over those of the installation, the passphrase too', async () => {
    await person.must(['wallet', 'init']);
    await mkdir(person.path('.logline/dev'), { recursive: true });
    await writeFile(
      person.path('.logline/dev/env.json'),
      JSON.stringify({
        baseUrl: 'http://127.0.0.1:1',
        tenant: 'voulezvous',
        walletFile: person.path('wallet.json'),
        passphraseFile: person.path('passphrase'),
      }),
    );
    const env = { LOGLINE_WALLET: '', LOGLINE_PASSPHRASE_FILE: '' };
    expect((await person.run(['wallet', 'show'], { env })).code).toBe(0);
    expect(
      await person.run(['wallet', 'show', '--json'], { env: { ...env, LOGLINE_PASSPHRASE: 'another' } }),
    ).toMatchObject({ code: 4, json: { code: 'WRONG_PASSPHRASE' } });
  });

  it('never send a stored token to another address', async () => {
    await mkdir(person.path('.logline/dev'), { recursive: true });
    await writeFile(
      person.path('.logline/dev/env.json'),
      JSON.stringify({ baseUrl: 'http://127.0.0.1:1', apiKey: 'lltok_dev_x', tenant: 'voulezvous' }),
    );
    const answer = await person.run(['query', 'urn:tenant:voulezvous', '--json', '--tenant', 'voulezvous'], {
      env: { LOGLINE_BASE_URL: 'http://127.0.0.1:2' },
    });
    expect(answer).toMatchObject({
      code: 4,
      json: { code: 'AUTH_NEEDED', detail: expect.stringContaining('no API token') },
    });
  });

  it('say that there is nothing to talk to', async () => {
    expect(await person.run(['deploy', 'list', '--json'])).toMatchObject({
      code: 4,
      json: { code: 'AUTH_NEEDED', fix: expect.stringContaining('npm start') },
    });
    expect((await person.run(['doctor'])).code).toBe(1);
    expect((await person.run(['query', 'web', '--base-url', 'ftp://x', '--tenant', 'voulezvous'])).code).toBe(
      2,
    );
  });
});
