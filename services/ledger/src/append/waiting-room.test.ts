import { describe, expect, it } from 'vitest';
import type { BatchRequest } from '../domain/batch.ts';
import { splitWaiting, WaitingRoom } from './waiting-room.ts';

describe('the next turn', () => {
  it('takes all that waits, in order', () => {
    const room = new WaitingRoom();
    enter(room, ['acme', 'umbra', 'acme']);
    expect(tenantsOf(room.takeTurn())).toEqual(['acme', 'umbra', 'acme']);
    expect(room.size).toBe(0);
  });

  it('takes 256 logs and no more, and passes nobody by', () => {
    const room = new WaitingRoom();
    const many = Array.from({ length: 300 }, (_, nth) => `tenant-${nth}`);
    enter(room, [...many.slice(0, 256), 'tenant-0', ...many.slice(256), 'tenant-1']);
    expect(tenantsOf(room.takeTurn())).toEqual([...many.slice(0, 256), 'tenant-0']);
    expect(tenantsOf(room.takeTurn())).toEqual([...many.slice(256), 'tenant-1']);
  });

  it('takes one that is of more logs than that alone', () => {
    const room = new WaitingRoom();
    void room.enter(Array.from({ length: 257 }, (_, nth) => requestOf(`tenant-${nth}`)));
    enter(room, ['acme']);
    expect(room.takeTurn()).toHaveLength(1);
    expect(tenantsOf(room.takeTurn())).toEqual(['acme']);
  });
});

describe('an envelope that is taken apart', () => {
  const split = () => {
    const room = new WaitingRoom();
    const settled = room.enter(['acme', 'umbra', 'initech'].map(requestOf)).then(
      () => 'done',
      (error: unknown) => error,
    );
    const parts = room.takeTurn().flatMap((one) => splitWaiting(one, Number));
    return { settled, parts };
  };

  it('is settled when each request is', async () => {
    const { settled, parts } = split();
    expect(tenantsOf(parts)).toEqual(['acme', 'umbra', 'initech']);
    for (const { done } of parts) done();
    expect(await settled).toBe('done');
  });

  it('fails by what asks most of whoever delivered it, whichever came first', async () => {
    for (const errors of [
      [1, 2],
      [2, 1],
    ]) {
      const { settled, parts } = split();
      parts[0]?.fail(errors[0]);
      parts[1]?.done();
      parts[2]?.fail(errors[1]);
      expect(await settled).toBe(2);
    }
  });
});

function enter(room: WaitingRoom, tenants: readonly string[]): void {
  for (const tenant of tenants) void room.enter([requestOf(tenant)]);
}

function tenantsOf(turn: ReturnType<WaitingRoom['takeTurn']>): string[] {
  return turn.flatMap(({ requests }) => requests.map(({ tenant }) => tenant));
}

// of a request the room looks at no more than this
function requestOf(tenant: string): BatchRequest {
  return { tenant, spans: [] } as Partial<BatchRequest> as BatchRequest;
}
