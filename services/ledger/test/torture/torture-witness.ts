import { signerFromSeed } from '@logline/canon-sign';
import { cosignedOf, STREAMS } from '@logline/contracts';
import { callApi } from '@logline/jetstream';
import { eventually, TEST_ORIGIN } from '@logline/testing';
import {
  type Checkpoint,
  cosignaturesOf,
  decideAddCheckpoint,
  decodeNote,
  formatCosignerKey,
  parseAddCheckpoint,
  parseCosignerKey,
  verifyCheckpoint,
} from '@logline/tlog';
import type { NatsConnection } from '@nats-io/nats-core';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { vkeyOf } from '../vkey-of.ts';
import { Violation } from './claims.ts';

/** `away`: refuses every connection. `silence`: hears, cosigns nothing, says nothing. `lose answer`: cosigns, and nobody hears of it. */
export const WITNESS_FAULTS = ['away', 'silence', 'lose answer'] as const;
export type WitnessFault = (typeof WITNESS_FAULTS)[number];

const KEY = {
  name: 'witness.example/torture',
  signer: signerFromSeed('witness', new Uint8Array(32).fill(5)),
};
const VKEY = formatCosignerKey(KEY.name, KEY.signer.publicKey);

/** How long a ledger may need to have everything cosigned once nothing is broken any more: a witness that was away is left alone for five seconds at most. */
const COSIGNED_WITHIN_MS = 30_000;

/**
 * The witness of all logs, who forgets nothing, and so the judge of `fail_closed`: what it has not cosigned, nobody may hold a receipt for; and
 * what it refuses to cosign is a fork.
 */
export class TortureWitness {
  readonly #server: Server;
  readonly #latest = new Map<string, Checkpoint>();
  #fault: WitnessFault | undefined;
  #violation: Violation | undefined;
  #onFault: () => void = () => undefined;

  private constructor(server: Server) {
    this.#server = server;
    server.on('request', (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response).catch(() => response.destroy()); // whoever asked has died
    });
    server.on('connection', (socket) => {
      if (this.#fault !== 'away') return;
      this.#onFault();
      socket.destroy();
    });
  }

  static async open(): Promise<TortureWitness> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TortureWitness(server);
  }

  /** What its ledgers are told (C2SP tlog-policy). */
  get policy(): string {
    const address = this.#server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    return `witness w ${VKEY} http://127.0.0.1:${port}\nquorum w\n`;
  }

  /** @throws Violation for a receipt of an entry that no cosigned checkpoint covers, and for a log that has forked */
  check(tenant: string, index: number): void {
    this.throwIfViolated();
    const size = this.#latest.get(`${TEST_ORIGIN}/${tenant}`)?.size ?? 0n;
    if (size <= index)
      throw new Violation(
        `${tenant}: a receipt of entry ${index}, and a quorum has cosigned ${size} entries`,
      );
  }

  /** @throws Violation when it was shown a fork, or what no log may show */
  throwIfViolated(): void {
    if (this.#violation !== undefined) throw this.#violation;
  }

  /** All of a log is cosigned, and whoever reads it can see so. @throws Violation */
  async checkCosigned(nc: NatsConnection, tenant: string, size: number): Promise<void> {
    await eventually(
      async () => {
        const answer = await callApi(nc, `STREAM.MSG.GET.${STREAMS.cosigned}`, {
          last_by_subj: cosignedOf(tenant),
        });
        const data = Object(answer['message'])['data'] as unknown; // whatever is there
        const note = Buffer.from(String(data), 'base64').toString();
        const published = verifyCheckpoint(note, {
          origin: `${TEST_ORIGIN}/${tenant}`,
          vkeys: [vkeyOf(tenant)],
        });
        const by = cosignaturesOf(note, [parseCosignerKey(VKEY)]).length;
        if (Number(published.size) !== size || by !== 1)
          throw new Violation(
            `${tenant}: has ${size} entries, and ${published.size} are shown as cosigned by ${by}`,
          );
      },
      { withinMs: COSIGNED_WITHIN_MS },
    );
  }

  /** From now on. `onFault` is called each time somebody notices. */
  break(how: WitnessFault, onFault: () => void): void {
    this.#fault = how;
    this.#onFault = onFault;
    if (how === 'away') this.#server.closeAllConnections();
  }

  mend(): void {
    if (this.#fault === 'silence') this.#server.closeAllConnections();
    this.#fault = undefined;
  }

  async close(): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const fault = this.#fault;
    if (fault !== undefined) this.#onFault();
    if (fault === 'away') return void response.destroy();
    if (fault === 'silence') return;
    const asked = parseAddCheckpoint(decodeNote(Buffer.concat(chunks)));
    const verdict = decideAddCheckpoint(asked, {
      vkeys: [vkeyOf(asked.origin.slice(TEST_ORIGIN.length + 1))],
      latest: this.#latest.get(asked.origin),
      witness: KEY,
      seconds: BigInt(Math.floor(Date.now() / 1_000)),
    });
    if (verdict.status === 200) this.#latest.set(asked.origin, verdict.checkpoint);
    else if (verdict.status !== 409)
      this.#violation ??= new Violation(
        `${asked.origin}: the witness says ${verdict.status}: ${verdict.why}`,
      );
    if (fault === 'lose answer') return void response.destroy();
    if (verdict.status === 200) return void response.end(verdict.cosignature);
    if (verdict.status === 409) response.setHeader('Content-Type', 'text/x.tlog.size');
    response.statusCode = verdict.status;
    response.end(verdict.status === 409 ? `${verdict.latestSize}\n` : verdict.why);
  }
}
