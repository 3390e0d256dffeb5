import {
  parseInstant,
  type ApikeyCreate,
  type ApikeyRevoke,
  type KeyAdd,
  type KeyRevoke,
  type LogPublish,
  type LogAdopted,
  type LogRotated,
  type RunnerAdd,
  type RunnerAllowance,
  type RunnerRemove,
  type TenantCreated,
} from '@logline/contracts';

export type KeyView = {
  readonly kid: string;
  readonly pub: string;
  readonly role: 'client' | 'service' | 'runner';
  /** Of a client key; empty for the others, whose role is what they may do. */
  readonly scopes: readonly string[];
  readonly exp?: string;
  readonly status: 'active' | 'revoked';
  readonly since: number;
};
export type TokenView = {
  readonly token_id: string;
  /** BLAKE3 of the token; never shown through the gateway. */
  readonly hash: string;
  readonly scopes: readonly string[];
  readonly exp?: string;
  readonly status: 'active' | 'revoked';
};
export type RunnerView = {
  readonly runner: string;
  readonly kid: string;
  readonly hpke_pub: string;
  readonly providers: readonly string[];
  readonly allow: RunnerAllowance;
  readonly status: 'active' | 'removed';
};

export type RotationView = {
  readonly log_key: string;
  /** First log time that it signs. */
  readonly from: string;
  readonly since: number;
};

/** Who may speak for a tenant: the fold of its registry facts. */
export type TenantView = {
  readonly origin: string;
  /** The one the tenant was born with: what people pin. */
  readonly log_key: string;
  /** Those that followed it, in order; absent before the first. */
  readonly rotations?: readonly RotationView[];
  readonly keys: readonly KeyView[];
  readonly api_keys: readonly TokenView[];
  readonly runners: readonly RunnerView[];
  /** Whether anybody may read the log; absent until somebody said so. */
  readonly public?: boolean;
};

export const emptyTenant: TenantView = { origin: '', log_key: '', keys: [], api_keys: [], runners: [] };

export type TenantFact =
  | { readonly intent: 'registry.tenant.created'; readonly payload: TenantCreated }
  | { readonly intent: 'registry.log.adopted'; readonly payload: LogAdopted }
  | { readonly intent: 'registry.log.rotated'; readonly payload: LogRotated }
  | { readonly intent: 'registry.key.add'; readonly payload: KeyAdd }
  | { readonly intent: 'registry.key.revoke'; readonly payload: KeyRevoke }
  | { readonly intent: 'registry.apikey.create'; readonly payload: ApikeyCreate }
  | { readonly intent: 'registry.apikey.revoke'; readonly payload: ApikeyRevoke }
  | { readonly intent: 'registry.runner.add'; readonly payload: RunnerAdd }
  | { readonly intent: 'registry.runner.remove'; readonly payload: RunnerRemove }
  | { readonly intent: 'registry.log.publish'; readonly payload: LogPublish };

export function evolveTenant(state: TenantView, fact: TenantFact, index: number): TenantView {
  switch (fact.intent) {
    case 'registry.tenant.created': {
      const { origin, log_key, root, services, api_key } = fact.payload;
      const rootKey: KeyView = { ...root, role: 'client', status: 'active', since: index };
      const serviceKeys = services.map(({ kid, pub }): KeyView => ({
        kid,
        pub,
        role: 'service',
        scopes: [],
        status: 'active',
        since: index,
      }));
      return {
        origin,
        log_key,
        keys: serviceKeys.reduce<readonly KeyView[]>(withKey, [rootKey]),
        api_keys: [{ ...api_key, status: 'active' }],
        runners: [],
      };
    }
    case 'registry.log.adopted':
      return state;
    case 'registry.log.rotated': {
      const { log_key, from } = fact.payload;
      return { ...state, rotations: [...(state.rotations ?? []), { log_key, from, since: index }] };
    }
    case 'registry.key.add': {
      const { kid, pub, scopes, exp } = fact.payload;
      const key: KeyView = {
        kid,
        pub,
        role: 'client',
        scopes,
        ...(exp === undefined ? {} : { exp }),
        status: 'active',
        since: index,
      };
      return { ...state, keys: withKey(state.keys, key) };
    }
    case 'registry.key.revoke':
      return { ...state, keys: revokeKey(state.keys, fact.payload.kid) };
    case 'registry.apikey.create': {
      const { token_id, hash, scopes, exp } = fact.payload;
      const token: TokenView = {
        token_id,
        hash,
        scopes,
        ...(exp === undefined ? {} : { exp }),
        status: 'active',
      };
      const others = state.api_keys.filter((other) => other.token_id !== token_id);
      return { ...state, api_keys: [...others, token] };
    }
    case 'registry.apikey.revoke':
      return {
        ...state,
        api_keys: state.api_keys.map((token) =>
          token.token_id === fact.payload.token_id ? { ...token, status: 'revoked' } : token,
        ),
      };
    case 'registry.runner.add': {
      const { runner, kid, pub, hpke_pub, providers, allow } = fact.payload;
      const key: KeyView = { kid, pub, role: 'runner', scopes: [], status: 'active', since: index };
      const view: RunnerView = { runner, kid, hpke_pub, providers, allow: allow ?? {}, status: 'active' };
      return {
        ...state,
        keys: withKey(state.keys, key),
        runners: [...state.runners.filter((other) => other.runner !== runner), view],
      };
    }
    case 'registry.runner.remove': {
      const gone = state.runners.find(({ runner }) => runner === fact.payload.runner);
      if (gone === undefined) return state;
      return {
        ...state,
        keys: revokeKey(state.keys, gone.kid),
        runners: state.runners.map((runner) => (runner === gone ? { ...gone, status: 'removed' } : runner)),
      };
    }
    case 'registry.log.publish':
      return { ...state, public: fact.payload.public };
  }
}

/** A kid is given once; should a log say otherwise, the later word counts, and there is one entry. */
function withKey(keys: readonly KeyView[], key: KeyView): readonly KeyView[] {
  return [...keys.filter((other) => other.kid !== key.kid), key];
}

function revokeKey(keys: readonly KeyView[], kid: string): readonly KeyView[] {
  return keys.map((key) => (key.kid === kid ? { ...key, status: 'revoked' } : key));
}

/** Null for what never expires, or says so in no way a gate would have let through. */
export function expiryMs(exp: string | undefined): number | null {
  return exp === undefined ? null : parseInstant(exp);
}
