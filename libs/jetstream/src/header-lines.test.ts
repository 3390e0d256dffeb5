import { describe, expect, it } from 'vitest';
import { headers as clientHeaders, MsgHdrsImpl, type Msg, type MsgHdrs } from '@nats-io/nats-core';
import { MsgImpl } from '@nats-io/nats-core/internal';
import fc from 'fast-check';
import { readHeaders, toHeaders } from './header-lines.ts';

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
        expect([...readHeaders(message)]).toEqual(given);
        const { headers } = message;
        for (const [name, value] of given) expect(headers?.get(name)).toBe(value);
      }),
    );
  });

  it('keep the first of several of one name, and leave out what is no header', () => {
    const block = Buffer.from(
      'NATS/1.0 503 No Responders\r\nA: 1\r\nA: 2\r\nnothing\r\n: x\r\nB:  y  \r\n\r\n',
    );
    expect([...readHeaders(messageOf(block))]).toEqual([
      ['A', '1'],
      ['B', 'y'],
    ]);
  });

  it('are none where there are none', () => {
    expect(readHeaders(messageOf(undefined)).size).toBe(0);
    expect(readHeaders(messageOf(Buffer.from('NATS/1.0\r\n\r\n'))).size).toBe(0);
    expect(readHeaders(messageOf(Buffer.from('garbage'))).size).toBe(0);
  });

  it('come from the client itself where it keeps no block', () => {
    const headers = clientHeaders();
    headers.set('A', '1');
    expect([...readHeaders({ headers } as Msg)]).toEqual([['A', '1']]);
    expect(readHeaders({} as Msg).size).toBe(0);
  });

  it('are read from the block, not from the client, in the version we have', () => {
    const message = messageOf(encode(toHeaders([['A', '1']])));
    Object.defineProperty(message, 'headers', {
      get: () => {
        throw new Error('the slow way was taken');
      },
    });
    expect(readHeaders(message).get('A')).toBe('1');
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
