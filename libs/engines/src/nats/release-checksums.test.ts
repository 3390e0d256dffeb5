import { describe, expect, it } from 'vitest';
import { findReleaseArchive } from './release-checksums.ts';

describe('findReleaseArchive', () => {
  it.each([
    ['linux', 'x64', 'linux-amd64'],
    ['linux', 'arm64', 'linux-arm64'],
    ['darwin', 'x64', 'darwin-amd64'],
    ['darwin', 'arm64', 'darwin-arm64'],
  ])('knows the archive for %s %s', (platform, arch, target) => {
    const archive = findReleaseArchive(platform, arch);
    expect(archive?.url).toMatch(new RegExp(`/v(\\d+\\.\\d+\\.\\d+)/nats-server-v\\1-${target}\\.tar\\.gz$`));
    expect(archive?.sha256).toMatch(/^[0-9a-f]{64}$/);
  });
  it.each([
    ['win32', 'x64'],
    ['linux', 'riscv64'],
    ['constructor', ''],
  ])('has none for %s %s', (platform, arch) => {
    expect(findReleaseArchive(platform, arch)).toBeNull();
  });
});
