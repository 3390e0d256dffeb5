import { utf8 } from '@logline/canon-sign';
import type { Artifact, Grant } from '@logline/contracts';
import { withFileLock, writePublic } from '../files.ts';
import { isObject, type JsonObject } from '../json-file.ts';

/** Writes a manifest for people: two spaces, one line feed. What is signed is its canonical form, which does not depend on this. */
export async function writeManifest(path: string, manifest: object): Promise<void> {
  await writePublic(path, utf8(`${JSON.stringify(manifest, null, 2)}\n`));
}

/** One writer at a time, so that two seals do not lose each other's artifact. */
export async function editManifest(
  path: string,
  read: () => Promise<JsonObject>,
  change: (manifest: JsonObject) => JsonObject,
): Promise<JsonObject> {
  return await withFileLock(path, async () => {
    const next = change(await read());
    await writeManifest(path, next);
    return next;
  });
}

/** The manifest with this artifact in the place of one of the same id; grants of earlier bytes of it are left for `wallet grant` to replace. */
export function withArtifact(manifest: JsonObject, artifact: Artifact): JsonObject {
  return unsigned({ ...manifest, artifacts: withItem(manifest['artifacts'], artifact.id, { ...artifact }) });
}

/** The manifest with this grant in the place of one of the same id, and the variable that hands it to the process. */
export function withGrant(manifest: JsonObject, grant: Grant, variable: string | undefined): JsonObject {
  const deploy = isObject(manifest['deploy']) ? manifest['deploy'] : {};
  const env = isObject(deploy['env']) ? deploy['env'] : {};
  const value = toJson(grant);
  return unsigned({
    ...manifest,
    grants: withItem(manifest['grants'], grant.id, value),
    ...(variable === undefined
      ? {}
      : { deploy: { ...deploy, env: { ...env, [variable]: `grant://${grant.id}` } } }),
  });
}

/** A grant of this artifact that the author has drafted, so that its id, audience and life stay as written. */
export function draftedGrant(manifest: JsonObject, artifactId: string): JsonObject | null {
  const list = manifest['grants'];
  const found = Array.isArray(list)
    ? list.find((grant: unknown) => isObject(grant) && grant['artifact_id'] === artifactId)
    : undefined;
  return isObject(found) ? found : null;
}

/** Whatever was signed is no longer what stands here. */
function unsigned(manifest: JsonObject): JsonObject {
  const { provenance: _stale, ...rest } = manifest;
  return rest;
}

function withItem(list: JsonObject[string] | undefined, id: string, item: JsonObject): JsonObject[string] {
  const items = Array.isArray(list) ? list : [];
  const at = items.findIndex((known: unknown) => isObject(known) && known['id'] === id);
  return at < 0 ? [...items, item] : items.map((known: JsonObject[string], i) => (i === at ? item : known));
}

function toJson(grant: Grant): JsonObject {
  const { wraps, scope, ...rest } = grant;
  const texts = Object.fromEntries(
    Object.entries(rest).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
  return {
    ...texts,
    scope: [...scope],
    ...(wraps === undefined ? {} : { wraps: wraps.map((wrap) => ({ ...wrap })) }),
  };
}
