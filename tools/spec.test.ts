import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, it } from 'vitest';
import { checkerOf, INTENTS, Manifest } from '@logline/contracts';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const committed = join(root, 'spec', 'schemas');
const read = (dir: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.json'))
      .map((name) => [name, readFileSync(join(dir, name), 'utf8')]),
  );

it('spec/schemas is what libs/contracts says: npm run spec changes nothing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'logline-spec-'));
  try {
    const generate = join(root, 'spec', 'generate-schemas.mjs');
    execFileSync(process.execPath, [
      '--conditions=@logline/source',
      '--disable-warning=ExperimentalWarning',
      generate,
      dir,
    ]);
    expect(read(committed)).toEqual(read(dir));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});

it('every schema is JSON Schema 2020-12 that other people’s validators take', () => {
  const ajv = new Ajv2020({ strict: false });
  const documents = Object.values(read(committed)).map((text) => JSON.parse(text));
  expect(documents).toHaveLength(Object.keys(INTENTS).length + 14);
  for (const document of documents) expect(ajv.compile(document), document.$id).toBeTypeOf('function');
});

it('another validator comes to the same verdict on the sample manifest', () => {
  const sample = JSON.parse(
    readFileSync(join(root, 'spec', 'vectors', 'manifests', 'blueprint-sample.json'), 'utf8'),
  );
  const validate = new Ajv2020({ strict: false, allErrors: true }).compile(
    JSON.parse(read(committed)['manifest.json'] ?? '{}'),
  );
  expect(validate(sample)).toBe(checkerOf(Manifest).check(sample));
  expect(validate.errors?.map(({ instancePath }) => instancePath)).toContain('/slots/signing/0/pub');
});
