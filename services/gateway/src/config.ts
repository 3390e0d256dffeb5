import { Type } from 'class-transformer';
import { IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { IsSecretFile, ServiceConfig } from '@logline/service';

export const PREFIX = 'LOGLINE_GATEWAY';

/** Environment of the gateway, each key under `LOGLINE_GATEWAY_`. */
export class GatewayConfig extends ServiceConfig {
  /** File with the PostgreSQL URL of the role `gateway`: owns its schema, reads the schema `views`. */
  @IsSecretFile()
  readonly postgresUrlFile: string;

  /** Public authorities, comma-separated, lower-case, without default port: what a signed request may name. Never taken from a header. */
  @IsString()
  @Matches(/^[a-z0-9.:[\]-]+(,[a-z0-9.:[\]-]+)*$/)
  readonly authorities: string;

  /** BLAKE3 of the operator's API token; it opens `POST /v1/spans` for `registry.tenant.created` and `registry.log.rotated`, nothing else. */
  @Matches(/^blake3:[0-9a-f]{64}$/)
  readonly operatorTokenHash: string;

  /** The operator's public keys, `<kid>:<64 hex>` with commas: requests with the operator's token may be signed by these. */
  @Matches(/^[A-Za-z0-9._-]{1,64}:[0-9a-f]{64}(,[A-Za-z0-9._-]{1,64}:[0-9a-f]{64})*$/)
  readonly operatorKeys: string;

  /** How long a client waits for its ack before it is told that the outcome is unknown. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(100)
  @Max(60_000)
  readonly waitMs: number = 10_000;

  /** Requests a second that one API token may make; a burst of as many is allowed. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  readonly requestsPerSecond: number = 20_000;

  /** Requests a second that one address without a token may make of the logs; all of an IPv6 network of 64 bits are one, and all behind one proxy. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1_000_000)
  readonly strangerRequestsPerSecond: number = 500;

  /** Bytes of request bodies held at once, over all clients; the next one is told to come back. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(16_777_216)
  readonly maxBodyBytesHeld: number = 1_073_741_824;

  /** Bytes of artifacts one tenant may store. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  readonly artifactQuotaBytes: number = 10_737_418_240;

  /** Open event streams at once; the next one is told to come back. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(100_000)
  readonly maxStreams: number = 5000;

  /** A stream says something at least this often. Clients and proxies count on 15 s. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(50)
  @Max(60_000)
  readonly streamHeartbeatMs: number = 15_000;

  /** A stream whose client has taken nothing for so long while something waits for it is cut off; it resumes by its last id. */
  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(50)
  @Max(600_000)
  readonly streamStallMs: number = 30_000;
}
