import { unpackLlc } from '@logline/artifact';
import { type Command, Option } from 'commander';
import { basename, join, resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { modeOf, readInput, writePublic } from '../../files.ts';
import { sealedPath } from '../../manifest/load.ts';

export function addUnpack(group: Command, makeContext: ContextMaker): void {
  addCommand<{ readonly dir?: string; readonly force?: boolean }>(group, makeContext, {
    name: 'unpack',
    args: '<file.llc>',
    summary: 'the manifest and sealed artifacts of a .llc, once all of it was doubted',
    examples: [
      'logline minicontainer unpack web.llc',
      'logline minicontainer unpack web.llc --dir ./web --force',
    ],
    options: [
      new Option('-d, --dir <folder>', 'where to write').default(undefined, 'the name of the file'),
      new Option('--force', 'replace files that are there'),
    ],
    run: async ({ io, out }, options, [file]) => {
      const path = needArg(file, '<file.llc>');
      const { manifestBytes, artifacts } = await unpackLlc(await readInput(resolve(io.cwd, path)));
      const dir = options.dir ?? basename(path).replace(/\.llc$/, '');
      const folder = resolve(io.cwd, dir);
      const files: (readonly [string, Uint8Array])[] = [
        [join(folder, 'manifest.json'), manifestBytes],
        ...[...artifacts].map(([id, bytes]) => [sealedPath(folder, id), bytes] as const),
      ];
      for (const [target] of files) {
        if (options.force !== true && (await modeOf(target)) !== null)
          throw new CliError('CONFLICT', `${target} exists already`, {
            fix: 'use another --dir, or --force',
          });
      }
      for (const [target, bytes] of files) await writePublic(target, bytes);
      out.result(
        { dir: folder, manifest: join(folder, 'manifest.json'), artifacts: [...artifacts.keys()] },
        `${out.style.green('unpacked')} ${files.length} file${files.length === 1 ? '' : 's'} into ${dir}\nnext: logline minicontainer verify ${join(dir, 'manifest.json')}`,
      );
    },
  });
}
