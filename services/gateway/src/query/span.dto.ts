import { Matches } from 'class-validator';
import { SPAN_ID_PATTERN } from '@logline/contracts';

/** Path of the routes that name a span. */
export class SpanParam {
  @Matches(new RegExp(SPAN_ID_PATTERN))
  readonly this: string;
}
