// npm run spec: writes spec/schemas from libs/contracts, the one definition. Doing it again changes nothing; a test holds that.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as contracts from '@logline/contracts';

const dir = process.argv[2] ?? fileURLToPath(new URL('./schemas/', import.meta.url));

/** File name → schema: the objects people and programs exchange, and one payload per intent. */
const schemas = {
  'span.json': contracts.Span,
  'manifest.json': contracts.Manifest,
  'grant.json': contracts.Grant,
  'proof.json': contracts.Proof,
  'receipt.json': contracts.Receipt,
  'ack.json': contracts.Ack,
  'problem.json': contracts.Problem,
  'query-request.json': contracts.QueryRequest,
  'query-response.json': contracts.QueryResponse,
  'state-view.json': contracts.StateView,
  'container-state.json': contracts.ContainerState,
  'inclusion-proof.json': contracts.InclusionProof,
  'consistency-proof.json': contracts.ConsistencyProof,
  'log-rotations.json': contracts.LogRotations,
  ...Object.fromEntries(
    Object.entries(contracts.INTENTS).map(([intent, { payload }]) => [`payloads/${intent}.json`, payload]),
  ),
};

mkdirSync(join(dir, 'payloads'), { recursive: true });
for (const [name, schema] of Object.entries(schemas)) {
  const document = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: `https://logline.dev/schemas/${name}`,
    ...withoutIds(schema),
  };
  writeFileSync(join(dir, name), `${JSON.stringify(document, null, 2)}\n`);
}

/** Each document stands alone: what it is made of is written out, and only the whole has a name. */
function withoutIds(value) {
  if (Array.isArray(value)) return value.map(withoutIds);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, part]) =>
      key === '$id' && typeof part === 'string' ? [] : [[key, withoutIds(part)]],
    ),
  );
}
