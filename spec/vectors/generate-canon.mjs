// Writes spec/vectors/canon/*.json, which every language runs. What must come out is written down here by hand, wherever a
// hand can; only hashes and signatures are computed. Writing them again changes nothing.
//   npm run build && node spec/vectors/generate-canon.mjs
import { mkdirSync, writeFileSync } from 'node:fs';
import {
  blake3Hash,
  canonicalBytes,
  canonicalText,
  formatBase64,
  formatHex,
  parseStrict,
  publicKeyFromSeed,
  requestText,
  signedMessage,
  signerFromSeed,
  signObjectSync,
  spanIdFromCause,
  spanIdFromRandom,
  utf8,
  verifyObject,
} from '@logline/canon-sign';

const nest = (levels, inside = '') => '['.repeat(levels) + inside + ']'.repeat(levels);
const pointerOf = (levels) => '/0'.repeat(levels);
const bytesOf = (input) => (typeof input === 'string' ? utf8(input) : Uint8Array.from(input));

// [name, input, canonical text]
const VALID = [
  ['an empty object', '{}', '{}'],
  ['an empty array', ' [ ] ', '[]'],
  ['a bare string', '"a"', '"a"'],
  ['a bare number', '0', '0'],
  ['literals', '[null,true,false]', '[null,true,false]'],
  ['white space of every kind', '\t{\r\n "a" :\t1 }\n', '{"a":1}'],
  ['keys out of order', '{"b":2,"a":1,"":0}', '{"":0,"a":1,"b":2}'],
  ['keys that look like numbers', '{"10":1,"9":2,"1":3}', '{"1":3,"10":1,"9":2}'],
  ['keys in order of UTF-16 units, not of code points', '{"\uffff":1,"\u{10000}":2,"\ue000":3,"z":4}', '{"z":4,"\u{10000}":2,"\ue000":3,"\uffff":1}'],
  ['nested keys out of order', '[{"b":{"d":1,"c":2},"a":[]}]', '[{"a":[],"b":{"c":2,"d":1}}]'],
  ['a key __proto__', '{"__proto__":{"x":1},"a":2}', '{"__proto__":{"x":1},"a":2}'],
  ['keys of Object.prototype', '{"toString":1,"constructor":2,"hasOwnProperty":3}', '{"constructor":2,"hasOwnProperty":3,"toString":1}'],
  ['minus zero', '[-0,-0.0,-0e5,0e-9]', '[0,0,0,0]'],
  ['a number that underflows', '[1e-400,-1e-400]', '[0,0]'],
  ['numbers with the same value', '[1,1.0,1e0,10e-1,0.1e1]', '[1,1,1,1,1]'],
  ['the switch to exponents', '[1e-6,1e-7,1e21,1250000000000000000000000]', '[0.000001,1e-7,1e+21,1.25e+24]'],
  ['the largest integers allowed', '[9007199254740991,-9007199254740991,9007199254740991.0,900719925474099.1e1]', '[9007199254740991,-9007199254740991,9007199254740991,9007199254740991]'],
  ['10^21, the first integer with an exponent', '[1000000000000000000000,-1e21,1000000000000000000001]', '[1e+21,-1e+21,1e+21]'],
  ['the largest and the smallest double', '[1.7976931348623157e308,5e-324]', '[1.7976931348623157e+308,5e-324]'],
  ['a number with many digits', '0.1000000000000000055511151231257827', '0.1'],
  ['escapes that need not be', '"\\u0061\\/\\u00e9\\u20ac"', '"a/é€"'],
  ['escapes that must be', '"\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\"', '"\\u0000\\u001f\\b\\t\\n\\f\\r\\"\\\\"'],
  ['an escaped surrogate pair', '"\\ud83d\\ude00"', '"😀"'],
  ['delete and the line separators, written as they are', '"\u007f\u2028\u2029"', '"\u007f\u2028\u2029"'],
  ['no Unicode normalisation', '["\u00e9","e\u0301"]', '["\u00e9","e\u0301"]'],
  ['noncharacters', '"\ufffe\uffff"', '"\ufffe\uffff"'],
  ['a byte order mark inside a string', '"\ufeff"', '"\ufeff"'],
  ['64 levels', nest(64), nest(64)],
  ['64 levels and a number', nest(64, '1'), nest(64, '1')],
];

// [name, input as text or bytes, code, pointer]
const INVALID = [
  ['nothing', '', 'NOT_JSON', ''],
  ['white space only', ' \n', 'NOT_JSON', ''],
  ['white space that JSON does not have', '[\u00a01]', 'NOT_JSON', '/0'],
  ['a comma too many in an array', '[1,]', 'NOT_JSON', '/1'],
  ['a comma too many in an object', '{"a":1,}', 'NOT_JSON', ''],
  ['a key without quotes', '{"o":{a:1}}', 'NOT_JSON', '/o'],
  ['single quotes', "['a']", 'NOT_JSON', '/0'],
  ['a comment', '[1 /* one */]', 'NOT_JSON', ''],
  ['a leading zero', '{"n":01}', 'NOT_JSON', ''],
  ['a leading plus', '[+1]', 'NOT_JSON', '/0'],
  ['a point without digits', '[1.]', 'NOT_JSON', '/0'],
  ['an exponent without digits', '[1e]', 'NOT_JSON', '/0'],
  ['hexadecimal', '[0x1]', 'NOT_JSON', ''],
  ['NaN', '{"n":NaN}', 'NOT_JSON', '/n'],
  ['Infinity', '{"n":-Infinity}', 'NOT_JSON', '/n'],
  ['half a literal', '[tru]', 'NOT_JSON', '/0'],
  ['a literal in capitals', '[True]', 'NOT_JSON', '/0'],
  ['a string that does not end', '{"a":"b', 'NOT_JSON', '/a'],
  ['an object that does not end', '{"a":{"b":1', 'NOT_JSON', '/a'],
  ['a control character in a string', '{"a":"\n"}', 'NOT_JSON', '/a'],
  ['an escape that JSON does not have', '{"a":"\\x41"}', 'NOT_JSON', '/a'],
  ['an escape cut short', '{"a":"\\u12"}', 'NOT_JSON', '/a'],
  ['a byte order mark', '\ufeff{}', 'BYTE_ORDER_MARK', ''],
  ['two values', '{} {}', 'TRAILING_BYTES', ''],
  ['a zero byte at the end', '1\u0000', 'TRAILING_BYTES', ''],
  ['a key twice', '{"a":1,"a":1}', 'DUPLICATE_KEY', '/a'],
  ['a key twice, once escaped', '{"x":[{"a":1,"\\u0061":2}]}', 'DUPLICATE_KEY', '/x/0/a'],
  ['a key twice that needs escapes in a pointer', '{"a":{"~/":1,"~/":2}}', 'DUPLICATE_KEY', '/a/~0~1'],
  ['__proto__ twice', '{"__proto__":1,"__proto__":2}', 'DUPLICATE_KEY', '/__proto__'],
  ['a high surrogate alone', '{"a":"\\ud800"}', 'LONE_SURROGATE', '/a'],
  ['a low surrogate alone', '{"a":["x","\\udfff"]}', 'LONE_SURROGATE', '/a/1'],
  ['a surrogate pair the wrong way round', '{"a":"\\ude00\\ud83d"}', 'LONE_SURROGATE', '/a'],
  ['two high surrogates', '["\\ud83d\\ud83d\\ude00"]', 'LONE_SURROGATE', '/0'],
  ['half a surrogate pair in a key', '{"o":{"\\ud800":1}}', 'LONE_SURROGATE', '/o'],
  ['a surrogate as bytes', [0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x7d], 'INVALID_UTF8', '/a'],
  ['a surrogate pair as six bytes', [0x5b, 0x22, 0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80, 0x22, 0x5d], 'INVALID_UTF8', '/0'],
  ['an overlong slash', [0x5b, 0x22, 0xc0, 0xaf, 0x22, 0x5d], 'INVALID_UTF8', '/0'],
  ['a byte that UTF-8 never has', [0x5b, 0x31, 0x2c, 0x22, 0xff, 0x22, 0x5d], 'INVALID_UTF8', '/1'],
  ['a code point past U+10FFFF', [0x22, 0xf4, 0x90, 0x80, 0x80, 0x22], 'INVALID_UTF8', ''],
  ['a character cut short', [0x5b, 0x22, 0xe2, 0x82], 'INVALID_UTF8', '/0'],
  ['a character cut short after the value', [0x5b, 0x5d, 0xe2, 0x82], 'INVALID_UTF8', ''],
  ['a fault before the byte that is no UTF-8', [0x5b, 0x31, 0x2c, 0x5d, 0xff], 'NOT_JSON', '/1'],
  ['UTF-16', [0xff, 0xfe, 0x5b, 0x00, 0x5d, 0x00], 'INVALID_UTF8', ''],
  ['a number past the doubles', '{"n":[0,1e400]}', 'NUMBER_NOT_FINITE', '/n/1'],
  ['a negative number past the doubles', '[-1E+309]', 'NUMBER_NOT_FINITE', '/0'],
  ['2^53', '{"n":9007199254740992}', 'INTEGER_UNSAFE', '/n'],
  ['2^53 + 1', '{"n":9007199254740993}', 'INTEGER_UNSAFE', '/n'],
  ['-2^53', '[-9007199254740992]', 'INTEGER_UNSAFE', '/0'],
  ['2^53 with a fraction of zero', '[9007199254740992.0]', 'INTEGER_UNSAFE', '/0'],
  ['2^53 with an exponent', '[9.007199254740992e15]', 'INTEGER_UNSAFE', '/0'],
  ['2^53 with a negative exponent', '[90071992547409920e-1]', 'INTEGER_UNSAFE', '/0'],
  ['a fraction that a double rounds to 2^53', '[9007199254740991.5]', 'INTEGER_UNSAFE', '/0'],
  ['10^20', '{"a":{"b":1e20}}', 'INTEGER_UNSAFE', '/a/b'],
  ['10^21 - 1, which a double rounds to 10^21', '[999999999999999999999]', 'INTEGER_UNSAFE', '/0'],
  ['-(10^21 - 1) with an exponent', '[-9999999999999999999990e-1]', 'INTEGER_UNSAFE', '/0'],
  ['65 levels', nest(65), 'TOO_DEEP', pointerOf(64)],
  ['65 levels of objects', '{"a":'.repeat(65) + '1' + '}'.repeat(65), 'TOO_DEEP', '/a'.repeat(64)],
  ['very many levels', '['.repeat(5_000), 'TOO_DEEP', pointerOf(64)],
];

const seeds = { alice: 'a1'.repeat(32), bob: 'b0'.repeat(32) };
const seedBytes = (hex) => Uint8Array.from(hex.match(/../g), (pair) => Number.parseInt(pair, 16));
const KID = 'kid_sign_1';

// [kind, object to be signed]
const TO_SIGN = [
  ['manifest', { type: 'll.minicontainer.v1', owner: { tenant: 'voulezvous', user_id: 'ana' }, env: { URL: 'grant://grt_db' }, provenance: {} }],
  ['span', { this: 'urn:span:0193562b-9c00-7000-8000-000000000001', intent: 'deploy.stop', subject: 'urn:minicontainer:voulezvous/api', payload: { n: 1, text: 'olá 😀' } }],
  ['proof', { type: 'll.proof.v1', id: 'prf_1', tenant: 'voulezvous', intent: 'deploy.allow', single_use: true }],
  ['grant', { id: 'grt_db', artifact_id: 'secret_db_url', scope: ['runtime:read'], ttl: 'P30D', aud: 'docker', wraps: [{ runner: 'r1', enc: 'AA==', ct: 'AA==' }] }],
  ['receipt', { ts: '2026-11-23T10:00:00.000Z', hash: `blake3:${'0'.repeat(64)}`, this: 'urn:span:0193562b-9c00-7000-8000-000000000001', log: 'logline.example/voulezvous', index: 7, merkle: 'c2sp.org/tlog-proof@v1' }],
  ['possession', { kind: 'v1', kid: 'kid_sign_2', pub: formatHex(publicKeyFromSeed(seedBytes(seeds.alice))), role: 'client', scopes: ['deploy:*'] }],
];

const REQUEST = {
  method: 'POST',
  authority: 'api.logline.example',
  target: '/v1/spans?x=%2F',
  tenant: 'voulezvous',
  alg: 'ed25519-blake3',
  keyId: KID,
  timestamp: '2026-11-23T10:00:00Z',
  nonce: '6f1f2c1e-6f0b-4c3c-9a39-2b0f5f3c1d11',
  idempotencyKey: 'idem-1',
  contentType: 'application/json',
  payloadHash: blake3Hash(utf8('{}')).slice('blake3:'.length),
};

function signatures() {
  const signer = signerFromSeed(KID, seedBytes(seeds.alice));
  const bobs = publicKeyFromSeed(seedBytes(seeds.bob));
  const rows = [];
  for (const [kind, object] of TO_SIGN) {
    const signed = signObjectSync(kind, object, signer);
    rows.push(toRow(`a ${kind}`, kind, signed, 'ok'));
    rows.push({ ...toRow(`a ${kind}, by somebody else`, kind, signed, 'SIGNATURE_INVALID'), public_key: formatHex(bobs) });
    rows.push(toRow(`a ${kind} with one field more`, kind, { ...signed, extra: 1 }, 'SIGNATURE_INVALID'));
    rows.push(toRow(`a ${kind} that nobody signed`, kind, object, 'SIGNATURE_MISSING'));
  }
  const span = signObjectSync('span', TO_SIGN[1][1], signer);
  const withSig = (sig) => ({ ...span, signature: { ...span.signature, sig } });
  rows.push(toRow('a signature without padding', 'span', withSig(span.signature.sig.replace(/=+$/, '')), 'MALFORMED'));
  rows.push(toRow('a signature of 63 bytes', 'span', withSig(formatBase64(new Uint8Array(63))), 'MALFORMED'));
  rows.push(toRow('a signature that is a number', 'span', withSig(7), 'MALFORMED'));
  rows.push(toRow('another algorithm', 'span', { ...span, signature: { ...span.signature, alg: 'ed25519' } }, 'MALFORMED'));
  rows.push(toRow('another kid', 'span', { ...span, signature: { ...span.signature, kid: 'kid_sign_2' } }, 'SIGNATURE_INVALID'));
  rows.push(toRow('a field next to the signature', 'span', { ...span, signature: { ...span.signature, note: 1 } }, 'SIGNATURE_INVALID'));
  const grant = signObjectSync('grant', TO_SIGN[3][1], signer);
  rows.push(toRow('a grant wrapped to other runners', 'grant', { ...grant, wraps: [] }, 'ok'));
  rows.push(toRow('a grant without the prefix', 'grant', { ...grant, sig: grant.sig.slice('ed25519:'.length) }, 'MALFORMED'));
  const receipt = signObjectSync('receipt', TO_SIGN[4][1], signer);
  rows.push(toRow('a receipt with a newer inclusion proof', 'receipt', { ...receipt, merkle: 'other' }, 'ok'));
  const proof = signObjectSync('proof', TO_SIGN[2][1], signer);
  rows.push(toRow('the signature of a proof on a grant', 'grant', { ...proof, sig: `ed25519:${proof.sig}` }, 'SIGNATURE_INVALID'));

  const text = requestText(REQUEST);
  const request = { text, signature: signObjectSync('request', text, signer) };
  rows.push(toRow('a request', 'request', request, 'ok'));
  rows.push(toRow('a request to another authority', 'request', { ...request, text: text.replace('api.', 'www.') }, 'SIGNATURE_INVALID'));
  for (const row of rows) expectVerdict(row);
  return { about: 'protocol §2: signed objects of every kind; code is "ok" or the fault verification reports', seed: seeds.alice, kid: KID, request: REQUEST, cases: rows };

  function toRow(name, kind, object, code) {
    const signed = kind === 'request' ? object.text : object;
    return { name, kind, object, public_key: formatHex(signer.publicKey), message: formatHex(signedMessage(kind, signed)), code };
  }
}

function expectVerdict({ name, kind, object, public_key, code }) {
  let got = 'ok';
  try {
    verifyObject(kind, object, seedBytes(public_key));
  } catch (fault) {
    got = fault.code;
  }
  if (got !== code) throw new Error(`${name}: ${got} instead of ${code}`);
}

function valid() {
  const cases = VALID.map(([name, input, canonical]) => {
    const got = canonicalText(parseStrict(utf8(input)));
    if (got !== canonical) throw new Error(`${name}: ${got} instead of ${canonical}`);
    return { name, input_hex: formatHex(utf8(input)), canonical, blake3: blake3Hash(canonicalBytes(parseStrict(utf8(input)))) };
  });
  return { about: 'protocol §2: bytes that are accepted, their RFC 8785 text and its hash', cases };
}

function invalid() {
  const cases = INVALID.map(([name, input, code, pointer]) => {
    let got = 'accepted';
    try {
      parseStrict(bytesOf(input));
    } catch (fault) {
      got = `${fault.code} ${fault.pointer}`;
    }
    if (got !== `${code} ${pointer}`) throw new Error(`${name}: ${got} instead of ${code} ${pointer}`);
    return { name, input_hex: formatHex(bytesOf(input)), code, pointer };
  });
  return { about: 'protocol §2: bytes that are refused, with the code and the JSON pointer of the fault', cases };
}

function spanIds() {
  const cause = 'urn:span:0193562b-9c00-7000-8000-000000000001';
  const fromCause = [[1764000000000, cause, 'deploy-orchestrator', 'planned'], [1764000000000, cause, 'deploy-orchestrator', 'failed'], [0, cause, 'projector', 'ação']];
  const fromRandom = [[0, '00'.repeat(10)], [2 ** 48 - 1, 'ff'.repeat(10)], [1764000000000, '0123456789abcdef0123']];
  return {
    about: 'ids of spans: of reactions, from BLAKE3 of the lines cause, service, step; and from time and 10 bytes (RFC 9562 version 7)',
    from_cause: fromCause.map(([ms, of, service, step]) => ({ ms, cause: of, service, step, id: spanIdFromCause(ms, of, service, step) })),
    from_random: fromRandom.map(([ms, random]) => ({ ms, random, id: spanIdFromRandom(ms, seedBytes(random)) })),
  };
}

const folder = new URL('canon/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [name, content] of Object.entries({ valid: valid(), invalid: invalid(), signatures: signatures(), 'span-ids': spanIds() })) {
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(content, null, 2)}\n`);
}
