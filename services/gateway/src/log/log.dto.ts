import { Allow, IsString } from 'class-validator';

/** Path of the log's routes. Whose log it is, is compared with the caller's; nothing else is asked of the name. */
export class LogParam {
  @IsString()
  readonly tenant: string;

  /** The rest of a tile's path, read off the raw target. */
  @Allow()
  readonly '*'?: string;
}
