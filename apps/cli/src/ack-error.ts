import type { Ack, AckOk } from '@logline/contracts';

/** An ack that is not ok, thrown where there is nothing else to do with it. Its details become the problem's. */
export class AckError extends Error {
  override readonly name = 'AckError';
  readonly ack: Exclude<Ack, AckOk>;
  constructor(ack: Exclude<Ack, AckOk>) {
    super(ack.errors[0] ?? ack.suggested_reply);
    this.ack = ack;
  }
}
