import { MsgHdrsImpl, type Msg, type MsgHdrs } from '@nats-io/nats-core';

export type HeaderPair = readonly [name: string, value: string];

/**
 * Headers to send, as the bytes they travel as. The client's own class looks for every name among all names at each step, which for the sixteen headers of a
 * fact took a third of the ledger's time for sending it, and more in each reader.
 * @throws RangeError for a line break, which would begin another header
 */
export function toHeaders(pairs: readonly HeaderPair[]): MsgHdrs {
  return new HeaderLines(pairs);
}

class HeaderLines extends MsgHdrsImpl {
  readonly #text: string;

  constructor(pairs: readonly HeaderPair[]) {
    super();
    let text = 'NATS/1.0\r\n';
    for (const [name, value] of pairs) {
      if (LINE_BREAK.test(value) || !NAME.test(name)) throw new RangeError(`no header: ${name}`);
      text += `${name}: ${value}\r\n`;
    }
    this.#text = `${text}\r\n`;
  }

  override encode(): Uint8Array {
    return Buffer.from(this.#text);
  }
}
const LINE_BREAK = /[\r\n]/;
const NAME = /^[^\r\n:]+$/;

/** The headers a message came with, by name as it was written; of several of one name the first. */
export function readHeaders(message: Msg): ReadonlyMap<string, string> {
  const block = blockOf(message);
  return block === undefined ? fromClient(message) : parseBlock(block);
}

/** The client keeps the block as it came, and parses it when its own headers are asked for. Undefined where a version of it does otherwise. */
function blockOf(message: Msg): Uint8Array | undefined {
  const { _msg: head, _rdata: data } = message as unknown as MessageInside;
  return data instanceof Uint8Array && typeof head?.hdr === 'number'
    ? data.subarray(0, Math.max(0, head.hdr))
    : undefined;
}
/** Fields of the client's `MsgImpl`; a test tells when they are gone. */
type MessageInside = { readonly _msg?: { readonly hdr?: unknown }; readonly _rdata?: unknown };

function fromClient({ headers }: Msg): ReadonlyMap<string, string> {
  return new Map(headers?.keys().map((name) => [name, headers.get(name)]));
}

/** The first line is the protocol's version and, of an answer of the server's own, a status. */
function parseBlock(block: Uint8Array): ReadonlyMap<string, string> {
  const text = Buffer.from(block.buffer, block.byteOffset, block.length).toString('utf8');
  const headers = new Map<string, string>();
  for (
    let at = text.indexOf('\r\n') + 2, end = text.indexOf('\r\n', at);
    end > at;
    end = text.indexOf('\r\n', at)
  ) {
    const colon = text.indexOf(':', at);
    if (colon > at && colon < end) {
      const name = text.slice(at, colon);
      if (!headers.has(name)) headers.set(name, text.slice(colon + 1, end).trim());
    }
    at = end + 2;
  }
  return headers;
}
