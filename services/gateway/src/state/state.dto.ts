import { IsInt, IsOptional, IsString, Max, MaxLength, Min } from 'class-validator';
import { Type } from 'class-transformer';

/** Query of `GET /v1/state/view`. `subject` may end in `/*` for all containers of the tenant. */
export class StateQuery {
  @IsString()
  @MaxLength(256)
  readonly subject: string;

  /** Of a listing: the subject behind which to go on. */
  @IsOptional()
  @IsString()
  @MaxLength(256)
  readonly cursor?: string;

  @IsOptional()
  @Type(() => Number)
  @IsInt()
  @Min(1)
  @Max(1000)
  readonly limit?: number;
}
