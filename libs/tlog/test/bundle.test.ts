import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { expect, test } from 'vitest';
import { readVectors } from './whole-tree.ts';

/** What the bundle below exports, called as a page would call it. */
interface Verifier {
  parseVkey(text: string): unknown;
  verifyReceipt(claim: { receipt: unknown; spanBytes: Uint8Array; vkeys: readonly unknown[] }): unknown;
}

async function bundleForBrowsers(): Promise<string> {
  const { outputFiles } = await build({
    stdin: {
      contents: `export { parseVkey, verifyReceipt } from '@logline/tlog';`,
      resolveDir: import.meta.dirname,
    },
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    conditions: ['@logline/source'],
  });
  return outputFiles[0]?.text ?? '';
}

test('the offline verifier is under 20 KB gzipped for browsers, and needs nothing of Node', async () => {
  const bundle = await bundleForBrowsers();
  const sizeBytes = gzipSync(bundle, { level: 9 }).length;
  console.log(`verifyReceipt for browsers: ${sizeBytes} bytes gzipped`);
  expect(sizeBytes).toBeLessThan(20_000);
  expect(bundle).not.toMatch(/["']node:|\brequire\(/);
});

test('the offline verifier gives the same verdicts in its browser form', async () => {
  const url = `data:text/javascript;base64,${Buffer.from(await bundleForBrowsers()).toString('base64')}`;
  // the bundle's own two exports, built above
  const { parseVkey, verifyReceipt } = (await import(/* @vite-ignore */ url)) as Verifier;
  const { cases } = readVectors<{
    cases: { name: string; code?: string; receipt: unknown; span: string; vkeys: string[] }[];
  }>('receipts.json');
  for (const { name, code, receipt, span, vkeys } of cases) {
    let verdict: unknown;
    try {
      verifyReceipt({ receipt, spanBytes: new TextEncoder().encode(span), vkeys: vkeys.map(parseVkey) });
    } catch (error) {
      verdict = error instanceof Error && 'code' in error ? error.code : error;
    }
    expect([name, verdict]).toEqual([name, code]);
  }
});
