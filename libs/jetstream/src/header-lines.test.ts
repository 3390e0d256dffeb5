import { describe, expect, it } from 'vitest';
import { headers as clientHeaders, MsgHdrsImpl, type Msg, type MsgHdrs } from '@nats-io/nats-core';
import { MsgImpl } from '@nats-io/nats-core/internal';
import fc from 'fast-check';
import { ReceivedHeaders, toHeaders } from './header-lines.ts';

const pairs = fc.uniqueArray(
  fc.tuple(
    fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,20}$/),
    fc.string({ unit: 'grapheme', maxLength: 40 }).map((text) => text.replaceAll(/[\r\n]/g, '').trim()),
  ),
  { selector: ([name]) => name.toLowerCase(), maxLength: 20 },
);

/** As the client hands it over. */
function messageOf(block: Uint8Array | undefined, body = new Uint8Array([1, 2, 3])): Msg {
  const data = block === undefined ? body : new Uint8Array([...block, ...body]);
  const head = {
    subject: new Uint8Array(),
    hdr: block === undefined ? -1 : block.length,
    sid: 1,
    size: data.length,
  };
  return new MsgImpl(head as never, data, null as never);
}

const encode = (headers: MsgHdrs): Uint8Array => (headers as MsgHdrsImpl).encode();

describe('header lines', () => {
  it('are the bytes that the client would send', () => {
    fc.assert(
      fc.property(pairs, (given) => {
        const theirs = clientHeaders();
        for (const [name, value] of given) theirs.set(name, value);
        // the client writes nothing at all where there is no header
        if (given.length > 0) expect(encode(toHeaders(given))).toEqual(Buffer.from(encode(theirs)));
      }),
    );
  });

  it('are read as the client reads them', () => {
    fc.assert(
      fc.property(pairs, (given) => {
        const message = messageOf(encode(toHeaders(given)));
        const received = new ReceivedHeaders(message);
        expect(received.pairs()).toEqual(given);
        const { headers } = message;
        for (const [name, value] of given) {
          expect(received.get(name)).toBe(value);
          expect(headers?.get(name)).toBe(value);
        }
        expect(received.get('Nobody-Has-It')).toBeUndefined();
      }),
    );
  });

  it('keep the first of several of one name, and leave out what is no header', () => {
    const block = Buffer.from(
      'NATS/1.0 503 No Responders\r\nA: 1\r\nA: 2\r\nnothing\r\n: x\r\nB:  y  \r\n\r\n',
    );
    const received = new ReceivedHeaders(messageOf(block));
    expect(received.pairs()).toEqual([
      ['A', '1'],
      ['B', 'y'],
    ]);
    expect(['A', 'B', 'NATS/1.0 503 No Responders', 'nothing'].map((name) => received.get(name))).toEqual([
      '1',
      'y',
      undefined,
      undefined,
    ]);
  });

  it.each(['NATS/1.0\r\nA: 1\r\n\r\nB: 2\r\n\r\n', 'NATS/1.0\r\nA: 1\r\n\r\n\r\nB: 2'])(
    'end with the first empty line: %j',
    (text) => {
      const received = new ReceivedHeaders(messageOf(Buffer.from(text)));
      expect(received.pairs()).toEqual([['A', '1']]);
      expect(received.get('B')).toBeUndefined();
    },
  );

  it('are one way to read the same block, asked for one by one or all at once', () => {
    const line = fc.string({
      unit: fc.constantFrom('A', 'B', ':', ' ', '\r', '\n', '\r\n', 'é'),
      maxLength: 12,
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), (lines) => {
        const received = new ReceivedHeaders(messageOf(Buffer.from(`NATS/1.0\r\n${lines.join('\r\n')}`)));
        const pairs = new Map(received.pairs());
        for (const name of ['A', 'B', 'AB', 'BA', 'é', ...pairs.keys()])
          if (!name.includes('\n')) expect(received.get(name)).toBe(pairs.get(name));
      }),
    );
  });

  it('are none where there are none', () => {
    for (const block of [undefined, 'NATS/1.0\r\n\r\n', 'garbage', 'A: 1']) {
      const received = new ReceivedHeaders(messageOf(block === undefined ? block : Buffer.from(block)));
      expect(received.pairs()).toEqual([]);
      expect(received.get('A')).toBeUndefined();
    }
  });

  it('come from the client itself where it keeps no block', () => {
    const headers = clientHeaders();
    headers.set('A', '1');
    const received = new ReceivedHeaders({ headers } as Msg);
    expect(received.pairs()).toEqual([['A', '1']]);
    expect([received.get('A'), received.get('B')]).toEqual(['1', undefined]);
    expect(new ReceivedHeaders({} as Msg).pairs()).toEqual([]);
  });

  it('are read from the block, not from the client, in the version we have', () => {
    const message = messageOf(encode(toHeaders([['A', '1']])));
    Object.defineProperty(message, 'headers', {
      get: () => {
        throw new Error('the slow way was taken');
      },
    });
    expect(new ReceivedHeaders(message).get('A')).toBe('1');
  });

  it.each([
    ['A', 'x\r\nB: y'],
    ['A', 'x\ny'],
    ['A\r\nB', 'x'],
    ['A:', 'x'],
    ['', 'x'],
  ])('refuses %j: %j, which would be another header', (name, value) => {
    expect(() => toHeaders([[name, value]])).toThrow(RangeError);
  });
});
