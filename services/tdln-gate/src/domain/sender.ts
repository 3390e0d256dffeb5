import {
  inboxPrefix,
  SUBMIT_CLIENT,
  SUBMIT_RECHECK,
  type Caller,
  type SubmitRequest,
} from '@logline/contracts';

export type Sender =
  | { readonly caller: Caller }
  /** The message says something about its sender that its subject contradicts. */
  | { readonly caller: null; readonly why: string };

const INBOX = /^_INBOX(\.[A-Za-z0-9_-]+){2,8}$/;

/**
 * On whose behalf a request really comes. NATS lets each user publish only its own subject, so the subject tells; what the
 * request says of itself counts only where the gateway or the ledger may say it: the others' permissions end at their own subjects.
 */
export function senderOf(subject: string, { tenant, caller, reply, recheck }: SubmitRequest): Sender {
  if (!INBOX.test(reply)) return { caller: null, why: 'its reply is no inbox' };
  const [, kind, first = '', runner] = subject.split('.');
  if (subject === SUBMIT_RECHECK) return { caller }; // as the ledger got it from this gate
  // it says when the request came and what the gate must wait for
  if (recheck !== undefined) return { caller: null, why: 'only the ledger sends a request back' };
  if (subject === SUBMIT_CLIENT) {
    return caller.kind === 'own'
      ? { caller: null, why: 'a client is no part of the installation' }
      : { caller };
  }
  const user = kind === 'service' ? first : `runner_${first}_${runner ?? ''}`;
  if (kind === 'report' && first !== tenant)
    return { caller: null, why: `a runner of ${first} speaks for another tenant` };
  if (!reply.startsWith(`${inboxPrefix(user)}.`))
    return { caller: null, why: `its reply is not an inbox of ${user}` };
  return { caller: { kind: 'own', user } };
}
