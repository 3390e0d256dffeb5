import type {
  ApikeyCreate,
  ApikeyRevoke,
  KeyAdd,
  KeyRevoke,
  RunnerAdd,
  RunnerRemove,
  Span,
  TenantCreated,
} from '@logline/contracts';
import { type Checker, checkerOf, INTENTS } from '@logline/contracts';

export type KeyRow = {
  readonly kid: string;
  readonly pub: string;
  readonly scopes: readonly string[];
  readonly status: string;
  readonly exp?: string;
};
export type TokenRow = {
  readonly tokenId: string;
  readonly scopes: readonly string[];
  readonly status: string;
  readonly exp?: string;
};
export type RunnerRow = RunnerAdd & { readonly status: 'active' | 'removed'; readonly span: string };

/** Who may do what in a tenant, as its registry facts say in order. */
export type Registry = {
  readonly created: TenantCreated | null;
  readonly keys: ReadonlyMap<string, KeyRow>;
  readonly tokens: ReadonlyMap<string, TokenRow>;
  readonly runners: ReadonlyMap<string, RunnerRow>;
};

/** The fold of a tenant's `registry.*` facts, oldest first. Facts of a form that is not known are passed over, as readers must. */
export function foldRegistry(spans: readonly Span[]): Registry {
  let created: TenantCreated | null = null;
  const keys = new Map<string, KeyRow>();
  const tokens = new Map<string, TokenRow>();
  const runners = new Map<string, RunnerRow>();
  for (const span of spans) {
    const fact = toRegistryFact(span);
    switch (fact?.intent) {
      case 'registry.tenant.created': {
        created = fact.payload;
        const { root, api_key } = fact.payload;
        keys.set(root.kid, { kid: root.kid, pub: root.pub, scopes: root.scopes, status: 'active (root)' });
        tokens.set(api_key.token_id, {
          tokenId: api_key.token_id,
          scopes: api_key.scopes,
          status: 'active',
          ...exp(api_key),
        });
        break;
      }
      case 'registry.key.add': {
        const { kid, pub, scopes } = fact.payload;
        keys.set(kid, { kid, pub, scopes, status: 'active', ...exp(fact.payload) });
        break;
      }
      case 'registry.key.revoke': {
        const { kid, reason } = fact.payload;
        const key = keys.get(kid);
        if (key !== undefined) keys.set(kid, { ...key, status: `revoked (${reason})` });
        break;
      }
      case 'registry.apikey.create': {
        const { token_id, scopes } = fact.payload;
        tokens.set(token_id, { tokenId: token_id, scopes, status: 'active', ...exp(fact.payload) });
        break;
      }
      case 'registry.apikey.revoke': {
        const token = tokens.get(fact.payload.token_id);
        if (token !== undefined) tokens.set(token.tokenId, { ...token, status: 'revoked' });
        break;
      }
      case 'registry.runner.add':
        runners.set(fact.payload.runner, { ...fact.payload, status: 'active', span: span.this });
        break;
      case 'registry.runner.remove': {
        const runner = runners.get(fact.payload.runner);
        if (runner !== undefined) runners.set(runner.runner, { ...runner, status: 'removed' });
        break;
      }
      case undefined:
        break;
    }
  }
  return { created, keys, tokens, runners };
}

type Payloads = {
  'registry.tenant.created': TenantCreated;
  'registry.key.add': KeyAdd;
  'registry.key.revoke': KeyRevoke;
  'registry.apikey.create': ApikeyCreate;
  'registry.apikey.revoke': ApikeyRevoke;
  'registry.runner.add': RunnerAdd;
  'registry.runner.remove': RunnerRemove;
};
type RegistryFact = {
  [I in keyof Payloads]: { readonly intent: I; readonly payload: Payloads[I] };
}[keyof Payloads];

const CHECKERS: { readonly [I in keyof Payloads]: Checker<unknown> } = {
  'registry.tenant.created': checkerOf(INTENTS['registry.tenant.created'].payload),
  'registry.key.add': checkerOf(INTENTS['registry.key.add'].payload),
  'registry.key.revoke': checkerOf(INTENTS['registry.key.revoke'].payload),
  'registry.apikey.create': checkerOf(INTENTS['registry.apikey.create'].payload),
  'registry.apikey.revoke': checkerOf(INTENTS['registry.apikey.revoke'].payload),
  'registry.runner.add': checkerOf(INTENTS['registry.runner.add'].payload),
  'registry.runner.remove': checkerOf(INTENTS['registry.runner.remove'].payload),
};

function toRegistryFact({ intent, payload }: Span): RegistryFact | null {
  if (!isRegistryIntent(intent) || !CHECKERS[intent].check(payload)) return null;
  // the intent's own schema has just accepted the payload
  return { intent, payload } as unknown as RegistryFact;
}

function isRegistryIntent(intent: string): intent is keyof Payloads {
  return Object.hasOwn(CHECKERS, intent);
}

function exp({ exp: text }: { readonly exp?: string | undefined }): { readonly exp?: string } {
  return text === undefined ? {} : { exp: text };
}
