import type { Command } from 'commander';
import { addCommand, type ContextMaker } from '../../command.ts';
import { columns } from '../../terminal/output.ts';

export function addShow(group: Command, makeContext: ContextMaker): void {
  addCommand<object>(group, makeContext, {
    name: 'show',
    summary: 'what the wallet holds, without a secret',
    examples: ['logline wallet show', 'logline wallet show --json'],
    run: async (context) => {
      const { out } = context;
      const file = await context.wallet();
      const { keys, tokens, pins, vault } = file.wallet;
      const document = {
        wallet: file.path,
        keys: keys.map(({ kid, pub, created }) => ({ kid, pub, created })),
        tokens: tokens.map(({ tenant, token_id }) => ({ tenant, token_id })),
        pins: pins.map(({ tenant, root, log_key }) => ({ tenant, root, log_key })),
        vault: vault.map(({ tenant, artifact_id, artifact_hash, created }) => ({
          tenant,
          artifact_id,
          artifact_hash,
          created,
        })),
      };
      const section = (title: string, rows: readonly (readonly [string, string])[]): string =>
        `${out.style.bold(title)}\n${rows.length === 0 ? '  none' : columns(rows.map(([left, right]) => [`  ${left}`, right] as const))}`;
      out.result(
        document,
        [
          out.style.dim(file.path),
          section(
            'keys',
            document.keys.map(({ kid, pub }) => [kid, pub]),
          ),
          section(
            'API tokens',
            document.tokens.map(({ tenant, token_id }) => [token_id, tenant]),
          ),
          section(
            'pinned',
            document.pins.map(({ tenant, root, log_key }) => [tenant, `root ${root.kid}  log ${log_key}`]),
          ),
          section(
            'sealed',
            document.vault.map(({ tenant, artifact_id, artifact_hash }) => [
              artifact_id,
              `${tenant}  ${artifact_hash}`,
            ]),
          ),
        ].join('\n'),
      );
    },
  });
}
