import { formatSubject, isName, parseShortRef, parseSubject } from '@logline/contracts';
import { CliError } from '../errors.ts';
import { isObject, type JsonObject } from '../json-file.ts';

/** The container a manifest is for: `--name`, else the first target's `service` (protocol §1). @throws CliError `USAGE` */
export function subjectOfManifest(manifest: JsonObject, tenant: string, name: string | undefined): string {
  const chosen = name ?? firstService(manifest);
  if (chosen === undefined) {
    throw new CliError('USAGE', 'the manifest does not say what the container is called', {
      fix: 'add --name <name>, or give its first target a service',
    });
  }
  if (!isName(chosen)) {
    throw new CliError('USAGE', `${JSON.stringify(chosen)} cannot name a container`, {
      fix: 'use --name with lower-case letters, digits and dashes, and no word of an intent',
    });
  }
  return formatSubject({ kind: 'minicontainer', tenant, name: chosen });
}

/** A container as people write it: its URN, `mc:tenant/name[@…]`, `tenant/name`, or just its name. @throws CliError `USAGE` */
export function parseContainer(text: string, tenant: string | undefined): string {
  if (text.startsWith('urn:')) {
    const subject = parseSubject(text);
    if (subject.kind === 'minicontainer') return text;
    throw new CliError('USAGE', `${text} is no container`, { fix: 'use urn:minicontainer:<tenant>/<name>' });
  }
  const short = parseShortRef(
    text.startsWith('mc:') ? text : `mc:${text.includes('/') ? text : `${tenant ?? ''}/${text}`}`,
  );
  if (short === null || !isName(short.tenant) || !isName(short.name)) {
    throw new CliError('USAGE', `${JSON.stringify(text)} is no container`, {
      fix: 'use urn:minicontainer:<tenant>/<name>, mc:<tenant>/<name> or a name together with --tenant',
    });
  }
  return formatSubject({ kind: 'minicontainer', tenant: short.tenant, name: short.name });
}

function firstService(manifest: JsonObject): string | undefined {
  const deploy = manifest['deploy'];
  const targets = isObject(deploy) ? deploy['targets'] : undefined;
  const first: unknown = Array.isArray(targets) ? targets[0] : undefined;
  const service = isObject(first) ? first['service'] : undefined;
  return typeof service === 'string' ? service : undefined;
}
