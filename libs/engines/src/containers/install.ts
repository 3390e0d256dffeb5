import { existsSync } from 'node:fs';
import { isRoot } from '../process/identity.ts';
import { findProgram, lastWords, runTool } from '../process/programs.ts';

const INSTALL_TIMEOUT_MS = 600_000;
const APT = ['-y', '-q', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=2'];

/**
 * What a Docker needs that works: beside itself the tools it calls, and what Debian only recommends: the certificates
 * for registries, and where the kernel enforces AppArmor its parser, without which no container starts.
 */
export function listDockerPackages(): readonly string[] {
  const parser = existsSync('/sys/kernel/security/apparmor') ? ['apparmor'] : [];
  return ['docker.io', 'iptables', 'iproute2', 'ca-certificates', ...parser];
}

/** Installs Debian packages for good: the machine's own apt, as root. Null when they are there, else why not. */
export async function installPackages(
  names: readonly string[],
  report: (line: string) => void,
): Promise<string | null> {
  if (!isRoot()) return 'only root may install';
  if (findProgram('apt-get') === null) return 'no apt-get here';
  report(`installing ${names.join(', ')} with apt-get; this changes the machine`);
  const install = ['install', ...APT, '--no-install-recommends', ...names];
  const first = await runTool('apt-get', install, { timeoutMs: INSTALL_TIMEOUT_MS });
  if (first.code === 0) return null;
  // a new machine has no package lists yet, an old one lists of packages that are gone
  const update = await runTool('apt-get', ['update', '-q'], { timeoutMs: INSTALL_TIMEOUT_MS });
  if (update.code !== 0) report(`apt-get update: ${lastWords(update)}`);
  const second = await runTool('apt-get', install, { timeoutMs: INSTALL_TIMEOUT_MS });
  return second.code === 0 ? null : `apt-get install ${names.join(' ')}: ${lastWords(second)}`;
}
