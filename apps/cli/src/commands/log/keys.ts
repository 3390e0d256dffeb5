import { formatSuccession, formatVkey } from '@logline/tlog';
import type { Command } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { type LogOptions, logOptions, openLog } from '../../log/open-log.ts';

export function addKeys(group: Command, makeContext: ContextMaker): void {
  addCommand<LogOptions>(group, makeContext, {
    name: 'keys',
    summary: 'the keys the log has gone through, each proven by the one before',
    about:
      'Begins with the pinned key; each further one is named by a rotation that is in the log and that the key before it has signed (docs/log-key-rotation.md).\n' +
      'They are kept, so that receipts of each time verify offline. With --json: what --log-key @file and --vkey @file take on another machine.',
    examples: ['logline log keys', 'logline log keys --json > acme.keys.json'],
    options: logOptions(),
    run: async (context, options) => {
      const { out } = context;
      const { keys } = await openLog(context, options);
      await keys.follow();
      const rows = keys.keys.map(({ vkey, fromMs }, i) => ({
        log_key: formatVkey(vkey.name, vkey.publicKey),
        from: i === 0 ? null : new Date(fromMs).toISOString(),
      }));
      out.result(
        { ...formatSuccession(keys.succession), keys: rows },
        rows.map(({ log_key, from }) => `${from ?? 'pinned'.padEnd(24)}  ${log_key}`).join('\n'),
      );
    },
  });
}
