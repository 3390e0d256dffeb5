import { utf8 } from '@logline/canon-sign';
import {
  beginSuccession,
  type Evidence,
  followRotations,
  parseProof,
  toVkey,
  verifyCheckpoint,
  verifyReceiptInTime,
  type LogKeys,
  type Succession,
} from '@logline/tlog';
import { expect, test } from 'vitest';
import {
  EARLY,
  entry,
  first,
  LATE,
  LOG,
  rotation,
  second,
  stranger,
  third,
  vkey,
} from '../../tlog/test/rotation-world.ts';
import { ConnectionError, RotationInvalidError } from './errors.ts';
import { LogKeyFollower, rotationsOf } from './log-key-follower.ts';

const one = rotation();
const two = rotation(
  {
    payload: { previous: vkey(second), log_key: vkey(third), from: '2026-12-01T00:00:00Z' },
    agreed: third,
  },
  LATE,
  [second, third],
);
const stop = { intent: 'deploy.stop', subject: 'urn:minicontainer:acme/web' };
const pinned = beginSuccession(toVkey(LOG, first.publicKey));
const whole = followRotations(pinned, [one, two]);

/** A follower, what the log shows it from now on, and what it did. */
function following(succession: Succession = pinned) {
  const log = {
    shown: [] as readonly Evidence[],
    asked: 0,
    nowMs: 0,
    answer: undefined as Uint8Array | null | undefined,
  };
  const kept: Succession[] = [];
  const follower = new LogKeyFollower({
    succession,
    fetchRotations: async () => {
      log.asked += 1;
      if (log.answer !== undefined) return log.answer;
      const rotations = log.shown.map(({ spanBytes, receipt }) => ({
        span: JSON.parse(new TextDecoder().decode(spanBytes)),
        receipt,
      }));
      return utf8(JSON.stringify({ rotations }));
    },
    onFollowed: (next) => void kept.push(next),
    lagMs: 0,
    nowMs: () => log.nowMs,
  });
  const verify = (evidence: Evidence): Promise<unknown> =>
    follower.verify(parseProof(evidence.receipt.merkle).checkpoint, (keys: LogKeys) =>
      verifyReceiptInTime(evidence, keys),
    );
  return { log, kept, follower, verify };
}

test('nothing is asked while one key signs', async () => {
  const { log, verify } = following();
  await verify(entry(stop, EARLY, [first]));
  expect(log.asked).toBe(0);
});

test('a receipt by the next key is a reason to ask, and holds once the rotation is proven', async () => {
  const { log, kept, follower, verify } = following();
  log.shown = [one, two];
  await verify(entry(stop, LATE, [second]));
  await verify(entry(stop, EARLY, [first]));
  await verify(entry(stop, '2026-12-02T00:00:00.000Z', [third]));
  expect(log.asked).toBe(1);
  expect(kept).toEqual([whole]);
  expect(follower.succession).toEqual(whole);
  expect(rotationsOf(follower.succession).map(({ receipt }) => receipt)).toEqual([one.receipt, two.receipt]);
});

test('the rotation is heard of in the overlap already, and the old key is refused when its time is over', async () => {
  const { log, kept, verify } = following();
  log.shown = [one];
  await verify(entry(stop, EARLY, [first, second]));
  expect(kept).toHaveLength(1);
  await expect(verify(entry(stop, LATE, [first]))).rejects.toThrow('not signed by the key of its log');
});

test('a further signature is asked about once a minute while the receipts hold without it', async () => {
  const { log, kept, verify } = following();
  for (let i = 0; i < 3; i += 1) await verify(entry(stop, EARLY, [first, second]));
  expect(log.asked).toBe(1);
  // the ledger had the next key before the rotation was there
  log.shown = [one];
  log.nowMs += 59_999;
  await verify(entry(stop, EARLY, [first, second]));
  expect([log.asked, kept.length]).toEqual([1, 0]);
  log.nowMs += 1;
  await verify(entry(stop, EARLY, [first, second]));
  expect([log.asked, kept.length]).toEqual([2, 1]);
});

test('many at once ask once', async () => {
  const { log, verify } = following();
  log.shown = [one];
  await Promise.all([1, 2, 3].map(() => verify(entry(stop, LATE, [second]))));
  expect(log.asked).toBe(1);
});

test('it asks once more where the log is a moment behind, and says then which key would be needed', async () => {
  const { log, verify } = following();
  const late = entry(stop, LATE, [second]);
  const { keyId } = toVkey(LOG, second.publicKey);
  await expect(verify(late)).rejects.toMatchObject({
    code: 'UNKNOWN_KEY',
    message: expect.stringContaining(`${LOG}+${keyId}+…`),
  });
  expect(log.asked).toBe(2);
  await expect(verify(late)).rejects.toMatchObject({ code: 'UNKNOWN_KEY' });
  expect(log.asked).toBe(3);
  log.shown = [one];
  await verify(late);
});

test('whoever pinned the new key verifies what comes, and is told which key an old receipt needs', async () => {
  const { log, verify } = following(beginSuccession(toVkey(LOG, second.publicKey)));
  log.shown = [one, two];
  await verify(entry(stop, LATE, [second]));
  await expect(verify(entry(stop, EARLY, [first]))).rejects.toMatchObject({
    code: 'UNKNOWN_KEY',
    message: expect.stringContaining(`${LOG}+${toVkey(LOG, first.publicKey).keyId}+…`),
  });
});

const lies: readonly (readonly [string, readonly Evidence[]])[] = [
  ['a rotation that nobody with the old key has signed', [rotation({}, EARLY, [second])]],
  ['one by a stranger', [rotation({}, EARLY, [stranger, second])]],
  ['one to which the new key never agreed', [rotation({ agreed: stranger })]],
  ['them in another order', [two, one]],
];
test.each(lies)('a log that shows %s is caught, and its new key is not trusted', async (_, shown) => {
  const { log, kept, follower, verify } = following();
  log.shown = shown;
  const late = entry(stop, LATE, [second]);
  await expect(verify(late)).rejects.toMatchObject({
    name: 'RotationInvalidError',
    code: 'ROTATION_INVALID',
  });
  // also where the answer would not need it
  await expect(following().verify(entry(stop, EARLY, [first]))).resolves.toBeDefined();
  await expect(verify(entry(stop, EARLY, [first, second]))).rejects.toThrow(RotationInvalidError);
  expect(kept).toEqual([]);
  expect(follower.succession).toBe(pinned);
});

test('an answer that is no list of rotations is a lie too, and none at all is not', async () => {
  const { log, verify } = following();
  const late = entry(stop, LATE, [second]);
  for (const text of ['', 'null', '[]', '{"rotations":[7]}', '{"rotations":[{"span":{}}]}']) {
    log.answer = utf8(text);
    await expect(verify(late)).rejects.toMatchObject({ code: 'ROTATION_INVALID' });
  }
  log.answer = null;
  await expect(verify(late)).rejects.toMatchObject({ code: 'UNKNOWN_KEY' });
});

test('a log that cannot be asked fails only what depends on it', async () => {
  const follower = new LogKeyFollower({
    succession: pinned,
    fetchRotations: async () => {
      throw new ConnectionError('away', { code: 'NETWORK' });
    },
  });
  const verify = (evidence: Evidence) =>
    follower.verify(parseProof(evidence.receipt.merkle).checkpoint, (keys) =>
      verifyReceiptInTime(evidence, keys),
    );
  await expect(verify(entry(stop, EARLY, [first, second]))).resolves.toBeDefined();
  await expect(verify(entry(stop, LATE, [second]))).rejects.toThrow(ConnectionError);
});

test('what the pinned key signed falsely is no question about keys', async () => {
  const { log, verify } = following();
  const good = entry(stop, EARLY, [first]);
  const forged = { ...good, receipt: { ...good.receipt, signature: `${'A'.repeat(86)}==` } };
  await expect(verify(forged)).rejects.toMatchObject({ code: 'SIGNATURE_INVALID' });
  await expect(
    following().follower.verify('no note', (keys) =>
      verifyCheckpoint('no note', { origin: LOG, vkeys: keys.map((key) => key.vkey) }),
    ),
  ).rejects.toMatchObject({ code: 'MALFORMED_NOTE' });
  expect(log.asked).toBe(0);
});
