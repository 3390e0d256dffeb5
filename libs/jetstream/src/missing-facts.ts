/** Facts that a reader needs, does not have, and does not find in `FACTS`. `from` and `to` are log indexes, both among them. */
export type MissingFacts = { readonly tenant: string; readonly from: number; readonly to: number };

/** What is missing and what mends it, in a sentence that every reader says alike. */
export function sayMissing({ tenant, from, to }: MissingFacts): string {
  const what = from === to ? `fact ${from} of ${tenant} has` : `facts ${from} to ${to} of ${tenant} have`;
  return `${what} not come in order; if that is because of their age, \`logline ledger republish --again --tenant ${tenant} --from ${from}\` brings them again`;
}
