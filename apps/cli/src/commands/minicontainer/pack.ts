import { blake3Hash } from '@logline/canon-sign';
import { packLlc } from '@logline/artifact';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needArg } from '../../context.ts';
import { writePublic } from '../../files.ts';
import { loadManifest } from '../../manifest/load.ts';

export function addPack(group: Command, makeContext: ContextMaker): void {
  addCommand<{ readonly out?: string }>(group, makeContext, {
    name: 'pack',
    args: '<manifest>',
    summary: 'one .llc file of a manifest and its sealed artifacts',
    about:
      'Artifacts are taken from artifacts/<id> beside the manifest. The same input gives the same bytes.',
    examples: [
      'logline minicontainer pack manifest.json',
      'logline minicontainer pack manifest.json --out web.llc --json',
    ],
    options: [new Option('-o, --out <file>', 'the file to write').default(undefined, 'minicontainer.llc')],
    run: async (context, options, [file]) => {
      const { manifest, artifacts } = await loadManifest(context, needArg(file, '<manifest>'));
      const bytes = packLlc({ manifest, artifacts });
      const target = options.out ?? 'minicontainer.llc';
      await writePublic(resolve(context.io.cwd, target), bytes);
      const document = {
        file: target,
        size_bytes: bytes.length,
        hash: blake3Hash(bytes),
        artifacts: [...artifacts.keys()],
      };
      context.out.result(
        document,
        `${context.out.style.green('packed')} ${target} (${bytes.length} bytes, ${artifacts.size} artifact${artifacts.size === 1 ? '' : 's'})\nnext: logline minicontainer apply ${target}`,
      );
    },
  });
}
