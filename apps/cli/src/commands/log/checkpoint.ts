import { formatBase64 } from '@logline/canon-sign';
import { decodeNote, parseProof, TlogError } from '@logline/tlog';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import type { Context } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { readInput } from '../../files.ts';
import { checkGrowth, fetchHead, readHead, type SignedHead, takeHead } from '../../log/head.ts';
import { type LogOptions, logOptions, openLog, type OpenLog } from '../../log/open-log.ts';

type Options = LogOptions & { readonly since?: string };

export function addCheckpoint(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'checkpoint',
    summary: 'the newest signed checkpoint, verified and pinned',
    about:
      'It must be signed by the pinned key and have grown from the one seen before; from now on it is the one that later answers are held to.\n' +
      'With --since it is also shown to have grown from another one: a file with a checkpoint or a .tlog-proof, or the size of one the log signed.',
    examples: [
      'logline log checkpoint > log.checkpoint',
      'logline log checkpoint --since log.checkpoint --json',
    ],
    options: [
      new Option('--since <file|size>', 'an earlier checkpoint it must have grown from'),
      ...logOptions(),
    ],
    run: async (context, options) => {
      const { out } = context;
      const log = await openLog(context, options);
      const earlier = options.since === undefined ? null : await readEarlier(context, log, options.since);
      const { head, growth, before } = await takeHead(context, log);
      if (earlier !== null) {
        if (earlier.size > head.size)
          throw new CliError(
            'NOT_VERIFIED',
            `${head.origin} shows ${head.size} entries and had signed ${earlier.size}: a log never shrinks`,
            {
              fix: 'keep both signed checkpoints as evidence and tell the operator',
            },
          );
        await checkGrowth(log.http, earlier, head, (await context.state()).dir);
      }
      const from = earlier ?? before;
      out.note(
        `${head.size} entries, signed by the key of ${head.origin}${from === null ? '; pinned, for the first time' : `; it only grew since it had ${from.size}`}`,
      );
      out.result(
        {
          origin: head.origin,
          size: Number(head.size),
          root: formatBase64(head.root),
          checkpoint: head.note,
          growth,
          ...(from === null ? {} : { since: { size: Number(from.size), root: formatBase64(from.root) } }),
        },
        head.note.replace(/\n$/, ''),
      );
    },
  });
}

/** A file that holds a signed checkpoint, by itself or in a proof; else the size of one that the log still has. */
async function readEarlier(context: Context, { http, keys }: OpenLog, since: string): Promise<SignedHead> {
  if (/^(0|[1-9][0-9]{0,17})$/.test(since)) return await fetchHead(http, keys, BigInt(since));
  const text = decodeFile(await readInput(resolve(context.io.cwd, since)), since);
  const note = text.startsWith('c2sp.org/tlog-proof@') ? checkpointIn(text, since) : text;
  return await readHead(note, keys, since);
}

function decodeFile(bytes: Uint8Array, name: string): string {
  return attempt(() => decodeNote(bytes), name);
}

function checkpointIn(proof: string, name: string): string {
  return attempt(() => parseProof(proof).checkpoint, name);
}

function attempt(run: () => string, name: string): string {
  try {
    return run();
  } catch (cause) {
    if (!(cause instanceof TlogError)) throw cause;
    throw new CliError('INVALID_INPUT', `${name} holds neither a checkpoint nor a proof: ${cause.message}`, {
      cause,
    });
  }
}
