import { Readiness } from '@logline/service';
import { describe, expect, it } from 'vitest';
import { GatewayConfig } from '../config.ts';
import { Moves } from './moves.ts';

const never = (): Promise<null> => Promise.resolve(null);

describe('readers who wait for the views', () => {
  it('find their places free, however many strangers knock', async () => {
    const moves = new Moves(new GatewayConfig(), new Readiness());
    const knocking = Array.from({ length: 1000 }, () => moves.findSoon('acme', never, 'stranger'));
    let looks = 0;
    const wait = moves.findSoon('acme', () => Promise.resolve(++looks < 2 ? null : 'there'));
    expect(await wait).toBe('there');
    expect(await Promise.all(knocking)).toEqual(knocking.map(() => null));
  });

  it('ask the database no oftener for many strangers than for a few', async () => {
    const moves = new Moves(new GatewayConfig(), new Readiness());
    let looks = 0;
    const look = (): Promise<null> => {
      looks += 1;
      return never();
    };
    await Promise.all(Array.from({ length: 1000 }, () => moves.findSoon('acme', look, 'stranger')));
    // each once, and those that wait once more at once and once at the end
    expect(looks).toBeLessThan(1000 + 100);
  });
});
