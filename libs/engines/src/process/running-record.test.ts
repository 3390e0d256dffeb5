import { describe, expect, it } from 'vitest';
import { parseRecord } from './running-record.ts';

const good = {
  name: 'nats',
  pid: 42,
  startedAt: 'boot:7',
  parentPid: 41,
  parentStartedAt: 'boot:6',
  detached: true,
  stopSignal: 'SIGTERM',
  stopWithinMs: 10,
};

describe('parseRecord', () => {
  it('takes what writeRecord writes', () => {
    expect(parseRecord({ ...good })).toEqual(good);
  });
  it.each([
    null,
    [],
    'x',
    {},
    { ...good, pid: 0 },
    // pid 1 and -1 would be everybody
    { ...good, pid: 1 },
    { ...good, pid: -1 },
    { ...good, pid: '42' },
    { ...good, stopSignal: 'SIGSTOP' },
    { ...good, detached: 'yes' },
    { ...good, stopWithinMs: null },
    { ...good, name: 7 },
  ])('takes garbage for no record: %j', (value) => {
    expect(parseRecord(value)).toBeNull();
  });
});
