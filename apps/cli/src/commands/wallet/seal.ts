import { formatHex } from '@logline/canon-sign';
import { formatInstant, MAX_ARTIFACT_BYTES } from '@logline/contracts';
import {
  addContentKey,
  ARTIFACT_NONCE_BYTES,
  CONTENT_KEY_BYTES,
  hashArtifact,
  sealArtifact,
} from '@logline/wallet';
import { type Command, Option } from 'commander';
import { basename, dirname, resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needTenant } from '../../config/settings.ts';
import { type Context, needArg } from '../../context.ts';
import { CliError } from '../../errors.ts';
import { readInput, writePublic } from '../../files.ts';
import { isObject, type JsonObject, readJsonObject } from '../../json-file.ts';
import { manifestToEdit } from '../../manifest/default-file.ts';
import { editManifest, withArtifact } from '../../manifest/edit.ts';
import { sealedPath } from '../../manifest/load.ts';
import { askSecret, readStdin, withoutFinalNewline } from '../../terminal/prompt.ts';

type Options = {
  readonly file?: string;
  readonly type: string;
  readonly manifest?: string | false;
  readonly exact?: boolean;
};

export function addSeal(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'seal',
    args: '<id>',
    summary: 'seal a secret so that only runners you grant it to can open it',
    about:
      'The secret comes from stdin, from --file, or is typed; never from the command line. One final line feed is left out unless --exact.\n' +
      'Writes artifacts/<id> beside the manifest and lists it there; the key that opens it stays in the wallet.',
    examples: [
      "printf %s 'postgres://app@db/app' | logline wallet seal secret_db_url",
      'logline wallet seal tls_key --file ./tls.key --exact --manifest web/manifest.json',
    ],
    options: [
      new Option('--file <file>', 'read the secret from a file'),
      new Option('--type <type>', 'what kind of secret it is').default('secret.v1'),
      new Option('--manifest <file>', 'the manifest to list it in (manifest.json when there is one)'),
      new Option('--no-manifest', 'list it nowhere'),
      new Option('--exact', 'keep a final line feed'),
    ],
    run: async (context, options, [given]) => {
      const { io, out } = context;
      const id = needArg(given, '<id>');
      if (!/^[A-Za-z0-9._-]{1,64}$/.test(id) || /^\.{1,2}$/.test(id))
        throw new CliError('USAGE', `${JSON.stringify(id)} cannot name an artifact`, {
          fix: 'use letters, digits, dots, dashes and underscores',
        });
      const tenant = needTenant(await context.settings());
      const wallet = await context.wallet();
      const secret = await readSecret(context, id, options);
      if (secret.length === 0)
        throw new CliError('INVALID_INPUT', 'the secret is empty', {
          fix: 'pipe it in, use --file, or type it',
        });
      if (secret.length > MAX_ARTIFACT_BYTES - 64)
        throw new CliError(
          'INVALID_INPUT',
          `the secret has ${secret.length} bytes; ${MAX_ARTIFACT_BYTES - 64} can be sealed`,
        );

      const contentKey = io.random(CONTENT_KEY_BYTES);
      const sealed = sealArtifact({
        tenant,
        artifactId: id,
        plaintext: secret,
        contentKey,
        nonce: io.random(ARTIFACT_NONCE_BYTES),
      });
      secret.fill(0);
      const hash = hashArtifact(sealed);
      const manifestPath = await manifestToEdit(io, options.manifest);
      const path = sealedPath(manifestPath === null ? io.cwd : dirname(manifestPath), id);
      // the key first: a sealed file that nobody can open is worse than a key without a file
      await wallet.update((current) =>
        addContentKey(current, {
          tenant,
          artifact_id: id,
          artifact_hash: hash,
          key: formatHex(contentKey),
          created: formatInstant(io.nowMs()),
        }),
      );
      await writePublic(path, sealed);
      const artifact = { id, type: options.type, hash, enc: 'xchacha20' as const, size_bytes: sealed.length };
      let provider = 'docker';
      if (manifestPath !== null) {
        const edited = await editManifest(
          manifestPath,
          async () => readJsonObject(await readInput(manifestPath), manifestPath),
          (manifest) => withArtifact(manifest, artifact),
        );
        provider = firstProvider(edited) ?? provider;
      }
      const next = `logline wallet grant ${id} --aud ${provider} --env ${id
        .toUpperCase()
        .replace(/[^A-Z0-9]+/g, '_')
        .replace(/^(SECRET_)+/, '')}`;
      out.result(
        { artifact, file: path, manifest: manifestPath, tenant, next },
        [
          `${out.style.green('sealed')} ${id} for ${tenant}`,
          `  file      ${path}`,
          `  hash      ${hash}`,
          ...(manifestPath === null ? [] : [`  listed in ${basename(manifestPath)}`]),
          `next: ${next}`,
        ].join('\n'),
      );
    },
  });
}

function firstProvider(manifest: JsonObject): string | undefined {
  const deploy = manifest['deploy'];
  const targets = isObject(deploy) && Array.isArray(deploy['targets']) ? deploy['targets'] : [];
  const [first]: readonly unknown[] = targets;
  return isObject(first) && typeof first['provider'] === 'string' ? first['provider'] : undefined;
}

async function readSecret(
  { io, options: globals }: Context,
  id: string,
  options: Options,
): Promise<Uint8Array> {
  const bytes =
    options.file !== undefined && options.file !== '-'
      ? await readInput(resolve(io.cwd, options.file))
      : io.stdin.isTTY === true && globals.input !== false
        ? new TextEncoder().encode(await askSecret(io, `Secret ${id}: `, 'pipe the secret in, or use --file'))
        : await readStdin(io, MAX_ARTIFACT_BYTES);
  return options.exact === true ? bytes.slice() : withoutFinalNewline(bytes).slice();
}
