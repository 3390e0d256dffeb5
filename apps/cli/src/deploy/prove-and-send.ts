import type { ProofIntent } from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import { parseSubject } from '@logline/contracts';
import { AckError } from '../ack-error.ts';
import type { Context } from '../context.ts';
import { type SpanDraft, submit, type Submitted } from '../submit.ts';
import { proveAndSubmit } from '../wallet/make-proof.ts';

export type ProofChoice = {
  readonly intent: ProofIntent;
  readonly ref?: string;
  /** Named by the person. */
  readonly id?: string;
  /** Send it without one, and let the gate choose. */
  readonly isNone?: boolean;
  readonly kid?: string;
};

const NEARLY_OVER_MS = 15_000;

/** Sends a deploy with the proof it needs: the one named, one that is open, or one made now. @throws AckError */
export async function sendWithProof(
  context: Context,
  sdk: LogLineSDK,
  draft: SpanDraft,
  choice: ProofChoice,
): Promise<{ readonly submitted: Submitted; readonly proof: string | undefined }> {
  const { io, out } = context;
  const { tenant } = parseSubject(draft.subject);
  const state = await context.state();
  const send = (proof: string | undefined): Promise<Submitted> =>
    submit(context, sdk, {
      ...draft,
      payload: { ...draft.payload, ...(proof === undefined ? {} : { proof }) },
    });
  if (choice.isNone === true || choice.id !== undefined)
    return { submitted: await send(choice.id), proof: choice.id };

  const kid = (await context.wallet()).signer(choice.kid).kid;
  const open = (await state.openProofs(tenant, io.nowMs() + NEARLY_OVER_MS)).find(
    (proof) =>
      proof.intent === choice.intent &&
      proof.subject === draft.subject &&
      proof.ref === choice.ref &&
      proof.kid === kid,
  );
  if (open !== undefined) {
    try {
      const submitted = await send(open.id);
      await state.dropProof(tenant, open.id, io.nowMs());
      return { submitted, proof: open.id };
    } catch (error) {
      await state.dropProof(tenant, open.id, io.nowMs());
      // spent elsewhere, or its key revoked: a new one may do
      if (!(error instanceof AckError) || error.ack.code !== '428_PROOF_REQUIRED') throw error;
    }
  }
  const { proof } = await proveAndSubmit(context, sdk, {
    intent: choice.intent,
    subject: draft.subject,
    ref: choice.ref,
    kid: choice.kid,
  });
  out.note(`proven ${choice.intent} (${proof.id})`);
  const submitted = await send(proof.id);
  await state.dropProof(tenant, proof.id, io.nowMs());
  return { submitted, proof: proof.id };
}
