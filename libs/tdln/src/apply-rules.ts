import type { Manifest } from '@logline/contracts';
import { faultOf, faultUnder, type Fault } from './fault.ts';
import { checkGrantSignatures } from './grant-check.ts';
import type { Hearing } from './hearing.ts';
import { kidKey } from './keys.ts';
import { manifestFaults, signatureFaults } from './manifest-check.ts';
import { clientKeyOf, keyFault } from './signer.ts';

const AT = '/payload/manifest';
const KIND = 'minicontainer/manifest.v1';

/** What of a `minicontainer.apply` shows by itself, before anybody looks at a key (protocol §4). */
export function applyFormFaults(
  payload: Readonly<Record<string, unknown>>,
  tenant: string,
  subject: string,
): readonly Fault[] {
  const { manifest, kind, ...others } = payload;
  if (Object.hasOwn(others, 'manifest_ref')) return [faultOf('manifest_by_ref', AT, {})];
  if (manifest === undefined) return [faultOf('field_missing', AT, {})];
  return [
    ...Object.keys(others).map((field) => faultOf('field_unknown', `/payload/${field}`, {})),
    ...(kind === undefined || kind === KIND
      ? []
      : [faultOf('field_wrong', '/payload/kind', { why: `must be ${KIND}` })]),
    ...manifestFaults(manifest, AT, { tenant, subject }),
  ];
}

/** What of a manifest rests on the log: who signed it, whose keys it lists, who granted (protocol §3, §4). */
export function judgeManifest(hearing: Hearing, manifest: Manifest): void {
  const { knowledge } = hearing;
  const kids = [manifest.provenance.kid, ...manifest.slots.signing.map((slot) => slot.kid)];
  hearing.read(...kids.map(kidKey));
  const keys = kids.flatMap((kid) => clientKeyOf(knowledge, kid) ?? []);
  for (const fault of signatureFaults(manifest, keys, knowledge.tenant))
    hearing.refuse(faultUnder(AT, fault));
  const signer = clientKeyOf(knowledge, manifest.provenance.kid);
  const standing = signer === null ? null : keyFault(signer, hearing.nowMs, `${AT}/provenance/kid`);
  if (standing !== null) hearing.refuse(standing);
  hearing.until(signer?.expMs ?? null);
  checkGrantSignatures(hearing, manifest, AT);
}
