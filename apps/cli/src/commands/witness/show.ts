import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { columns } from '../../terminal/output.ts';
import { readLogs, readWitness, vkeyOf, witnessFolder } from '../../witness/witness-folder.ts';
import { WitnessStore } from '../../witness/witness-store.ts';

export function addShow(group: Command, makeContext: ContextMaker): void {
  addCommand<{ readonly dir: string }>(group, makeContext, {
    name: 'show',
    summary: 'the key of a witness, and how far it has cosigned each log',
    examples: ['logline witness show', 'logline witness show --dir ./witness --json'],
    options: [new Option('--dir <folder>', 'where it is kept').default('witness')],
    run: async ({ io, out }, { dir }) => {
      const folder = witnessFolder(resolve(io.cwd, dir));
      const key = await readWitness(folder);
      const store = new WitnessStore(folder.statePath, key, { isHeld: () => Promise.resolve(false) });
      const logs = await Promise.all(
        [...(await readLogs(folder)).keys()].map(async (origin) => ({
          origin,
          size: Number((await store.load(origin))?.checkpoint.size ?? 0n),
        })),
      );
      const rows = logs.map(({ origin, size }) => [origin, `${size}`] as const);
      out.result(
        { vkey: vkeyOf(key), logs },
        `${vkeyOf(key)}\n${rows.length === 0 ? `no logs in ${folder.policyPath}` : columns(rows)}`,
      );
    },
  });
}
