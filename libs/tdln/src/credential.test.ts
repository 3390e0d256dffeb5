import { describe, expect, it } from 'vitest';
import { credentialLook } from './credential.ts';

describe('what looks like a credential', () => {
  // the long ones are put together here, so that no scanner takes this file for a leak
  const secrets: readonly (readonly [string, string])[] = [
    ['DB_URL', 'postgres://app:hunter22@db:5432/app'],
    ['REDIS', 'redis://:s3cret@cache'],
    ['TLS', `-----BEGIN ${'RSA '}PRIVATE KEY-----\nMIIE`],
    ['GH', `ghp_${'a1B2'.repeat(9)}`],
    ['AWS_KEY_ID', `AKIA${'ABCD1234'.repeat(2)}`],
    ['STRIPE', `sk_live_${'a1b2c3d4'.repeat(3)}`],
    ['AUTH', `eyJ${'hbGciOiJI'}.eyJ${'zdWIiOiIx'}.${'c2lnbmF0dXJl'}`],
    ['LOGLINE', `lltok_tok_cli_${'A'.repeat(43)}`],
    ['DB_PASSWORD', 'hunter2hunter2'],
    ['PGPASSWORD', 'changeme'],
    ['JWT_SECRET', 'b7d1-99ab-12'],
    ['API_KEY', 'Zx81kK02mQ'],
    ['SESSION_TOKEN', '0123456789abcdef'],
  ];
  it.each(secrets)('%s is found out', (name, value) => {
    expect(credentialLook(name, value)).not.toBeNull();
  });

  const settings: readonly (readonly [string, string])[] = [
    ['PORT', '8080'],
    ['DB_URL', 'postgres://db:5432/app'],
    ['SITE', 'https://user@example.com/path:x'],
    ['TOKEN_TTL_SECONDS', '3600'],
    ['PASSWORD_MIN_LENGTH', '12345678'],
    ['JWT_SECRET_FILE', '/run/secrets/jwt'],
    ['API_TOKEN', '/run/secrets/token'],
    ['AUTH_TOKEN', 'disabled'],
    ['NEXT_PUBLIC_API_KEY', 'pk-0123456789'],
    ['STRIPE_PUBLISHABLE_KEY', 'pk_live_0123456789abcdef'],
    ['SECRET', 'none'],
    ['KEYBOARD', 'us-international'],
    ['PWD', '/srv/app-directory'],
    ['GREETING', 'the password is in the vault'],
    ['TOKEN', 'https://id.example.com/token'],
    ['IMAGE_DIGEST', `sha256:${'ab'.repeat(32)}`],
  ];
  it.each(settings)('%s=%s is left alone', (name, value) => {
    expect(credentialLook(name, value)).toBeNull();
  });
});
