import { checkerOf, type Manifest, MinicontainerApply } from '@logline/contracts';
import type { LogLineSDK } from '@logline/sdk';
import { manifestHash } from '@logline/tdln';
import { CliError } from '../errors.ts';
import { readAll } from '../registry/read.ts';
import type { ResolvedRef } from './refs.ts';

const payloadChecker = checkerOf(MinicontainerApply);

/** The manifest behind a ref, from the log; its hash is what the ref says. @throws CliError `NOT_FOUND` */
export async function appliedManifest(sdk: LogLineSDK, { ref, subject }: ResolvedRef): Promise<Manifest> {
  const spans = await readAll(sdk, { subject, intent: 'minicontainer.apply' });
  for (const { payload } of spans.toReversed()) {
    if (!payloadChecker.check(payload) || !('manifest' in payload)) continue;
    if (ref.endsWith(`@${manifestHash(payload.manifest)}`)) return payload.manifest;
  }
  throw new CliError('NOT_FOUND', `the manifest ${ref} is not in the log (yet)`, {
    fix: 'logline minicontainer apply <manifest.json>',
  });
}
