import type { Detail } from '@logline/contracts';
import { checkManifest } from '@logline/tdln';
import { type Command, Option } from 'commander';
import { resolve } from 'node:path';
import { addCommand, type ContextMaker } from '../../command.ts';
import { needArg } from '../../context.ts';
import { CliError, Exit } from '../../errors.ts';
import { EXIT } from '../../exit-codes.ts';
import { readInput } from '../../files.ts';
import { isObject, type JsonObject, readJson } from '../../json-file.ts';
import { completeManifest, isSigned } from '../../manifest/complete.ts';
import { loadManifest } from '../../manifest/load.ts';
import { formatDetails } from '../../manifest/report.ts';
import { parseContainer } from '../../manifest/subject.ts';
import type { Context } from '../../context.ts';

type Options = { readonly keys?: string; readonly name?: string };
export type KnownKey = { readonly kid: string; readonly pub: string };

export function addVerify(group: Command, makeContext: ContextMaker): void {
  addCommand<Options>(group, makeContext, {
    name: 'verify',
    args: '<file>',
    summary: 'say what is wrong with a manifest or a .llc, and what mends it',
    about:
      'Offline. Looks at form, consistency, placeholders, credentials in the open and, for a .llc, at every file in it. Whose signature it carries only\n' +
      'the registered keys can tell: without --keys the answer is "signer: unchecked".',
    examples: [
      'logline minicontainer verify manifest.json',
      'logline minicontainer verify web.llc --keys keys.json --json',
    ],
    options: [
      new Option(
        '--keys <file>',
        'registered keys: what `logline key list --json` prints, [{kid, pub}], or {kid: pub}',
      ),
      new Option('--name <name>', 'the container it is for, to check its grants too'),
    ],
    run: async (context, options, [file]) => {
      const { out } = context;
      const { manifest, name, kind, artifacts } = await loadManifest(context, needArg(file, '<file>'));
      const keys = options.keys === undefined ? undefined : await readKeys(context, options.keys);
      const { tenant } = context.options;
      const subject =
        options.name === undefined
          ? undefined
          : parseContainer(options.name, tenant ?? ownerTenant(manifest));
      const { draft, left } = fillForCheck(manifest, tenant);
      const { faults, warnings: found } = checkManifest(draft, { tenant, subject, keys });
      const warnings = [...found, ...left];
      const isGood = faults.length === 0;
      const signer =
        keys === undefined ? 'unchecked' : isGood && warnings.length === 0 ? 'verified' : 'not verified';
      const { style } = out;
      const verdict = isGood
        ? style.green('ok')
        : style.red(`${faults.length} fault${faults.length === 1 ? '' : 's'}`);
      const lines = [
        formatDetails(faults, style.red('✗'), style),
        formatDetails(warnings, style.yellow('!'), style),
        `${name}: ${verdict}${warnings.length === 0 ? '' : `, ${warnings.length} warning${warnings.length === 1 ? '' : 's'}`}, signer: ${signer}`,
        isGood ? `next: logline minicontainer apply ${name === 'stdin' ? '-' : name}` : '',
      ];
      out.result(
        {
          ok: isGood,
          file: name,
          kind,
          signer,
          faults,
          warnings,
          ...(kind === 'llc' ? { artifacts: [...artifacts.keys()] } : {}),
        },
        lines.filter((line) => line !== '').join('\n'),
      );
      if (!isGood) throw new Exit(EXIT.invalid);
    },
  });
}

/** What `apply` and `sign` fill in by themselves; left out of an unsigned manifest, each is a warning and no fault. */
const FILLED_IN = ['type', 'version', 'owner', 'slots', 'ts'] as const;

function fillForCheck(
  manifest: JsonObject,
  tenant: string | undefined,
): { readonly draft: JsonObject; readonly left: readonly Detail[] } {
  if (isSigned(manifest)) return { draft: manifest, left: [] };
  const stand = {
    tenant: tenant ?? 'tenant',
    kid: 'kid',
    pub: '0'.repeat(64),
    tokenId: null,
    now: '2000-01-01T00:00:00Z',
  };
  const { manifest: whole } = completeManifest(manifest, stand);
  const absent = FILLED_IN.filter((field) => manifest[field] === undefined);
  return {
    draft: { ...Object.fromEntries(absent.map((field) => [field, whole[field] ?? null])), ...manifest },
    left: absent.map((field) => ({
      code: '422_SCHEMA_INVALID',
      pointer: `/${field}`,
      message: `/${field} is left to the signer`,
      fix: 'nothing to do: logline minicontainer apply (or sign) fills it in',
    })),
  };
}

/** @throws CliError `INVALID_INPUT` */
export async function readKeys(context: Context, path: string): Promise<readonly KnownKey[]> {
  const value = readJson(await readInput(resolve(context.io.cwd, path)), path);
  const listed = isObject(value) && Array.isArray(value['keys']) ? value['keys'] : value;
  const rows: readonly unknown[] = Array.isArray(listed)
    ? listed
    : isObject(listed)
      ? Object.entries(listed).map(([kid, pub]) => ({ kid, pub }))
      : [];
  const keys = rows.flatMap((row): KnownKey[] => {
    if (!isObject(row)) return [];
    const { kid, pub, status } = row;
    if (typeof kid !== 'string' || typeof pub !== 'string' || !PUBLIC_KEY.test(pub)) return [];
    return typeof status === 'string' && status.startsWith('revoked') ? [] : [{ kid, pub }];
  });
  if (keys.length === 0)
    throw new CliError('INVALID_INPUT', `${path} has no keys`, {
      fix: 'logline key list --json > keys.json',
    });
  return keys;
}
const PUBLIC_KEY = /^[0-9a-f]{64}$/;

function ownerTenant(manifest: Readonly<Record<string, unknown>>): string | undefined {
  const { owner } = manifest;
  return isObject(owner) && typeof owner['tenant'] === 'string' ? owner['tenant'] : undefined;
}
