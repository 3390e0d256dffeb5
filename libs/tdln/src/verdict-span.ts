import { signCanonical, spanIdFromCause, type LocalSigner } from '@logline/canon-sign';
import { parseInstant, type ServiceName, type Span } from '@logline/contracts';

/**
 * The span that a service writes beside its cause, signed. Made twice it is the same, byte for byte: id and time are the
 * cause's (protocol §9, "Read your writes").
 *
 * @param intent - of the verdict, such as `wallet.proof.verified`
 */
export function verdictSpan(
  cause: Span,
  intent: string,
  payload: Readonly<Record<string, unknown>>,
  by: { readonly service: ServiceName; readonly signer: LocalSigner },
): { readonly span: Span; readonly bytes: Uint8Array } {
  const causeMs = parseInstant(cause.ts) ?? 0;
  const { signed, bytes } = signCanonical(
    'span',
    {
      schema_version: '1.1.0' as const,
      entity_type: 'decision' as const,
      this: spanIdFromCause(causeMs, cause.this, by.service, intent),
      did: { actor: by.service, action: 'append' as const },
      intent,
      subject: cause.subject,
      payload,
      ts: cause.ts,
    },
    by.signer,
  );
  return { span: signed, bytes };
}
