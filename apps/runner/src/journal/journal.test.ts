import { describe, expect, test } from 'vitest';
import { RunnerError } from '../errors.ts';
import { formatLine, parseJournal } from './journal.ts';
import type { JournalRecord } from './record.ts';

const RECORDS: readonly JournalRecord[] = [
  { t: 'event', lease: 1, event: { type: 'cleaned' }, said: [] },
  { t: 'answered', span: 'urn:span:x', lease: 1, receipt: null },
  { t: 'event', lease: 2, event: { type: 'failed', why: 'engine_error', message: 'ção\n€' }, said: [] },
];
const whole = Buffer.concat(RECORDS.map(formatLine));

describe('a journal', () => {
  test('gives back what was written, in order', () => {
    expect(parseJournal(whole)).toEqual({ records: RECORDS, goodBytes: whole.length });
    expect(parseJournal(new Uint8Array(0))).toEqual({ records: [], goodBytes: 0 });
  });

  test('loses nothing but the last line, wherever a crash tore it', () => {
    const beforeLast =
      whole.length - formatLine(RECORDS[2] ?? { t: 'answered', span: '', lease: 0, receipt: null }).length;
    for (let length = beforeLast; length < whole.length; length++) {
      expect(parseJournal(whole.subarray(0, length))).toEqual({
        records: RECORDS.slice(0, 2),
        goodBytes: beforeLast,
      });
    }
  });

  test('refuses to guess when a byte before the last line has changed', () => {
    const lastLine = formatLine(RECORDS[2] ?? { t: 'answered', span: '', lease: 0, receipt: null }).length;
    // but its very end: two lines that became one look like a last one that was torn
    for (let at = 0; at < whole.length - lastLine - 1; at++) {
      const broken = Uint8Array.from(whole);
      broken[at] = (broken[at] ?? 0) ^ 1;
      expect(() => parseJournal(broken)).toThrow(RunnerError);
    }
  });

  test('drops a last line that is whole and wrong: it was never acknowledged', () => {
    const broken = Uint8Array.from(whole);
    const at = whole.length - 5;
    broken[at] = (broken[at] ?? 0) ^ 1;
    expect(parseJournal(broken).records).toEqual(RECORDS.slice(0, 2));
  });
});
