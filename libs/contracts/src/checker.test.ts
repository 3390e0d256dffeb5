import { describe, expect, it } from 'vitest';
import { checkerOf } from './checker.ts';
import { Manifest } from './manifest.ts';

const checker = checkerOf(Manifest);
const slot = { kid: 'a', pub: 'ab'.repeat(32), status: 'active' };

describe('a checker', () => {
  it('says of each fault where it is, and what would be good there', () => {
    const faults = checker.faults({
      type: 'x',
      version: 7,
      owner: { tenant: 'Not A Name' },
      slots: {
        signing: [
          { ...slot, status: 'on' },
          { ...slot, pub: 'x' },
        ],
        api: [],
      },
      deploy: {
        engine: 'container',
        image: 'i',
        targets: [],
        ports: [{ host: 70_000, container: 1 }],
        lifecycle: { restart: { policy: 'maybe' } },
      },
      ts: 'now',
      colour: 1,
    });
    const told = Object.fromEntries(
      faults.map(({ pointer, message, expected, isMissing }) => [
        pointer,
        isMissing ? 'missing' : (expected ?? message),
      ]),
    );
    expect(told).toMatchObject({
      '/type': '"ll.minicontainer.v1"',
      '/version': 'string',
      '/owner/tenant': '[a-z0-9-]{1,63}',
      '/slots/signing/0/status': '"active" | "revoked" | "expired"',
      '/slots/signing/1/pub': '<64 hex>',
      '/deploy/targets': 'must not have fewer than 1 items',
      '/deploy/ports/0/host': 'must be <= 65535',
      '/deploy/lifecycle/restart/policy': '"never" | "on-failure" | "always"',
      '/ts': 'YYYY-MM-DDTHH:MM:SS.sssZ',
      '/colour': 'is not a known field',
      '/provenance': 'missing',
    });
    expect(faults).toHaveLength(new Set(faults.map(({ pointer }) => pointer)).size);
  });

  it('stops at 32 faults', () => {
    const many = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`x${i}`, 1]));
    expect(checker.faults(many)).toHaveLength(32);
  });
});
