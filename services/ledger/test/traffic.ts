import type { Receipt } from '@logline/contracts';
import { signedSpan, type SignedSpan, tenantCreatedSpan } from '@logline/testing';
import type { FakeGate } from './fake-gate.ts';

/** A span that was acknowledged, with the receipt its client holds. */
export type Held = { readonly tenant: string; readonly span: SignedSpan; readonly receipt: Receipt };

/**
 * Clients that send one span after the other, and the same one again until they hold its receipt: as everybody does whose
 * request was lost or answered 503.
 */
export class Traffic {
  readonly held: Held[] = [];
  readonly #gate: FakeGate;
  readonly #clients: Promise<void>[];
  readonly #partitions: number;
  #isOver = false;
  #sent = 0;
  #nth = 0;

  /** @param partitions - among which the gate guesses, wrongly as often as not */
  constructor(gate: FakeGate, tenants: readonly string[], clients: number, partitions = 1) {
    this.#gate = gate;
    this.#partitions = partitions;
    this.#clients = Array.from({ length: clients }, (_, at) =>
      this.#send(tenants[at % tenants.length] ?? ''),
    );
  }

  /** Everything that was begun is held. */
  async end(): Promise<readonly Held[]> {
    this.#isOver = true;
    await Promise.all(this.#clients);
    return this.held;
  }

  async #send(tenant: string): Promise<void> {
    while (!this.#isOver) await this.#hold(tenant, stopSpanOf(tenant, ++this.#nth));
  }

  async #hold(tenant: string, span: SignedSpan): Promise<void> {
    for (;;) {
      const [ack] = await this.#gate
        .submit([{ cause: span, writes: [`run:${span.span.this}`] }], {
          tenant,
          waitMs: 1_000,
          partition: this.#sent++ % this.#partitions,
        })
        .catch(() => []);
      if (ack?.status !== 'ok') continue;
      this.held.push({ tenant, span, receipt: ack.receipt });
      return;
    }
  }
}

export async function createTenant(gate: FakeGate, tenant: string): Promise<void> {
  const birth = tenantCreatedSpan({ tenant });
  for (;;) {
    const [ack] = await gate.submit(
      [{ cause: birth, role: 'operator', reads: { tenant: -1 }, writes: ['tenant'] }],
      { tenant, caller: { kind: 'operator' } },
    );
    if (ack?.status === 'ok') return;
  }
}

export function stopSpanOf(tenant: string, nth: number): SignedSpan {
  return signedSpan({
    intent: 'deploy.stop',
    subject: `urn:minicontainer:${tenant}/web`,
    payload: { target: { provider: 'docker' }, options: { timeout_ms: 1_000 + nth } },
    nth,
  });
}
