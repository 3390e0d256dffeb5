import { formatHex } from '@logline/canon-sign';
import { parseSubject, type Proof, type ProofIntent } from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import { makeProof } from '@logline/wallet';
import type { Context } from '../context.ts';
import { submit, type Submitted } from '../submit.ts';

/** Good for the longest a proof may last: 15 minutes, less a little for clocks that differ. */
export const PROOF_MS = 14 * 60_000;
const CLOCK_SLACK_MS = 30_000;

export type ProofRequest = {
  readonly intent: ProofIntent;
  readonly subject: string;
  readonly ref?: string;
  readonly aud?: readonly string[];
  readonly kid?: string;
  readonly lifeMs?: number;
};

/** Makes a proof, has it verified and logged, and remembers it until it is spent. @throws AckError when it is denied */
export async function proveAndSubmit(
  context: Context,
  sdk: LogLineSDK,
  request: ProofRequest,
): Promise<{ readonly proof: Proof; readonly submitted: Submitted }> {
  const { io } = context;
  const { intent, subject, ref, aud } = request;
  const { tenant } = parseSubject(subject);
  const signer = (await context.wallet()).signer(request.kid);
  const iatMs = io.nowMs() - CLOCK_SLACK_MS;
  const proof = await makeProof(
    {
      id: `prf_${formatHex(io.random(8))}`,
      tenant,
      intent,
      subject,
      ...(ref === undefined ? {} : { ref }),
      ...(aud === undefined ? {} : { aud }),
      nonce: formatHex(io.random(16)),
      iatMs,
      expMs: io.nowMs() + (request.lifeMs ?? PROOF_MS),
    },
    signer,
  );
  const submitted = await submit(context, sdk, {
    intent: 'wallet.proof.submit',
    subject,
    payload: { proof },
  });
  const state = await context.state();
  await state.addProof(
    tenant,
    {
      id: proof.id,
      intent,
      subject,
      ...(ref === undefined ? {} : { ref }),
      kid: proof.kid,
      expMs: Date.parse(proof.exp),
    },
    io.nowMs(),
  );
  return { proof, submitted };
}
