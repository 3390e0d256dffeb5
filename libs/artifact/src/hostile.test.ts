import { blake3Hash, utf8 } from '@logline/canon-sign';
import { deflateRawSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { crc32 } from './crc32.ts';
import { type ArtifactErrorCode, ArtifactError } from './errors.ts';
import { packLlc } from './pack.ts';
import { unpackLlc } from './unpack.ts';

type RawEntry = {
  readonly name: string | Uint8Array;
  readonly data: Uint8Array;
  readonly localName?: string;
  readonly packed?: Uint8Array;
  readonly method?: number;
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
  readonly attributes?: number;
  readonly madeBy?: number;
  readonly extra?: Uint8Array;
  /** Offset told by the directory, instead of the true one. */
  readonly offset?: number;
};
type RawZip = {
  readonly before?: Uint8Array;
  readonly after?: Uint8Array;
  readonly comment?: Uint8Array;
  readonly count?: number;
};

const u16 = (n: number): number[] => [n & 0xff, (n >>> 8) & 0xff];
const u32 = (n: number): number[] => [...u16(n & 0xffff), ...u16(n >>> 16)];

/** A zip by hand, so that any field can lie. */
function zip(entries: readonly RawEntry[], { before, after, comment, count }: RawZip = {}): Uint8Array {
  const parts: Uint8Array[] = before === undefined ? [] : [before];
  const lengthOf = () => parts.reduce((sum, part) => sum + part.length, 0);
  const directory: Uint8Array[] = [];
  for (const entry of entries) {
    const name = typeof entry.name === 'string' ? utf8(entry.name) : entry.name;
    const localName = entry.localName === undefined ? name : utf8(entry.localName);
    const packed = entry.packed ?? entry.data;
    const fields = [
      ...u16(entry.flags ?? 0x800),
      ...u16(entry.method ?? 0),
      ...u16(0),
      ...u16(0x21),
      ...u32(entry.crc ?? crc32(entry.data)),
      ...u32(packed.length),
      ...u32(entry.size ?? entry.data.length),
    ];
    const extra = entry.extra ?? new Uint8Array();
    const offset = entry.offset ?? lengthOf();
    parts.push(
      Uint8Array.from([...u32(0x0403_4b50), ...u16(20), ...fields, ...u16(localName.length), ...u16(0)]),
      localName,
      packed,
    );
    directory.push(
      Uint8Array.from([
        ...u32(0x0201_4b50),
        ...u16(entry.madeBy ?? 0x0314),
        ...u16(20),
        ...fields,
        ...u16(name.length),
        ...u16(extra.length),
        ...u16(0),
        ...u16(0),
        ...u16(0),
        ...u32(entry.attributes ?? 0),
        ...u32(offset),
      ]),
      name,
      extra,
    );
  }
  const start = lengthOf();
  const size = directory.reduce((sum, part) => sum + part.length, 0);
  const total = count ?? entries.length;
  const note = comment ?? new Uint8Array();
  parts.push(
    ...directory,
    Uint8Array.from([
      ...u32(0x0605_4b50),
      ...u16(0),
      ...u16(0),
      ...u16(total),
      ...u16(total),
      ...u32(size),
      ...u32(start),
      ...u16(note.length),
    ]),
    note,
  );
  if (after !== undefined) parts.push(after);
  return Uint8Array.from(Buffer.concat(parts));
}

const secret = utf8('ciphertext of a secret');
const good: RawEntry = { name: 'artifacts/secret', data: secret };
const json = (value: unknown): RawEntry => ({ name: 'manifest.json', data: utf8(JSON.stringify(value)) });
const listing = (...ids: string[]): RawEntry =>
  json({ artifacts: ids.map((id) => ({ id, hash: blake3Hash(secret) })) });
const one = listing('secret');
const zeros = new Uint8Array(1024 * 1024);
const deflated = (entry: RawEntry): RawEntry => ({ ...entry, packed: deflateRawSync(entry.data), method: 8 });
const symlink = { attributes: (0o120_777 << 16) >>> 0 };

const corpus: readonly (readonly [ArtifactErrorCode, string, Uint8Array])[] = [
  ['NOT_A_ZIP', 'no bytes', new Uint8Array()],
  ['NOT_A_ZIP', 'a text', utf8('{"type":"ll.minicontainer.v1"}')],
  ['NOT_A_ZIP', 'a zip cut short', zip([one, good]).subarray(0, 120)],
  ['NOT_A_ZIP', 'an end record that counts more entries than there are', zip([one, good], { count: 3 })],
  ['TRAILING_BYTES', 'bytes behind the end', zip([one, good], { after: utf8('more') })],
  ['TRAILING_BYTES', 'bytes before the beginning', zip([one, good], { before: utf8('#!/bin/sh\n') })],
  [
    'TOO_MANY_ENTRIES',
    'more than a thousand entries',
    zip(Array.from({ length: 1001 }, (_, i) => ({ ...good, name: `artifacts/s${i}` }))),
  ],
  [
    'TOO_LARGE',
    'a hundred megabytes by declaration',
    zip([
      one,
      { ...deflated({ ...good, data: zeros }), size: 100_000_000, packed: new Uint8Array(1_000_000) },
    ]),
  ],
  ['BAD_NAME', 'a path that climbs out', zip([one, { ...good, name: '../../etc/cron.d/x' }])],
  [
    'BAD_NAME',
    'a path that climbs out behind the folder',
    zip([one, { ...good, name: 'artifacts/../../x' }]),
  ],
  ['BAD_NAME', 'an absolute path', zip([one, { ...good, name: '/etc/passwd' }])],
  ['BAD_NAME', 'a path of another system', zip([one, { ...good, name: 'artifacts\\..\\x' }])],
  ['BAD_NAME', 'a drive', zip([one, { ...good, name: 'C:/x' }])],
  ['BAD_NAME', 'the folder itself', zip([one, { ...good, name: 'artifacts/..' }])],
  ['BAD_NAME', 'a directory entry', zip([one, { name: 'artifacts/', data: new Uint8Array() }, good])],
  [
    'BAD_NAME',
    'a file of another tool',
    zip([one, good, { name: '__MACOSX/._manifest.json', data: secret }]),
  ],
  ['BAD_NAME', 'a name with a NUL', zip([one, { ...good, name: 'artifacts/secret\u0000.txt' }])],
  [
    'BAD_NAME',
    'a name that is not UTF-8',
    zip([one, { ...good, name: Uint8Array.of(...utf8('artifacts/'), 0xff, 0xfe) }]),
  ],
  ['DUPLICATE_NAME', 'a file twice', zip([one, good, good])],
  ['DUPLICATE_NAME', 'a second manifest', zip([one, good, listing()])],
  [
    'DUPLICATE_NAME',
    'names that one disk would confuse',
    zip([listing('secret', 'SECRET'), good, { ...good, name: 'artifacts/SECRET' }]),
  ],
  ['NOT_A_FILE', 'a symbolic link', zip([one, { ...good, data: utf8('/etc/shadow'), ...symlink }])],
  [
    'NOT_A_FILE',
    'a symbolic link from a tool that does not say Unix',
    zip([one, { ...good, ...symlink, madeBy: 20 }]),
  ],
  ['NOT_A_FILE', 'a device', zip([one, { ...good, attributes: (0o060_666 << 16) >>> 0 }])],
  [
    'ENCRYPTED',
    'a zip password',
    zip([one, { ...good, flags: 0x801, packed: new Uint8Array(secret.length + 12) }]),
  ],
  ['ENCRYPTED', 'strong zip encryption', zip([one, { ...good, flags: 0x841 }])],
  ['UNSUPPORTED_METHOD', 'another compressor', zip([one, { ...good, method: 12 }])],
  ['HEADER_MISMATCH', 'two names for one entry', zip([one, { ...good, localName: 'artifacts/decoyy' }])],
  [
    'HEADER_MISMATCH',
    'two entries over the same bytes',
    zip([listing('secret', 'twin'), good, { ...good, name: 'artifacts/twin', offset: 0 }]),
  ],
  ['HEADER_MISMATCH', 'an offset to nowhere', zip([one, { ...good, offset: 4_000_000 }])],
  ['BAD_RATIO', 'a bomb', zip([one, deflated({ ...good, data: zeros })])],
  [
    'SIZE_MISMATCH',
    'more bytes than declared',
    zip([one, { ...deflated({ ...good, data: utf8('x'.repeat(50)) }), size: 10 }]),
  ],
  [
    'SIZE_MISMATCH',
    'fewer bytes than declared',
    zip([one, { ...deflated({ ...good, data: utf8('x'.repeat(50)) }), size: 60 }]),
  ],
  ['SIZE_MISMATCH', 'a stored entry of two sizes', zip([one, { ...good, size: 1 }])],
  [
    'NOT_A_ZIP',
    'a stream that does not inflate',
    zip([one, { ...good, method: 8, packed: utf8('not deflate at all') }]),
  ],
  ['CRC_MISMATCH', 'a flipped bit', zip([one, { ...good, crc: crc32(secret) ^ 1 }])],
  ['CRC_MISMATCH', 'a damaged manifest', zip([{ ...one, crc: 7 }, good])],
  ['MANIFEST_MISSING', 'no entries at all', zip([])],
  ['MANIFEST_MISSING', 'no manifest', zip([good])],
  ['MANIFEST_MALFORMED', 'a manifest that is no JSON', zip([{ name: 'manifest.json', data: utf8('{') }])],
  [
    'MANIFEST_MALFORMED',
    'a manifest with a key twice',
    zip([{ name: 'manifest.json', data: utf8('{"a":1,"a":2}') }]),
  ],
  ['MANIFEST_MALFORMED', 'a manifest that is no object', zip([json([])])],
  ['MANIFEST_MALFORMED', 'artifacts that are no list', zip([json({ artifacts: 'all' })])],
  ['MANIFEST_MALFORMED', 'an artifact listed twice', zip([listing('secret', 'secret'), good])],
  ['MANIFEST_MALFORMED', 'an artifact id that is a path', zip([listing('..')])],
  ['UNDECLARED_FILE', 'a stowaway', zip([listing(), good])],
  ['MISSING_FILE', 'a listed artifact that is not there', zip([one])],
  [
    'HASH_MISMATCH',
    'an artifact of other bytes',
    zip([one, { ...good, data: utf8('something else at all') }]),
  ],
  [
    'SIZE_MISMATCH',
    'an artifact of another declared size',
    zip([json({ artifacts: [{ id: 'secret', hash: blake3Hash(secret), size_bytes: 3 }] }), good]),
  ],
];

describe('a hostile .llc', () => {
  it.each(corpus)('is refused with %s: %s', async (code, _why, bytes) => {
    const error = await unpackLlc(bytes).then(
      () => null,
      (cause: unknown) => cause,
    );
    expect(error).toBeInstanceOf(ArtifactError);
    expect(error).toMatchObject({ code });
  });

  it('is told from a good one made by the same hand, stored or deflated, with a comment', async () => {
    const parts = await unpackLlc(zip([one, good], { comment: utf8('made by hand') }));
    expect(parts.artifacts.get('secret')).toEqual(secret);
    const again = await unpackLlc(
      zip([deflated(one), deflated({ ...good, attributes: (0o100_644 << 16) >>> 0 })]),
    );
    expect(again).toEqual(parts);
  });

  it('never surfaces as anything but an ArtifactError, whatever byte is changed', async () => {
    const bytes = packLlc({
      manifest: { artifacts: [{ id: 'secret', hash: blake3Hash(secret) }] },
      artifacts: new Map([['secret', secret]]),
    });
    const outcomes: unknown[] = [];
    for (let at = 0; at < bytes.length; at++) {
      for (const value of [0x00, 0xff, (bytes[at] ?? 0) ^ 0x01]) {
        const mutant = bytes.slice();
        mutant[at] = value;
        outcomes.push(await unpackLlc(mutant).catch((cause: unknown) => cause));
      }
    }
    const errors = outcomes.filter((outcome) => outcome instanceof Error);
    expect(errors.filter((error) => !(error instanceof ArtifactError))).toEqual([]);
    expect(errors.length).toBeGreaterThan(bytes.length);
  });

  it('is refused when cut anywhere', async () => {
    const bytes = zip([one, good]);
    for (let length = 0; length < bytes.length; length++) {
      await expect(unpackLlc(bytes.subarray(0, length))).rejects.toBeInstanceOf(ArtifactError);
    }
  });
});
