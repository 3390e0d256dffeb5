import { Transform } from 'class-transformer';
import { Allow, IsIn, IsInt, IsOptional, IsString, Matches, Max } from 'class-validator';
import { SPAN_ID_PATTERN } from '@logline/contracts';

const DECIMAL = /^(0|[1-9][0-9]{0,15})$/;

/** Path of the log's routes. Whether there is such a log, and whose it is, is looked up; nothing else is asked of the name. */
export class LogParam {
  @IsString()
  readonly tenant: string;

  /** The rest of a tile's path, read off the raw target. */
  @Allow()
  readonly '*'?: string;
}

/** A log index or tree size in its one spelling: decimal, as far as JavaScript counts without loss. */
function IsCount(): PropertyDecorator {
  const decorators = [
    Transform(({ value }: { value: unknown }) =>
      typeof value === 'string' && DECIMAL.test(value) ? Number(value) : value,
    ),
    IsInt({ message: 'must be a whole number, as 0 or 42' }),
    Max(Number.MAX_SAFE_INTEGER, { message: 'is larger than any log' }),
  ];
  return (target, property) => {
    for (const decorate of decorators) decorate(target, property);
  };
}

export class CheckpointQuery {
  /** The checkpoint of exactly this size, in place of the newest. */
  @IsOptional()
  @IsCount()
  readonly size?: number;

  /** `true`: the newest that a quorum of witnesses has cosigned. */
  @IsOptional()
  @IsIn(['true', 'false'])
  readonly cosigned?: 'true' | 'false';
}

/** Exactly one of `this`, `leaf` and `index` says which entry is meant. */
export class InclusionQuery {
  @IsOptional()
  @Matches(new RegExp(SPAN_ID_PATTERN), { message: 'must be a span id: urn:span:<uuid v7>' })
  readonly this?: string;

  @IsOptional()
  @Matches(/^[0-9a-f]{64}$/, { message: 'must be a leaf hash: 64 lower-case hex digits' })
  readonly leaf?: string;

  @IsOptional()
  @IsCount()
  readonly index?: number;

  /** Of a signed checkpoint; the newest when it is left out. */
  @IsOptional()
  @IsCount()
  readonly size?: number;
}

export class ConsistencyQuery {
  @IsCount()
  readonly from: number;

  /** The newest checkpoint's size when it is left out. */
  @IsOptional()
  @IsCount()
  readonly to?: number;
}
