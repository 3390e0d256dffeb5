import 'reflect-metadata';
import { plainToInstance } from 'class-transformer';
import { validateSync, type ValidationError } from 'class-validator';
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
  const plain: Record<string, string> = Object.create(null) as Record<string, string>; // `__proto__` is a key like any other
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
  const faults = [
    ...Object.keys(plain)
      .filter(isBuiltIn)
      .map((property) => unknown(prefix, property)),
    ...errors.map((error) => toFault(prefix, error)),
  ];
  if (faults.length > 0) {
    const lines = faults.map(({ key, expected }) => `  ${key} ${expected}`);
    throw new ConfigError('BAD_CONFIG', `the configuration is refused:\n${lines.join('\n')}`, { faults });
  }
  return Object.freeze(config);
}

/** Names that every object has, and that class-transformer therefore passes over. */
function isBuiltIn(property: string): boolean {
  return property in Object.prototype;
}

function unknown(prefix: string, property: string): ConfigFault {
  return { key: `${prefix}_${toKey(property)}`, expected: 'is not a known key' };
}

function toFault(prefix: string, { property, constraints = {} }: ValidationError): ConfigFault {
  // a class without any decorator left is itself unknown to class-validator, and its faults have no property
  if ('unknownValue' in constraints)
    return {
      key: `${prefix}_*`,
      expected: 'cannot be checked: the build has lost the decorators of its class',
    };
  if ('whitelistValidation' in constraints) return unknown(prefix, property);
  return {
    key: `${prefix}_${toKey(property)}`,
    expected: Object.values(constraints)
      .map((text) => text.replace(`${property} `, ''))
      .join(' and '),
  };
}

/** `NATS_PASSWORD_FILE` → `natsPasswordFile`. */
function toProperty(key: string): string {
  return key.toLowerCase().replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

/** `natsPasswordFile` → `NATS_PASSWORD_FILE`. */
function toKey(property: string): string {
  return property.replaceAll(/([A-Z])/g, '_$1').toUpperCase();
}
