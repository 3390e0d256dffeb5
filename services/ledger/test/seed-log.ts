import { formatBase64, spanIdFromRandom, utf8 } from '@logline/canon-sign';
import { MAX_ENVELOPE_SPANS } from '@logline/contracts';
import { tenantCreatedSpan } from '@logline/testing';
import { randomBytes } from 'node:crypto';
import { type AppendBench, benchEnvelope, type BenchSpan } from './append-bench.ts';

export type SeedOptions = {
  readonly tenant: string;
  /** With the birth, of a log that is made. */
  readonly entries: number;
  /** Subjects to spread them over. */
  readonly subjects?: number;
  /** Per envelope, and so per commit at least; 128. */
  readonly perEnvelope?: number;
};

const IN_FLIGHT = 16;

/**
 * Fills a tenant's log through the append path: envelopes in, real turns, real receipts. Only the spans' own signatures are made up, for
 * nobody behind the gate looks at them and a million would take longer than all the rest.
 */
export async function seedLog(
  bench: AppendBench,
  { tenant, entries, subjects = 1_000, perEnvelope = MAX_ENVELOPE_SPANS }: SeedOptions,
): Promise<void> {
  await bench.append(
    benchEnvelope(
      tenant,
      [{ bytes: tenantCreatedSpan({ tenant }).bytes, reads: {}, writes: [] }],
      'operator',
    ),
  );
  await growLog(bench, { tenant, entries: entries - 1, subjects, perEnvelope });
}

/** As many entries more, of a log that is there. */
export async function growLog(
  bench: AppendBench,
  { tenant, entries, subjects = 1_000, perEnvelope = MAX_ENVELOPE_SPANS }: SeedOptions,
): Promise<void> {
  let next = 0;
  await Promise.all(
    Array.from({ length: IN_FLIGHT }, async () => {
      while (next < entries) {
        const first = next;
        next = Math.min(entries, first + perEnvelope);
        const spans = Array.from({ length: next - first }, (_, nth) =>
          seedSpan(tenant, first + nth, subjects),
        );
        await bench.append(benchEnvelope(tenant, spans));
      }
    }),
  );
}

/** Canonical bytes of about 600, as a small deploy span has. */
export function seedSpan(tenant: string, nth: number, subjects: number): BenchSpan {
  const subject = `urn:minicontainer:${tenant}/web-${nth % subjects}`;
  const random = randomBytes(74);
  const text = `{"did":{"action":"append","actor":"root"},"entity_type":"function","intent":"deploy.stop","payload":{"note":"${'x'.repeat(160)}","target":{"provider":"docker"}},"schema_version":"1.1.0","signature":{"alg":"ed25519-blake3","kid":"root","sig":"${formatBase64(random.subarray(0, 64))}"},"subject":"${subject}","this":"${spanIdFromRandom(Date.now(), random.subarray(64))}","ts":"2026-11-24T12:00:00Z"}`;
  return { bytes: utf8(text), reads: {}, writes: [`lease:${subject}`] };
}
