import { blake3Hash, formatBase64, formatHex, signedMessage } from '@logline/canon-sign';
import { formatInstant, type FactPlace } from '@logline/contracts';
import { publishFacts, toFactMessage, type FactMessage } from '@logline/jetstream';
import { appendLeaves, emptyEdge, leafHash, rootOf, signCheckpoint, type Edge } from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { NOW_MS } from './clock.ts';
import { TENANT, TEST_ORIGIN } from './installation.ts';
import { testKey, type TestKey } from './keys.ts';
import type { SignedSpan } from './spans.ts';

export type TestFact = SignedSpan & { readonly place: FactPlace; readonly message: FactMessage };

/** A tenant's log as the ledger keeps it, in memory: real leaves, checkpoints and receipt signatures, for tests of those who read facts. */
export class TestLog {
  readonly tenant: string;
  readonly origin: string;
  readonly facts: TestFact[] = [];
  readonly #key: TestKey;
  #edge: Edge = emptyEdge();
  #runs = 0;

  constructor({
    tenant = TENANT,
    key = testKey('log'),
  }: { readonly tenant?: string; readonly key?: TestKey } = {}) {
    this.tenant = tenant;
    this.origin = `${TEST_ORIGIN}/${tenant}`;
    this.#key = key;
  }

  /** One commit: the last of its facts carries the checkpoint. */
  append(spans: readonly SignedSpan[], timeMs: number = NOW_MS): readonly TestFact[] {
    const leaves = spans.map(({ bytes }) => leafHash(bytes));
    const first = this.facts.length;
    this.#edge = appendLeaves(this.#edge, leaves);
    const checkpoint = signCheckpoint(
      { origin: this.origin, size: this.#edge.size, root: rootOf(this.#edge) },
      [{ name: this.origin, signer: this.#key.signer }],
    );
    const facts = spans.map(({ span, bytes }, at): TestFact => {
      const index = first + at;
      const receipt = {
        ts: formatInstant(timeMs),
        hash: blake3Hash(bytes),
        this: span.this,
        log: this.origin,
        index,
      };
      const place: FactPlace = {
        tenant: this.tenant,
        log: this.origin,
        index,
        leaf: formatHex(leaves[at] ?? new Uint8Array()),
        timeMs,
        receiptSignature: formatBase64(this.#key.signer.sign(signedMessage('receipt', receipt))),
        ...(at === spans.length - 1 ? { checkpoint } : {}),
        trace: index.toString(16).padStart(32, '0'),
      };
      return { span, bytes, place, message: toFactMessage(span, bytes, place) };
    });
    this.facts.push(...facts);
    return facts;
  }

  /** Appends and publishes, as the ledger does after its commit. */
  async commit(
    nc: NatsConnection,
    spans: readonly SignedSpan[],
    timeMs?: number,
  ): Promise<readonly TestFact[]> {
    const facts = this.append(spans, timeMs);
    await publishFacts(
      nc,
      facts.map(({ message }) => message),
    );
    return facts;
  }

  /** Publishes facts of it once more, behind what is there, as `ledger republish --again` does. */
  async republish(nc: NatsConnection, facts: readonly TestFact[] = this.facts): Promise<void> {
    await publishFacts(
      nc,
      facts.map(({ message }) => ({ ...message, msgId: `${message.msgId}:${++this.#runs}` })),
    );
  }
}
