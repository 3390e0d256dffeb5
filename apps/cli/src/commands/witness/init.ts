import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needArg } from '../../context.ts';
import { createWitness, witnessFolder } from '../../witness/witness-folder.ts';

type Options = { readonly name?: string; readonly dir: string };

export function addInit(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'init',
    summary: 'make the key, the empty state and the empty policy of a witness',
    about:
      'The name goes into every cosignature and cannot be changed; use a host name of yours, with a path where there are several. Whoever wants to be\n' +
      'watched is given the printed key. Never copy the folder and run both, and never bring back an older copy of its state.',
    examples: [
      'logline witness init --name witness.example.org/w1 --dir ./witness',
      'logline witness init --name w1.example.org --json',
    ],
    options: [
      new Option('--name <name>', 'name of the key; no spaces, no +'),
      new Option('--dir <folder>', 'where it is kept').default('witness'),
    ],
    run: async ({ io, out }, options) => {
      const folder = witnessFolder(resolve(io.cwd, options.dir));
      const vkey = await createWitness(folder, needArg(options.name, '--name <name>'), io.random(32));
      out.result(
        { vkey, dir: folder.path, policy: folder.policyPath },
        `${vkey}\nnext: write the logs to watch into ${folder.policyPath}, then: logline witness run --dir ${options.dir}`,
      );
    },
  });
}
