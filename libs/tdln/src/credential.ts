/** Formats that are secrets whatever the variable is called. Prefixes as their issuers publish them for secret scanning. */
const SECRET_FORMATS: readonly (readonly [RegExp, string])[] = [
  [/^[a-z][a-z0-9+.-]*:\/\/[^/\s:@]*:[^/\s@]+@/i, 'a URL with a password'],
  [/-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/, 'a private key'],
  [/^eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}$/, 'a JSON web token'],
  [/^lltok_[A-Za-z0-9._-]{1,64}_[A-Za-z0-9_-]{43}$/, 'a LogLine API token'],
  [/^(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{30,})$/, 'a GitHub token'],
  [/^glpat-[A-Za-z0-9_.-]{20,}$/, 'a GitLab token'],
  [/^(AKIA|ASIA)[0-9A-Z]{16}$/, 'an AWS access key'],
  [/^AIza[0-9A-Za-z_-]{35}$/, 'a Google API key'],
  [/^ya29\.[0-9A-Za-z_-]{20,}$/, 'a Google OAuth token'],
  [/^(sk|rk)_(live|test)_[0-9A-Za-z]{16,}$/, 'a Stripe key'],
  [/^whsec_[A-Za-z0-9+/=_-]{16,}$/, 'a webhook secret'],
  [/^sk-[A-Za-z0-9_-]{20,}$/, 'an API key'],
  [/^xox[abeoprs]-[A-Za-z0-9-]{10,}$/, 'a Slack token'],
  [/^SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}$/, 'a SendGrid key'],
  [/^npm_[A-Za-z0-9]{36}$/, 'an npm token'],
  [/^pypi-[A-Za-z0-9_-]{50,}$/, 'a PyPI token'],
  [/^dop_v1_[0-9a-f]{64}$/, 'a DigitalOcean token'],
  [/^hf_[A-Za-z0-9]{30,}$/, 'a Hugging Face token'],
  [/^shp(at|ca|pa|ss)_[0-9a-fA-F]{32}$/, 'a Shopify token'],
];

const PASSWORD_NAME = /(PASSWORD|PASSWD|PASSPHRASE)$|(^|_)PWD$/i;
const SECRET_NAME = /(^|_)(SECRET|TOKEN|API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET_?KEY|CREDENTIALS?)$/i;
const PUBLIC_NAME = /(^|_)(PUBLIC|PUBLISHABLE)(_|$)/i;
const SHORTEST = 8;

/**
 * Why an environment value looks like a credential; null when it does not. Made to be quiet: a name alone says nothing unless
 * it ends in a word for secrets and the value is a literal that could be one, not a path, a switch, a number or an address.
 */
export function credentialLook(name: string, value: string): string | null {
  const format = SECRET_FORMATS.find(([pattern]) => pattern.test(value));
  if (format !== undefined) return format[1];
  if (value.length < SHORTEST || PUBLIC_NAME.test(name) || isPlainSetting(value)) return null;
  if (PASSWORD_NAME.test(name) && name.toUpperCase() !== 'PWD') return `a literal in ${name}`;
  // a single lower-case word (`disabled`, `optional`) is a setting, not a key
  if (SECRET_NAME.test(name) && !/^[a-z]+$/.test(value)) return `a literal in ${name}`;
  return null;
}

/** Paths, references to another place, numbers, addresses without a password. */
function isPlainSetting(value: string): boolean {
  return /^(\/|\.{1,2}\/|~\/|\$|arn:|projects\/|vault:|[a-z][a-z0-9+.-]*:\/\/|\d+(\.\d+)?$)/i.test(value);
}
