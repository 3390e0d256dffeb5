import type { StateView } from '@logline/contracts';
import type { Command } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { connect } from '../../gateway.ts';
import { parseContainer } from '../../manifest/subject.ts';
import { readFact } from '../../deploy/facts.ts';
import { readAll } from '../../registry/read.ts';
import { printable } from '../../terminal/style.ts';
import { shortRef } from '../minicontainer/apply.ts';

export function addList(group: Command, makeContext: ContextMaker): void {
  addCommand<object>(group, makeContext, {
    name: 'list',
    args: '[container]',
    summary: 'the containers of the tenant and how they are; of one container, its deploys',
    examples: ['logline deploy list', 'logline deploy list urn:minicontainer:voulezvous/web --json'],
    run: async (context, _options, [given]) => {
      const { out } = context;
      const sdk = await connect(context);
      if (given !== undefined) {
        const subject = parseContainer(given, sdk.tenant);
        const spans = await readAll(sdk, { subject, intent: 'deploy.*' });
        const items = spans.map(({ this: id, intent, ts, payload }) => ({ this: id, intent, ts, payload }));
        out.result(
          { subject, items },
          spans.length === 0
            ? `${subject} was never deployed`
            : spans.map((span) => readFact(span, out.style).text).join('\n'),
        );
        return;
      }
      const views: StateView[] = [];
      for await (const view of sdk.containers()) views.push(view);
      const rows = views.map((view) => toRow(view));
      const header = ['CONTAINER', 'STATE', 'REF', 'WHERE'] as const;
      const widths = header.map((title, i) =>
        Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
      );
      const table = [header, ...rows].map((row) =>
        row
          .map((cell, i) => cell.padEnd(widths[i] ?? 0))
          .join('  ')
          .trimEnd(),
      );
      out.result(
        { items: views },
        rows.length === 0
          ? 'nothing was applied yet\nnext: logline minicontainer apply <manifest.json>'
          : table.join('\n'),
      );
    },
  });
}

function toRow({ subject, state }: StateView): readonly [string, string, string, string] {
  const text = (name: string): string => (typeof state[name] === 'string' ? printable(state[name]) : '');
  return [
    subject,
    text('run_state') || 'none',
    shortRef(text('deployed') || text('ref')),
    `${text('provider')} ${text('node')}`.trim(),
  ];
}
