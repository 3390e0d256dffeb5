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
      if (value.includes('\n') || value.includes('\r') || !isName(name))
        throw new RangeError(`no header: ${name}`);
      text += `${name}: ${value}\r\n`;
    }
    this.#text = `${text}\r\n`;
  }

  override encode(): Uint8Array {
    return Buffer.from(this.#text);
  }
}

/** The same few names all the time. */
function isName(name: string): boolean {
  if (names.has(name)) return true;
  if (!/^[^\r\n:]+$/.test(name)) return false;
  if (names.size < MOST_NAMES) names.add(name);
  return true;
}
const names = new Set<string>();
const MOST_NAMES = 64;

/** The headers a message came with, each looked for when it is asked for: of the sixteen of a fact a reader asks for some. */
export class ReceivedHeaders {
  readonly #text: string | undefined;
  readonly #client: MsgHdrs | undefined;

  constructor(message: Msg) {
    const block = blockOf(message);
    this.#text = block === undefined ? undefined : textOf(block);
    this.#client = block === undefined ? message.headers : undefined;
  }

  /** By name as it was written; of several of one name the first. Undefined where there is none. */
  get(name: string): string | undefined {
    if (this.#text === undefined)
      return this.#client?.has(name) === true ? this.#client.get(name) : undefined;
    const needle = needleOf(name);
    const at = this.#text.indexOf(needle);
    return at === -1 ? undefined : valueAt(this.#text, at + needle.length);
  }

  /** All of them, in the order they came in. */
  pairs(): readonly HeaderPair[] {
    const text = this.#text;
    const client = this.#client;
    if (text === undefined) return client?.keys().map((name) => [name, client.get(name)]) ?? [];
    const pairs = new Map<string, string>();
    for (const line of text.split('\r\n').slice(1)) {
      const colon = line.indexOf(':');
      const name = line.slice(0, colon);
      if (colon > 0 && !pairs.has(name)) pairs.set(name, line.slice(colon + 1).trim());
    }
    return [...pairs];
  }
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

/** As far as the first empty line. The first line is the protocol's version and, of an answer of the server's own, a status. */
function textOf(block: Uint8Array): string {
  const text = Buffer.from(block.buffer, block.byteOffset, block.length).toString('utf8');
  const end = text.indexOf('\r\n\r\n');
  return end === -1 || end === text.length - 4 ? text : text.slice(0, end + 2);
}

/** What begins the header's line. */
function needleOf(name: string): string {
  let needle = needles.get(name);
  if (needle === undefined) {
    needle = `\r\n${name}:`;
    if (needles.size < MOST_NAMES) needles.set(name, needle);
  }
  return needle;
}
const needles = new Map<string, string>();

function valueAt(text: string, from: number): string {
  const end = text.indexOf('\r\n', from);
  return text.slice(from, end === -1 ? text.length : end).trim();
}
