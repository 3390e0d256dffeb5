import { type Signer, signObject } from '@logline/canon-sign';
import {
  checkerOf,
  formatInstant,
  MAX_PROOF_MS,
  parseRef,
  parseSubject,
  Proof,
  type ProofIntent,
} from '@logline/contracts';
import { WalletError } from './errors.ts';

export type ProofTerms = {
  readonly id: string;
  readonly tenant: string;
  readonly intent: ProofIntent;
  readonly subject: string;
  /** Required for everything but `deploy.stop`. */
  readonly ref?: string;
  /** Kids that may use it beside the signer's own. */
  readonly aud?: readonly string[];
  /** 16 to 64 characters `[A-Za-z0-9._-]`, random. */
  readonly nonce: string;
  readonly iatMs: number;
  /** At most 15 minutes after `iatMs`. */
  readonly expMs: number;
};

const checker = checkerOf(Proof);

/**
 * A signed `ll.proof.v1`: a permission that can be used once.
 *
 * @throws WalletError `BAD_PROOF` when subject, ref and tenant do not belong together, the ref is missing or short, the time span is
 * empty or longer than 15 minutes, or a field is malformed
 * @see protocol §9
 */
export async function makeProof(terms: ProofTerms, signer: Signer): Promise<Proof> {
  const { id, tenant, intent, subject, ref, aud, nonce, iatMs, expMs } = terms;
  if (!(expMs > iatMs && expMs - iatMs <= MAX_PROOF_MS))
    throw bad('it lasts longer than nothing and at most 15 minutes');
  if (ref === undefined && intent !== 'deploy.stop') throw bad(`${intent} is proven for one ref`);
  const proof = await signObject(
    'proof',
    {
      type: 'll.proof.v1',
      id,
      tenant,
      intent,
      subject,
      ...(ref === undefined ? {} : { ref }),
      ...(aud === undefined ? {} : { aud: [...aud] }),
      single_use: true,
      nonce,
      iat: formatInstant(iatMs),
      exp: formatInstant(expMs),
      kid: signer.kid,
    } as const,
    signer,
  );
  if (!checker.check(proof)) {
    const [fault] = checker.faults(proof);
    throw bad(`${fault?.pointer ?? ''} ${fault?.message ?? ''}`);
  }
  verifyOneTenant(proof);
  return proof;
}

function verifyOneTenant({ tenant, subject, ref }: Proof): void {
  const container = parseSubject(subject);
  if (container.kind !== 'minicontainer' || container.tenant !== tenant)
    throw bad(`${subject} is no container of ${tenant}`);
  if (ref === undefined) return;
  const parsed = parseRef(ref);
  if (parsed.tenant !== tenant || parsed.name !== container.name)
    throw bad(`${ref} is no manifest of ${subject}`);
}

function bad(why: string): WalletError {
  return new WalletError('BAD_PROOF', `no such proof can be made: ${why}`);
}
