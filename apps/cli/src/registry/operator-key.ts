import { parseHex, signerFromSeed, type LocalSigner } from '@logline/canon-sign';
import { CliError } from '../errors.ts';
import { readPrivate } from '../files.ts';
import { isObject, readJsonObject, stringField } from '../json-file.ts';

/** What the operator of an installation has to say when a tenant is born. */
export type OperatorKey = {
  readonly signer: LocalSigner;
  readonly token: string;
  readonly origin: string;
  readonly logPub: Uint8Array;
  readonly services: readonly { readonly service: string; readonly kid: string; readonly pub: string }[];
};

/** Reads `{kid, seed, token, origin, log_pub, services}`. @throws CliError `AUTH_NEEDED`, `UNSAFE_FILE`, `INVALID_INPUT` */
export async function readOperatorKey(path: string | undefined): Promise<OperatorKey> {
  if (path === undefined) {
    throw new CliError('AUTH_NEEDED', 'only the operator of an installation creates tenants', {
      fix: 'add --operator-key-file <file>, or set LOGLINE_OPERATOR_KEY_FILE',
    });
  }
  const object = readJsonObject(await readPrivate(path, 'operator key'), path);
  const need = (field: string, form: RegExp): string => {
    const value = stringField(object, field, path);
    if (value === undefined || !form.test(value))
      throw new CliError('INVALID_INPUT', `the operator key file ${path} has no usable ${field}`);
    return value;
  };
  const hex = /^[0-9a-f]{64}$/;
  const list = object['services'];
  const services = (Array.isArray(list) ? list : []).flatMap((row: unknown) => {
    if (!isObject(row)) return [];
    const { service, kid, pub } = row;
    return typeof service === 'string' && typeof kid === 'string' && typeof pub === 'string' && hex.test(pub)
      ? [{ service, kid, pub }]
      : [];
  });
  if (services.length === 0)
    throw new CliError('INVALID_INPUT', `the operator key file ${path} names no services`);
  return {
    signer: signerFromSeed(need('kid', /^[A-Za-z0-9._-]{1,64}$/), parseHex(need('seed', hex), 32)),
    token: need('token', /^[\x21-\x7e]{16,256}$/),
    origin: need('origin', /^[^\s+]{1,200}$/),
    logPub: parseHex(need('log_pub', hex), 32),
    services,
  };
}
