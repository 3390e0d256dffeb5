import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { ConfigError, type ConfigFault } from './errors.ts';

/**
 * The environment's `<PREFIX>_…` keys as a checked and frozen config: `LOGLINE_GATE_NATS_URL` becomes `natsUrl`. An empty value counts as
 * not set. Nothing is coerced but what the class says by `@Type`.
 * @throws ConfigError `BAD_CONFIG` naming every key that is missing, malformed, or unknown
 */
export function readConfig<C extends object>(
  prefix: string,
  Config: new () => C,
  env: Readonly<Record<string, string | undefined>>,
): Readonly<C> {
  const plain: Record<string, string> = {};
  for (const [key, value] of Object.entries(env)) {
    if (key.startsWith(`${prefix}_`) && value !== undefined && value !== '')
      plain[toProperty(key.slice(prefix.length + 1))] = value;
  }
  const config = plainToInstance(Config, plain);
  const errors = validateSync(config, {
    whitelist: true,
    forbidNonWhitelisted: true,
    forbidUnknownValues: true,
    stopAtFirstError: false,
  });
  const faults = errors.map(({ property, constraints = {} }): ConfigFault => ({
    key: `${prefix}_${toKey(property)}`,
    expected:
      'whitelistValidation' in constraints
        ? 'is not a known key'
        : Object.values(constraints)
            .map((text) => text.replace(`${property} `, ''))
            .join(' and '),
  }));
  if (faults.length > 0) {
    const lines = faults.map(({ key, expected }) => `  ${key} ${expected}`);
    throw new ConfigError('BAD_CONFIG', `the configuration is refused:\n${lines.join('\n')}`, { faults });
  }
  return Object.freeze(config);
}

/** `NATS_PASSWORD_FILE` → `natsPasswordFile`. */
function toProperty(key: string): string {
  return key.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `natsPasswordFile` → `NATS_PASSWORD_FILE`. */
function toKey(property: string): string {
  return property.replaceAll(/([A-Z])/g, '_$1').toUpperCase();
}
