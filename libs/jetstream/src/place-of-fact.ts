import { ContractError, storedFactsOf, type FactPlace } from '@logline/contracts';

/**
 * Where a message of `FACTS` stands in its log, if the ledger put it there. Only the ledger may publish to the stream, but NATS lets
 * whoever may ask anything of JetStream choose where the answer goes, and does not look whether he may publish there. So what lies
 * there without a place, or with the place of another tenant than its subject's, is nobody's fact and must stop nobody.
 *
 * @throws ContractError `BAD_HEADERS`
 */
export function placeOfFact(message: { readonly subject: string; readonly place: FactPlace }): FactPlace {
  const { subject, place } = message;
  const tenant = subject.split('.')[TENANT_TOKEN] ?? '';
  if (tenant === place.tenant) return place;
  throw new ContractError('BAD_HEADERS', `a fact of ${place.tenant} lies among those of ${tenant}`);
}

const TENANT_TOKEN = storedFactsOf('tenant').split('.').indexOf('tenant');
