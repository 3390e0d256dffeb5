import { ContractError, parseSubject } from '@logline/contracts';
import { GatewayError } from '../errors.ts';

/** @throws GatewayError `400_BAD_REQUEST` for no subject, `404_NOT_FOUND` for another tenant's, whether it exists or not */
export function checkOwnSubject(subject: string, tenant: string): void {
  try {
    if (parseSubject(subject).tenant === tenant) return;
  } catch (cause) {
    if (!(cause instanceof ContractError)) throw cause;
    throw new GatewayError('400_BAD_REQUEST', cause.message, { cause });
  }
  throw new GatewayError('404_NOT_FOUND', 'no such subject, or not yours');
}
