import { formatHex } from '@logline/canon-sign';
import { formatProof, verifyProof } from '@logline/tlog';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker, parseCount } from '../../command.ts';
import { needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { writePublic } from '../../files.ts';
import { findEntry, parseWanted } from '../../log/find-entry.ts';
import { checkGrowth, fetchHead, takeHead } from '../../log/head.ts';
import { type LogOptions, logOptions, openLog } from '../../log/open-log.ts';
import { identityOf } from '../../receipts/log-key.ts';
import { VerifiedEntries } from '../../log/verified-entries.ts';

type Options = LogOptions & { readonly size?: number; readonly out?: string };

export function addProve(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'prove',
    args: '<entry>',
    summary: 'a .tlog-proof of one entry, for somebody who has only the log key',
    about:
      'Computed from the tiles and verified before it is printed. To the newest checkpoint, or to the one of --size that was signed too. Any tool\n' +
      'that knows C2SP tlog-proof verifies it.',
    examples: [
      'logline log prove 42 > entry-42.tlog-proof',
      'logline log prove urn:span:… --size 100 --out deploy.tlog-proof',
    ],
    options: [
      new Option('--size <size>', 'of the checkpoint to prove it to').argParser(
        parseCount(1, Number.MAX_SAFE_INTEGER),
      ),
      new Option('--out <file>', 'write it there'),
      ...logOptions(),
    ],
    run: async (context, options, [given]) => {
      const { out, io } = context;
      const wanted = parseWanted(needArg(given, '<entry>'));
      const log = await openLog(context, options);
      const { head: newest } = await takeHead(context, log);
      const entries = new VerifiedEntries(log.http, newest);
      const { index, leaf } = await findEntry(context, log.http, entries, wanted);
      const size = options.size === undefined ? newest.size : BigInt(options.size);
      if (size > newest.size)
        throw new CliError('NOT_FOUND', `${newest.origin} has ${newest.size} entries, not ${size}`, {
          fix: 'leave --size out',
        });
      if (index >= size)
        throw new CliError('NOT_FOUND', `entry ${index} came after the checkpoint of size ${size}`, {
          fix: 'leave --size out',
        });
      const head = size === newest.size ? newest : await fetchHead(log.http, log.keys, size);
      await checkGrowth(log.http, head, newest, (await context.state()).dir);
      const hashes = await entries.prove(index, leaf, head);
      const text = formatProof({ index, hashes, checkpoint: head.note });
      verifyProof(text, leaf, identityOf(log.keys.keys));
      if (options.out !== undefined)
        await writePublic(resolve(io.cwd, options.out), new TextEncoder().encode(text));
      out.note(`entry ${index} is under the signed root of ${size} entries of ${head.origin}`);
      out.result(
        {
          origin: head.origin,
          index: Number(index),
          size: Number(size),
          leaf: formatHex(leaf),
          proof: text,
          ...(options.out === undefined ? {} : { file: options.out }),
        },
        options.out === undefined ? text.replace(/\n$/, '') : `${out.style.green('wrote')} ${options.out}`,
      );
    },
  });
}
