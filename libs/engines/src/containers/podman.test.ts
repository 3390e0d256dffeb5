import { describe, expect, it } from 'vitest';
import type { PodmanHost } from './podman.ts';
import { toPodmanCommand } from './podman.ts';

const place = { dir: '/d', run: '/r', isRoot: true };
const modern: PodmanHost = {
  isHybridCgroup: false,
  hasSystemd: true,
  hasRunc: true,
  canOverlay: true,
  namespaceOf: null,
};
const command = (changes: Partial<PodmanHost & typeof place>) => {
  const [program, args] = toPodmanCommand('/usr/bin/podman', ['stop', '--all'], {
    ...place,
    ...modern,
    ...changes,
  });
  return [program, ...args].join(' ');
};

describe('toPodmanCommand', () => {
  it('gives root a store of its own', () => {
    expect(command({})).toBe(
      '/usr/bin/podman --root /d/root --runroot /r/runroot --tmpdir /r/tmp --storage-driver overlay stop --all',
    );
  });
  it('leaves other users on their own store', () => {
    expect(command({ isRoot: false })).toBe('/usr/bin/podman stop --all');
  });
  it('copies images where layers cannot be shared', () => {
    expect(command({ canOverlay: false })).toContain('--storage-driver vfs');
  });
  it('does without systemd', () => {
    expect(command({ hasSystemd: false })).toContain('--cgroup-manager cgroupfs --events-backend file');
  });
  it('hides the second cgroup tree of a hybrid machine, and takes the runtime that works there', () => {
    const line = command({ isHybridCgroup: true, hasSystemd: false });
    expect(line).toMatch(
      /^unshare -m sh -c umount \/sys\/fs\/cgroup\/unified; exec "\$0" "\$@" \/usr\/bin\/podman --root/,
    );
    expect(line).toContain('--runtime runc');
  });
  it('joins the containers that are there, whose networks are mounted where they live', () => {
    expect(command({ isHybridCgroup: true, namespaceOf: 42 })).toMatch(
      /^nsenter -m -t 42 -- \/usr\/bin\/podman --root/,
    );
    expect(command({ namespaceOf: 42 })).toMatch(/^\/usr\/bin\/podman --root/);
  });
});
