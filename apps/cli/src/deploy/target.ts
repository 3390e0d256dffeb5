import { formatTarget, matchesTarget, type Target } from '@logline/contracts';
import { CliError } from '../errors.ts';

/**
 * The target a person means, with the fields that the manifest's entry gives filled in: `docker` where there is one docker entry.
 *
 * @throws CliError `INVALID_INPUT` when no entry covers it, `USAGE` when several could be meant
 */
export function completeTarget(target: Target, entries: readonly Target[]): Target {
  if (entries.some((entry) => matchesTarget(target, entry))) return target;
  const meant = entries.filter(
    (entry) =>
      entry.provider === target.provider &&
      (target.project_id === undefined ||
        entry.project_id === undefined ||
        entry.project_id === target.project_id) &&
      (target.service === undefined || entry.service === undefined || entry.service === target.service),
  );
  const [only] = meant;
  if (only === undefined) {
    throw new CliError('INVALID_INPUT', `the manifest names no target ${formatTarget(target)}`, {
      fix: `use one of: ${entries.map(formatTarget).join('  ')}`,
    });
  }
  if (meant.length > 1) {
    throw new CliError(
      'USAGE',
      `${formatTarget(target)} could be any of ${meant.map(formatTarget).join('  ')}`,
      { fix: 'write it out' },
    );
  }
  return { ...only, ...target };
}
