import { IsSecretFile, readConfig, ServiceConfig } from '@logline/service';
import { Transform } from 'class-transformer';
import { IsBoolean, IsIn, IsOptional, Matches } from 'class-validator';
import { hostname } from 'node:os';

export const PREFIX = 'LOGLINE_RUNNER';

const ID = /^[A-Za-z0-9._-]{1,64}$/;
const PATH = /^\/[\P{Cc}]{1,1000}$/u;

/** `true` and `false` in words; anything else stays as it is and is refused. */
function AsBoolean(): PropertyDecorator {
  return Transform(({ value }: { readonly value: unknown }) =>
    value === 'true' ? true : value === 'false' ? false : value,
  );
}

/** Environment of a runner, each key under `LOGLINE_RUNNER_`. What is trusted without proof is pinned here and nowhere else. */
export class RunnerConfig extends ServiceConfig {
  /** The one tenant it works for. */
  @Matches(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, { message: 'must be a tenant name' })
  readonly tenant: string;

  /** Its own id, as `registry.runner.add` names it. */
  @Matches(ID, { message: 'must be a runner id' })
  readonly runnerId: string;

  /** Public half of the tenant's root key: the log must begin with it. */
  @Matches(/^[0-9a-f]{64}$/, { message: 'must be a public key of 64 hex digits' })
  readonly rootKey: string;

  /**
   * Verifier key that the tenant's log was born with (`<origin>+<id>+<key>`): only its checkpoints and receipts count, and those of the keys
   * that the log itself has put in its place since. It is never changed, also when the log's key is.
   */
  @Matches(/^[^\s+]{1,256}\+[0-9a-f]{8}\+[A-Za-z0-9+/=]{20,200}$/, {
    message: 'must be a verifier key <origin>+<id>+<key>',
  })
  readonly logKey: string;

  /** Key file {kid, seed}, 0600: signs its reports. */
  @IsSecretFile()
  readonly keyFile: string;

  /** Key file {kid, seed}, 0600: its X25519 key is derived from the seed (RFC 9180 DeriveKeyPair); opens what is wrapped to this runner. */
  @IsSecretFile()
  readonly hpkeKeyFile: string;

  /** Base URL of the gateway, for sealed artifacts. */
  @Matches(/^https?:\/\/[^\s@/]+(\/[^\s]*)?$/, { message: 'must be an http(s) URL without user' })
  readonly gatewayUrl: string;

  /** File holding an API token that may read the tenant's artifacts. */
  @IsSecretFile()
  readonly apiTokenFile: string;

  /** Unix socket of the Docker or Podman engine. */
  @Matches(PATH, { message: 'must be an absolute path' })
  readonly engineSocket: string;

  /** The provider that deploys ask for to be run here. */
  @IsIn(['docker', 'podman'])
  readonly provider: 'docker' | 'podman';

  /** Directory on tmpfs, this user's own and 0700 (made if missing): opened secrets live here and nowhere else. */
  @Matches(PATH, { message: 'must be an absolute path' })
  readonly secretsDir: string;

  /** Directory of its journal, on a disk that keeps what it is told to. */
  @Matches(PATH, { message: 'must be an absolute path' })
  readonly journalDir: string;

  /** Shown as `node` in run states. */
  @IsOptional()
  @Matches(/^[!-~]{1,256}$/, { message: 'must be printable, without spaces' })
  readonly nodeName: string = hostname();

  /** Static busybox on the engine's host, lent to images without /bin/sh for secrets by stdin. */
  @IsOptional()
  @Matches(PATH, { message: 'must be an absolute path' })
  readonly lentShell?: string;

  /** Lets manifests ask for privileged containers. */
  @IsOptional()
  @AsBoolean()
  @IsBoolean()
  readonly allowPrivileged: boolean = false;

  /** Lets manifests ask for user 0. */
  @IsOptional()
  @AsBoolean()
  @IsBoolean()
  readonly allowRootUser: boolean = false;

  /** Capabilities that manifests may ask for, with commas. */
  @IsOptional()
  @Matches(/^[A-Z_]{2,40}(,[A-Z_]{2,40})*$/, { message: 'must be capability names with commas' })
  readonly allowCapAdd?: string;
}

/** @throws ConfigError naming every key that is missing, malformed or unknown */
export function readRunnerConfig(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Readonly<RunnerConfig> {
  return readConfig(PREFIX, RunnerConfig, env);
}
