import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { GatewayError } from '../errors.ts';

/**
 * Path or query parameters as their class describes them. Called in the handler and not by a pipe, because pipes run before it, and whoever is
 * unknown is told so before anything else is looked at (protocol §7).
 *
 * @throws GatewayError `400_BAD_REQUEST` naming every parameter that is missing, malformed or unknown
 */
export function parseDto<T extends object>(Dto: new () => T, plain: unknown): T {
  const given: Record<string, unknown> = typeof plain === 'object' && plain !== null ? { ...plain } : {};
  const dto = plainToInstance(Dto, given);
  const faults = validateSync(dto, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
  });
  if (faults.length === 0) return dto;
  const details = faults.map(({ property, constraints = {} }) => ({
    pointer: `/${property}`,
    message:
      'whitelistValidation' in constraints
        ? 'is not a known parameter'
        : Object.values(constraints).join('; '),
  }));
  throw new GatewayError(
    '400_BAD_REQUEST',
    details.map(({ pointer, message }) => `${pointer.slice(1)}: ${message}`).join('; '),
    { details },
  );
}
