import { Matches } from 'class-validator';

export class ArtifactParam {
  @Matches(/^blake3:[0-9a-f]{64}$/)
  readonly hash: string;
}
