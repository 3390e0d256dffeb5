import { IsOptional, IsString, Matches, MaxLength } from 'class-validator';

/** Query of `GET /v1/stream`. */
export class StreamQuery {
  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly subject?: string;

  @IsOptional()
  @Matches(/^([a-z_]+\.){1,3}([a-z_]+|\*)$|^\*$/)
  readonly intent?: string;

  @IsOptional()
  @IsString()
  @MaxLength(32)
  readonly since?: string;

  /** The same cursor as a query's; `Last-Event-ID` wins over it. */
  @IsOptional()
  @IsString()
  @MaxLength(64)
  readonly cursor?: string;

  @IsOptional()
  @Matches(/^[A-Za-z0-9_-]{43}$/)
  readonly ticket?: string;
}
