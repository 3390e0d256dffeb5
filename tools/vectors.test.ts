import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const vectors = join(dirname(dirname(fileURLToPath(import.meta.url))), 'spec', 'vectors');

it('spec/vectors/tlog is what its generator writes: running it again changes nothing', () => {
  const dir = mkdtempSync(join(tmpdir(), 'logline-vectors-'));
  try {
    const conditions = ['--conditions=@logline/source', '--disable-warning=ExperimentalWarning'];
    execFileSync(process.execPath, [...conditions, join(vectors, 'generate-tlog.mjs'), dir]);
    const written = readdirSync(dir).toSorted();
    expect(written).toContain('tree.json');
    const read = (folder: string) => written.map((name) => [name, readFileSync(join(folder, name), 'utf8')]);
    expect(read(join(vectors, 'tlog'))).toEqual(read(dir));
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
});
