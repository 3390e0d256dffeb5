import { blake3Hash, formatBase64, formatHex, signedMessage } from '@logline/canon-sign';
import { formatInstant, type Receipt } from '@logline/contracts';
import { publishFacts, toFactMessage, type FactMessage } from '@logline/jetstream';
import {
  appendBatch,
  emptyTiledEdge,
  formatProof,
  leafHash,
  signCheckpoint,
  type TiledEdge,
} from '@logline/tlog';
import { NOW_MS, TEST_ORIGIN, testKey, type SignedSpan } from '@logline/testing';
import type { NatsConnection } from '@nats-io/nats-core';

/**
 * A log of one tenant, made as protocol §10 says and not by the ledger's code, whose facts go out on FACTS. So what the gateway
 * makes of the views can be held against receipts that never went through them.
 */
export class LogMaker {
  readonly origin: string;
  /** Receipts in log order. */
  readonly receipts: Receipt[] = [];
  readonly spans: SignedSpan[] = [];
  checkpoint = '';
  #edge: TiledEdge = emptyTiledEdge();
  readonly #nc: NatsConnection;
  readonly #isSigned: (index: number) => boolean;
  readonly #tenant: string;
  readonly #log = testKey('log');

  /** @param isSigned - of which entries the receipt is really signed: signing tens of thousands takes its time */
  constructor(nc: NatsConnection, tenant: string, isSigned: (index: number) => boolean = () => true) {
    this.#nc = nc;
    this.#isSigned = isSigned;
    this.#tenant = tenant;
    this.origin = `${TEST_ORIGIN}/${tenant}`;
  }

  get size(): number {
    return this.spans.length;
  }

  /** One commit: the spans, one checkpoint behind them, a receipt each; and its facts out. */
  async append(...spans: readonly SignedSpan[]): Promise<readonly Receipt[]> {
    const { receipts, facts } = this.seal(...spans);
    await publishFacts(this.#nc, facts);
    return receipts;
  }

  /** A commit of which nobody hears. Log time is a second per entry before it. */
  seal(...spans: readonly SignedSpan[]): { receipts: readonly Receipt[]; facts: readonly FactMessage[] } {
    const first = this.size;
    const timeMs = NOW_MS + first * 1000;
    const leaves = spans.map(({ bytes }) => leafHash(bytes));
    const batch = appendBatch(this.#edge, leaves);
    this.#edge = batch.edge;
    const size = batch.edge.size;
    this.checkpoint = signCheckpoint({ origin: this.origin, size, root: batch.root }, [
      { name: this.origin, signer: this.#log.signer },
    ]);
    const receipts = spans.map(({ span, bytes }, i): Receipt => {
      const statement = {
        ts: formatInstant(timeMs),
        hash: blake3Hash(bytes),
        this: span.this,
        log: this.origin,
        index: first + i,
      };
      const hashes = batch.proofs[i] ?? [];
      return {
        ts: statement.ts,
        hash: statement.hash,
        signature: this.#isSigned(statement.index)
          ? formatBase64(this.#log.signer.sign(signedMessage('receipt', statement)))
          : `${'A'.repeat(86)}==`,
        merkle: formatProof({ index: BigInt(first + i), hashes, checkpoint: this.checkpoint }),
        this: span.this,
        log: this.origin,
        index: first + i,
      };
    });
    this.receipts.push(...receipts);
    this.spans.push(...spans);
    const facts = spans.map(({ span, bytes }, i) =>
      toFactMessage(span, bytes, {
        tenant: this.#tenant,
        log: this.origin,
        index: first + i,
        leaf: formatHex(leaves[i] ?? new Uint8Array()),
        timeMs,
        receiptSignature: receipts[i]?.signature ?? '',
        ...(i === spans.length - 1 ? { checkpoint: this.checkpoint } : {}),
        trace: 'a'.repeat(32),
      }),
    );
    return { receipts, facts };
  }
}
