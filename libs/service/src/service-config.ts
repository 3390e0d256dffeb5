import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min, registerDecorator } from 'class-validator';
import { statSync } from 'node:fs';

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** What every service is told about where to listen and what to say. */
export class HttpConfig {
  /** Address for /healthz, /readyz, /metrics, and the gateway's API. */
  @IsOptional()
  @Matches(/^[0-9a-zA-Z.:_-]{1,255}$/, { message: 'must be an address or a host name' })
  readonly httpHost: string = '127.0.0.1';

  /** 0 takes any free port. */
  @Type(() => Number)
  @IsInt()
  @Min(0)
  @Max(65_535)
  readonly httpPort: number;

  @IsOptional()
  @IsIn(LOG_LEVELS)
  readonly logLevel: LogLevel = 'info';
}

/** What every service is told about NATS. Every service's own config extends this, so that all are spelled alike. */
export class ServiceConfig extends HttpConfig {
  /** `nats://host:port`, or several with commas. */
  @Matches(/^(nats|tls):\/\/[^\s,@]+(,(nats|tls):\/\/[^\s,@]+)*$/, {
    message: 'must be nats://host:port, without user and password',
  })
  readonly natsUrl: string;

  /** Its own NATS user; decides what it may do. */
  @Matches(/^[A-Za-z0-9_-]{1,200}$/, { message: 'must be a NATS user name' })
  readonly natsUser: string;

  /** File holding the password of that user. */
  @IsSecretFile()
  readonly natsPasswordFile: string;
}

/** For a service that keeps what it knows of the logs. */
export class KnowledgeConfig extends ServiceConfig {
  /** How often what changed of the knowledge is saved, so that a restart need not read all facts, and can do without those that have aged. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(3_600_000)
  readonly snapshotEveryMs: number = 30_000;
}

/** The key holds the path of a file that is there. Read it where it is needed, by `readSecretFile` or `readKeyFile`. */
export function IsSecretFile(): PropertyDecorator {
  return (target, property) => {
    registerDecorator({
      name: 'isSecretFile',
      target: target.constructor,
      propertyName: String(property),
      validator: {
        validate: isFile,
        defaultMessage: () => 'must be the path of a file that this process can read',
      },
    });
  };
}

function isFile(path: unknown): boolean {
  if (typeof path !== 'string' || path === '') return false;
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
