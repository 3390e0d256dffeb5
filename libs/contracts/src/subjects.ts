import { blake3Digest, formatHex, utf8 } from '@logline/canon-sign';
import { ID_PATTERN } from './lexical.ts';
import { parseSubject } from './names.ts';
import { ANCHOR_BUCKET } from './streams.ts';

/** The only place where a NATS subject is spelled (protocol §11). */

const TOKEN = new RegExp(ID_PATTERN);

export const SUBMIT_CLIENT = 'submit.client';
export const SUBMIT_RECHECK = 'submit.recheck';
export const submitService = (service: string): string => `submit.service.${service}`;
export const submitReport = (tenant: string, runner: string): string =>
  `submit.report.${tenant}.${token(runner)}`;
export const verifyPartition = (partition: number): string => `verify.${partition}`;
export const acceptPartition = (partition: number): string => `accept.${partition}`;
export const anchorOf = (partition: number): string => `$KV.${ANCHOR_BUCKET}.${partition}`;
export const cosignedOf = (tenant: string): string => `cosigned.${tenant}`;
export const parked = (consumer: string, subject: string): string => `parked.${consumer}.${subject}`;

/** What each stream holds, and its consumers take: patterns, for those who configure them. */
export const SUBJECT_PATTERNS = {
  submitted: 'submit.*',
  reported: 'submit.>',
  ofServices: 'submit.service.*',
  // not submitReport('*', '*'), which would hash the wildcard as it does any id that is no token
  ofRunners: 'submit.report.*.*',
  toVerify: 'verify.*',
  toAccept: 'accept.*',
  facts: 'fact.>',
  cosigned: 'cosigned.*',
  parked: 'parked.>',
  anchors: `$KV.${ANCHOR_BUCKET}.*`,
} as const;

/** The intent in two tokens: the last dot stays, earlier ones become `_` (`wallet.proof.verified` → `wallet_proof.verified`). */
export function intentTokens(intent: string): string {
  const last = intent.lastIndexOf('.');
  return `${intent.slice(0, last).replaceAll('.', '_')}${intent.slice(last)}`;
}

/** Where a fact is republished once stored: `<noun>.<verb>.<tenant>.<name>`; `urn:tenant:…` has the name `_`. */
export function factSubject(intent: string, subjectUrn: string): string {
  const subject = parseSubject(subjectUrn);
  const name = subject.kind === 'tenant' ? '_' : token(subject.name);
  return `${intentTokens(intent)}.${subject.tenant}.${name}`;
}

/** Where it is stored, in `FACTS`. */
export function storedFactSubject(intent: string, subjectUrn: string): string {
  return `fact.${factSubject(intent, subjectUrn)}`;
}

/** Every stored fact of one tenant and of nobody else. */
export const storedFactsOf = (tenant: string): string => `fact.*.*.${tenant}.*`;
export const ALL_STORED_FACTS = 'fact.*.*.*.*';

/** Prefix of the reply inboxes of one NATS user; its permissions allow exactly this. */
export const inboxPrefix = (user: string): string => `_INBOX.${user}`;
/** Every inbox: who answers may publish there; only its owner may listen. */
export const ANY_INBOX = '_INBOX.*.>';
/** NATS user of a runner. */
export const runnerUser = (tenant: string, runner: string): string => `runner_${tenant}_${token(runner)}`;

/** An id that is not a NATS token (it may hold dots) is replaced by the hex of its BLAKE3. */
function token(id: string): string {
  return TOKEN.test(id) && !id.includes('.') ? id : formatHex(blake3Digest(utf8(id)));
}
