import type { CanonicalCode, Detail, Language } from '@logline/contracts';

type Said = {
  readonly code: CanonicalCode;
  /** `missing`: adding it is enough, the answer is need_more. `wrong`: something must change, the answer is invalid. */
  readonly kind: 'missing' | 'wrong';
  readonly message: string;
  /** Followed literally, it makes the next try succeed. */
  readonly fix: Readonly<Record<Language, string>>;
};

/** Everything the gate can say no to. `{…}` is filled in where the fault is found; `{at}` is the pointer. */
export const FAULTS = {
  // bytes
  bytes_unreadable: {
    code: '400_BAD_REQUEST',
    kind: 'wrong',
    message: 'the bytes are not canonical JSON: {why}',
    fix: {
      en: 'send the canonical bytes (RFC 8785) of one JSON object',
      'pt-BR': 'envie os bytes canônicos (RFC 8785) de um objeto JSON',
    },
  },
  bytes_too_many: {
    code: '413_TOO_LARGE',
    kind: 'wrong',
    message: 'the span is too large: {why}',
    fix: {
      en: 'make the span smaller than 65535 bytes: keep large values in artifacts (logline wallet seal)',
      'pt-BR':
        'reduza o span a menos de 65535 bytes: guarde valores grandes em artifacts (logline wallet seal)',
    },
  },
  unavailable: {
    code: '503_UNAVAILABLE',
    kind: 'wrong',
    message: 'the span cannot be judged now: {why}',
    fix: {
      en: 'send the same request again in a moment',
      'pt-BR': 'envie o mesmo pedido de novo em instantes',
    },
  },

  // form: what the span itself shows
  field_missing: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: '{at} is required',
    fix: { en: 'add {at}, sign and send again', 'pt-BR': 'acrescente {at}, assine e envie de novo' },
  },
  field_wrong: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} {why}',
    fix: { en: 'correct {at}: it {why}', 'pt-BR': 'corrija {at}: {why}' },
  },
  field_form: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} must be {expected}',
    fix: { en: 'write {at} as {expected}', 'pt-BR': 'escreva {at} como {expected}' },
  },
  field_unknown: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} is not a known field',
    fix: { en: 'remove {at}', 'pt-BR': 'remova {at}' },
  },
  null_refused: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} is null, which is not absence',
    fix: { en: 'leave {at} out', 'pt-BR': 'omita {at}' },
  },
  intent_unknown: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{intent} is not an intent',
    fix: { en: 'set /intent to {nearest}', 'pt-BR': 'troque /intent por {nearest}' },
  },
  subject_malformed: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the subject is not a URN of a container, person or tenant',
    fix: {
      en: 'write {at} as urn:minicontainer:{tenant}/<name>',
      'pt-BR': 'escreva {at} como urn:minicontainer:{tenant}/<nome>',
    },
  },
  name_reserved: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the name {name} is a word of an intent',
    fix: {
      en: 'choose another name than {name} in {at}',
      'pt-BR': 'escolha outro nome em vez de {name} em {at}',
    },
  },
  subject_kind: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the subject of {intent} is a {wanted}',
    fix: { en: 'set {at} to {example}', 'pt-BR': 'troque {at} por {example}' },
  },
  tenant_differs: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{at} names tenant {named}, the request is for tenant {tenant}',
    fix: {
      en: 'use tenant {tenant} in {at}, or send it as tenant {named}',
      'pt-BR': 'use o tenant {tenant} em {at}, ou envie como tenant {named}',
    },
  },
  ts_out_of_window: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} is more than 15 minutes old or more than 2 minutes ahead',
    fix: {
      en: 'set {at} to the present time (the server has {now}), sign and send again',
      'pt-BR': 'ponha em {at} a hora atual (no servidor: {now}), assine e envie de novo',
    },
  },
  no_such_time: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} names a day or a duration that does not exist',
    fix: {
      en: 'write {at} as a real time such as {example}',
      'pt-BR': 'escreva {at} como um tempo real, por exemplo {example}',
    },
  },
  too_large: {
    code: '413_TOO_LARGE',
    kind: 'wrong',
    message: 'the span has {bytes} canonical bytes, at most 65535 are allowed',
    fix: {
      en: 'make the span smaller than 65535 bytes: keep large values in artifacts (logline wallet seal)',
      'pt-BR':
        'reduza o span a menos de 65535 bytes: guarde valores grandes em artifacts (logline wallet seal)',
    },
  },
  short_ref: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: 'a signed ref carries all 64 hex digits; {short} is {full}',
    fix: {
      en: 'set {at} to {full}, sign and send again',
      'pt-BR': 'troque {at} por {full}, assine e envie de novo',
    },
  },
  short_ref_ambiguous: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: '{short} may be any of {candidates}',
    fix: {
      en: 'set {at} to one of {candidates}, sign and send again',
      'pt-BR': 'troque {at} por um destes: {candidates}; assine e envie de novo',
    },
  },
  ref_unknown: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: '{ref} is not among the applied manifests of {subject}',
    fix: {
      en: 'apply the manifest first (logline minicontainer apply <manifest.json>) and set {at} to the ref it prints',
      'pt-BR':
        'aplique antes o manifesto (logline minicontainer apply <manifest.json>) e ponha em {at} o ref que ele mostra',
    },
  },
  ref_of_other: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} names another container than {subject}',
    fix: {
      en: 'use a ref that begins with {prefix} in {at}',
      'pt-BR': 'use em {at} um ref que comece com {prefix}',
    },
  },

  // who signs, who asks
  tenant_unknown: {
    code: '404_NOT_FOUND',
    kind: 'wrong',
    message: 'there is no tenant {tenant} here, or it is not yours',
    fix: {
      en: 'ask the operator to create it: logline tenant create {tenant}',
      'pt-BR': 'peça ao operador que o crie: logline tenant create {tenant}',
    },
  },
  tenant_exists: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the tenant {tenant} already exists',
    fix: { en: 'choose another name for the tenant', 'pt-BR': 'escolha outro nome para o tenant' },
  },
  operator_unknown: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{kid} is no operator key of this installation',
    fix: {
      en: 'sign with the operator key of this installation',
      'pt-BR': 'assine com a chave do operador desta instalação',
    },
  },
  wrong_door: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'a span of a {role} does not come in this way',
    fix: { en: '{way}', 'pt-BR': '{way}' },
  },
  kid_unknown: {
    code: '422_SIGNATURE_INVALID',
    kind: 'wrong',
    message: 'the key {kid} is not registered in tenant {tenant}',
    fix: {
      en: 'register it with a key that may (logline key add {kid}), or sign with a registered key',
      'pt-BR':
        'registre-a com uma chave que possa (logline key add {kid}), ou assine com uma chave registrada',
    },
  },
  kid_revoked: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the key {kid} is revoked',
    fix: {
      en: 'sign with a key that is active (logline key list)',
      'pt-BR': 'assine com uma chave ativa (logline key list)',
    },
  },
  kid_expired: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the key {kid} expired at {exp}',
    fix: {
      en: 'sign with a key that has not expired (logline key list)',
      'pt-BR': 'assine com uma chave que não expirou (logline key list)',
    },
  },
  signature_wrong: {
    code: '422_SIGNATURE_INVALID',
    kind: 'wrong',
    message: '{at} is not the signature of these bytes by the key {kid}',
    fix: {
      en: 'sign the canonical bytes again with the key {kid} and send them unchanged (a manifest: logline minicontainer sign <manifest.json>)',
      'pt-BR':
        'assine de novo os bytes canônicos com a chave {kid} e envie sem alterar (um manifesto: logline minicontainer sign <manifest.json>)',
    },
  },
  role_wrong: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{intent} is signed by {wanted}, and {kid} is the key of {actual}',
    fix: { en: 'leave {intent} to {wanted}', 'pt-BR': 'deixe {intent} para {wanted}' },
  },
  scope_missing: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the key {kid} does not have the scope {scope}',
    fix: {
      en: 'sign with a key that has {scope} (logline key list), or add one: logline key add <kid> --scope {scope}',
      'pt-BR':
        'assine com uma chave que tenha {scope} (logline key list), ou crie uma: logline key add <kid> --scope {scope}',
    },
  },
  token_unknown: {
    code: '401_UNAUTHORIZED',
    kind: 'wrong',
    message: 'the API token is not known in tenant {tenant}',
    fix: {
      en: 'log in with a token of tenant {tenant}: logline login',
      'pt-BR': 'entre com um token do tenant {tenant}: logline login',
    },
  },
  token_dead: {
    code: '401_UNAUTHORIZED',
    kind: 'wrong',
    message: 'the API token {token} is revoked or expired',
    fix: {
      en: 'make a new one (logline apikey add <id> --scope {scope}) and log in with it',
      'pt-BR': 'crie outro (logline apikey add <id> --scope {scope}) e entre com ele',
    },
  },
  token_scope: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the API token {token} does not have the scope {scope}',
    fix: {
      en: 'use a token with {scope}: logline apikey add <id> --scope {scope}',
      'pt-BR': 'use um token com {scope}: logline apikey add <id> --scope {scope}',
    },
  },
  slot_missing: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message:
      'the API token {token} is not active with {scope} in slots.api of the current manifest of {subject}',
    fix: {
      en: 'use a token that slots.api lists as active with {scope}, or apply a manifest that lists {token}',
      'pt-BR':
        'use um token que slots.api liste como ativo com {scope}, ou aplique um manifesto que liste {token}',
    },
  },
  no_manifest: {
    code: '404_NOT_FOUND',
    kind: 'wrong',
    message: 'no manifest was applied to {subject}',
    fix: {
      en: 'apply one first: logline minicontainer apply <manifest.json>',
      'pt-BR': 'aplique um antes: logline minicontainer apply <manifest.json>',
    },
  },

  // registry
  possession_wrong: {
    code: '422_SIGNATURE_INVALID',
    kind: 'wrong',
    message: '{at} does not prove possession of the key {kid}',
    fix: {
      en: 'sign the payload without possession with the key {kid} itself (logline key add does it)',
      'pt-BR': 'assine o payload sem possession com a própria chave {kid} (logline key add faz isso)',
    },
  },
  id_taken: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{what} {id} was given before, and is never given twice',
    fix: { en: 'choose another id in {at}', 'pt-BR': 'escolha outro id em {at}' },
  },
  pub_taken: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'this public key is registered as {kid}; one public key has one kid',
    fix: { en: 'use {kid}, or make a new key', 'pt-BR': 'use {kid}, ou crie uma chave nova' },
  },
  exp_past: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} is in the past',
    fix: {
      en: 'set {at} to a time in the future, or leave it out',
      'pt-BR': 'ponha em {at} um tempo futuro, ou omita',
    },
  },
  nothing_to_revoke: {
    code: '404_NOT_FOUND',
    kind: 'wrong',
    message: 'there is no active {what} {id} in this tenant',
    fix: { en: 'look it up: {list}', 'pt-BR': 'consulte: {list}' },
  },
  not_a_client_key: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{kid} is the key of {actual}',
    fix: {
      en: 'remove a runner with logline runner remove; keys of services belong to the operator',
      'pt-BR': 'remova um runner com logline runner remove; chaves de serviços são do operador',
    },
  },
  last_registry_key: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{kid} is the last key that may change the registry and does not expire',
    fix: {
      en: "first add another: logline key add <kid> --scope 'registry:*'",
      'pt-BR': "antes crie outra: logline key add <kid> --scope 'registry:*'",
    },
  },
  service_unnamed: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: 'the services do not name {service}',
    fix: {
      en: 'add {service} with its kid and pub to {at}',
      'pt-BR': 'acrescente {service} com kid e pub em {at}',
    },
  },
  root_powerless: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the root key cannot change the registry, so nobody ever could',
    fix: { en: 'add registry:* to {at}', 'pt-BR': 'acrescente registry:* em {at}' },
  },
  log_name_differs: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} does not fit the log of this tenant',
    fix: { en: 'set {at} to {wanted}', 'pt-BR': 'troque {at} por {wanted}' },
  },
  log_possession_wrong: {
    code: '422_SIGNATURE_INVALID',
    kind: 'wrong',
    message: '{at} does not prove possession of the log key {key}',
    fix: {
      en: 'sign the payload without possession with the new log key itself (logline tenant rotate-log-key does it)',
      'pt-BR':
        'assine o payload sem possession com a própria chave nova do log (logline tenant rotate-log-key faz isso)',
    },
  },
  log_key_used: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{key} signs this log already, or did; a key never comes back',
    fix: {
      en: 'make a new key, give it to the ledger, and name it in {at}',
      'pt-BR': 'crie uma chave nova, entregue-a ao ledger e ponha-a em {at}',
    },
  },
  log_key_pending: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the log is on its way to {key} already',
    fix: {
      en: 'wait until that key signs the log, then rotate again',
      'pt-BR': 'espere essa chave passar a assinar o log e só então troque de novo',
    },
  },

  // manifest
  placeholder: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} still holds the placeholder {value}',
    fix: { en: 'fill in {at}: {command}', 'pt-BR': 'preencha {at}: {command}' },
  },
  manifest_unsigned: {
    code: '422_SIGNATURE_INVALID',
    kind: 'missing',
    message: 'the manifest is not signed yet',
    fix: {
      en: 'sign it: logline minicontainer sign <manifest.json> (logline minicontainer apply does it by itself)',
      'pt-BR':
        'assine-o: logline minicontainer sign <manifest.json> (logline minicontainer apply faz isso sozinho)',
    },
  },
  manifest_by_ref: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: 'a manifest by ref is not taken yet',
    fix: {
      en: 'send the manifest itself in /payload/manifest instead of /payload/manifest_ref',
      'pt-BR': 'envie o próprio manifesto em /payload/manifest no lugar de /payload/manifest_ref',
    },
  },
  id_twice: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} repeats {id}',
    fix: { en: 'give {at} an id of its own', 'pt-BR': 'dê a {at} um id próprio' },
  },
  env_grant_unknown: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} names the grant {grant}, which /grants does not have',
    fix: {
      en: 'add it (logline wallet grant <artifact> --aud <target>), or correct {at}',
      'pt-BR': 'acrescente-o (logline wallet grant <artifact> --aud <target>), ou corrija {at}',
    },
  },
  grant_artifact_unknown: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the grant names the artifact {artifact}, which /artifacts does not have',
    fix: {
      en: 'seal it (logline wallet seal {artifact}), or correct {at}',
      'pt-BR': 'sele-o (logline wallet seal {artifact}), ou corrija {at}',
    },
  },
  grant_aud_unknown: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the audience {aud} is none of deploy.targets',
    fix: {
      en: 'grant again for one of {targets}: logline wallet grant {artifact} --aud <target>',
      'pt-BR': 'conceda de novo para um destes: {targets}; logline wallet grant {artifact} --aud <target>',
    },
  },
  grant_differs: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} is not that of the manifest: expected {wanted}',
    fix: {
      en: 'grant again: logline wallet grant {artifact} --aud {aud}',
      'pt-BR': 'conceda de novo: logline wallet grant {artifact} --aud {aud}',
    },
  },
  port_twice: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: '{at} uses a port that an entry before it uses',
    fix: {
      en: 'give {at} another port; host 0 takes any free one',
      'pt-BR': 'dê outra porta a {at}; host 0 usa qualquer uma livre',
    },
  },
  healthcheck_incomplete: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: 'a healthcheck of type {type} needs {field}',
    fix: { en: 'add {at}', 'pt-BR': 'acrescente {at}' },
  },
  healthcheck_surplus: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'a healthcheck of type {type} has no {field}',
    fix: { en: 'remove {at}', 'pt-BR': 'remova {at}' },
  },
  restart_surplus: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'max_retries means nothing with the policy {policy}',
    fix: {
      en: 'remove {at}, or set the policy to on-failure',
      'pt-BR': 'remova {at}, ou use a política on-failure',
    },
  },
  env_credential: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: '{at} looks like a credential ({why}); whoever reads the log could read it',
    fix: {
      en: 'seal it (logline wallet seal {artifact}), grant it (logline wallet grant {artifact} --aud {aud}) and set {at} to grant://<the grant id it prints>',
      'pt-BR':
        'sele-o (logline wallet seal {artifact}), conceda-o (logline wallet grant {artifact} --aud {aud}) e ponha em {at} grant://<o id do grant que ele mostra>',
    },
  },
  slot_key_unregistered: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the signing slot {kid} is no registered key of tenant {tenant} with this public key',
    fix: {
      en: 'register it (logline key add {kid}), or remove {at}',
      'pt-BR': 'registre-a (logline key add {kid}), ou remova {at}',
    },
  },
  api_slots_dead: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'no active token of slots.api has {scope}: nobody could act on this container any more',
    fix: {
      en: 'list the id of your API token with scopes deploy:* and prove:* and status active in {at}',
      'pt-BR': 'liste em {at} o id do seu token de API com scopes deploy:* e prove:* e status active',
    },
  },
  signer_unchecked: {
    code: '422_SIGNATURE_INVALID',
    kind: 'wrong',
    message: 'signer: unchecked. The key {kid} was taken on trust',
    fix: {
      en: 'pass the registered keys (--keys) to have the signature checked',
      'pt-BR': 'informe as chaves registradas (--keys) para conferir a assinatura',
    },
  },

  // proofs
  proof_too_long: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'exp is not after iat, or more than 15 minutes after it',
    fix: {
      en: 'make a proof of at most 15 minutes: logline wallet prove {intent} --subject {subject}',
      'pt-BR': 'faça uma prova de no máximo 15 minutos: logline wallet prove {intent} --subject {subject}',
    },
  },
  proof_ref_missing: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: 'a proof of {intent} names the ref it allows',
    fix: {
      en: 'make it with the ref: logline wallet prove {intent} --subject {subject} --ref <ref>',
      'pt-BR': 'faça-a com o ref: logline wallet prove {intent} --subject {subject} --ref <ref>',
    },
  },
  proof_subject: {
    code: '422_SCHEMA_INVALID',
    kind: 'wrong',
    message: 'the proof is for {named}, the span for {subject}',
    fix: {
      en: 'submit it under its own subject, or make one for {subject}',
      'pt-BR': 'envie-a com o próprio subject, ou faça uma para {subject}',
    },
  },
  proof_expired: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the proof expired at {exp}',
    fix: {
      en: 'make a new one: logline wallet prove {intent} --subject {subject}',
      'pt-BR': 'faça outra: logline wallet prove {intent} --subject {subject}',
    },
  },
  proof_ahead: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the proof is dated {iat}, which is still to come',
    fix: {
      en: 'set the clock of the wallet right (logline doctor) and make a new proof',
      'pt-BR': 'acerte o relógio da carteira (logline doctor) e faça outra prova',
    },
  },
  proof_required: {
    code: '428_PROOF_REQUIRED',
    kind: 'wrong',
    message: 'a proof {intent} for {subject} and {ref}, good for the key {kid}, is required: {why}',
    fix: {
      en: 'run logline wallet prove {intent} --subject {subject}{ref_option}, then send the deploy again',
      'pt-BR':
        'execute logline wallet prove {intent} --subject {subject}{ref_option}, e envie o deploy de novo',
    },
  },

  // deploys
  target_denied: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the target {target} is none of deploy.targets: {targets}',
    fix: {
      en: 'deploy to one of {targets}, or apply a manifest whose deploy.targets has {target}',
      'pt-BR':
        'faça o deploy em um destes: {targets}, ou aplique um manifesto cujo deploy.targets tenha {target}',
    },
  },
  manifest_compromised: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{ref} was signed by {kid}, whose key is compromised',
    fix: {
      en: 'sign the manifest with another key, apply it and deploy the new ref',
      'pt-BR': 'assine o manifesto com outra chave, aplique e faça o deploy do novo ref',
    },
  },
  grant_short: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: 'the grant {grant} of {ref} has no {fields}, and a deploy needs the full one',
    fix: {
      en: 'grant again (logline wallet grant {artifact} --aud {aud}), apply the manifest and deploy the new ref',
      'pt-BR':
        'conceda de novo (logline wallet grant {artifact} --aud {aud}), aplique o manifesto e faça o deploy do novo ref',
    },
  },
  grant_unwrapped: {
    code: '422_SCHEMA_INVALID',
    kind: 'missing',
    message: 'the grant {grant} is not wrapped to any active runner of {provider}',
    fix: {
      en: 'grant again (logline wallet grant {artifact} --aud {aud}), apply the manifest and deploy the new ref',
      'pt-BR':
        'conceda de novo (logline wallet grant {artifact} --aud {aud}), aplique o manifesto e faça o deploy do novo ref',
    },
  },
  grant_barred: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the grant {grant} cannot be opened: {why}',
    fix: {
      en: 'grant again (logline wallet grant {artifact} --aud {aud}), apply the manifest and deploy the new ref',
      'pt-BR':
        'conceda de novo (logline wallet grant {artifact} --aud {aud}), aplique o manifesto e faça o deploy do novo ref',
    },
  },

  // facts of services and runners
  verdict_alone: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{intent} is only written together with its cause',
    fix: {
      en: 'send the cause; its verdict commits with it',
      'pt-BR': 'envie a causa; o veredito é gravado junto',
    },
  },
  cause_differs: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{at} is not that of the cause: expected {wanted}',
    fix: {
      en: 'make the verdict from the cause it follows',
      'pt-BR': 'faça o veredito a partir da causa que ele segue',
    },
  },
  deploy_unknown: {
    code: '404_NOT_FOUND',
    kind: 'wrong',
    message: 'there is no open deploy {deploy} of {subject}',
    fix: {
      en: 'report only deploys that were asked for and are still open',
      'pt-BR': 'informe só deploys pedidos e ainda abertos',
    },
  },
  lease_differs: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{at} is {given}, the plan has {wanted}',
    fix: {
      en: 'report as the plan says; another runner or a newer lease may have taken over',
      'pt-BR': 'informe como diz o plano; outro runner ou um lease mais novo pode ter assumido',
    },
  },
  step_out_of_order: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: '{intent} cannot follow {step}',
    fix: {
      en: 'report the steps in order: planned, materialize, materialized, applied, pending, running, exited or failed',
      'pt-BR':
        'informe os passos em ordem: planned, materialize, materialized, applied, pending, running, exited ou failed',
    },
  },
  runner_unfit: {
    code: '403_FORBIDDEN',
    kind: 'wrong',
    message: 'the runner {runner} is not an active runner of {provider}',
    fix: {
      en: 'plan for a registered runner of {provider} (logline runner list)',
      'pt-BR': 'planeje para um runner registrado de {provider} (logline runner list)',
    },
  },
} as const;
export type FaultName = keyof typeof FAULTS;

type Words<Text extends string> = Text extends `${string}{${infer Word}}${infer Rest}`
  ? Word | Words<Rest>
  : never;
type Texts<Name extends FaultName> =
  | (typeof FAULTS)[Name]['message']
  | (typeof FAULTS)[Name]['fix'][Language];
/** What a fault's texts leave open, but `at`. */
type Blanks<Name extends FaultName> = Readonly<Record<Exclude<Words<Texts<Name>>, 'at'>, string>>;

/** One no, with what mends it in each language. */
export type Fault = {
  readonly name: FaultName;
  readonly kind: 'missing' | 'wrong';
  readonly detail: Detail;
  readonly fixes: Readonly<Record<Language, string>>;
  /** What its texts were filled with, but `at`. */
  readonly blanks: Readonly<Record<string, string>>;
};

/** The fault of that name at a place. Every blank of its texts must be given. */
export function faultOf<Name extends FaultName>(name: Name, pointer: string, blanks: Blanks<Name>): Fault {
  return toFault(name, pointer, blanks);
}

/** The same fault, its place being inside something larger that stands at `prefix`. */
export function faultUnder(prefix: string, { name, detail, blanks }: Fault): Fault {
  return toFault(name, prefix + detail.pointer, blanks);
}

function toFault(name: FaultName, pointer: string, blanks: Readonly<Record<string, string>>): Fault {
  const { code, kind, message, fix }: Said = FAULTS[name];
  const values: Readonly<Record<string, string>> = { ...blanks, at: pointer === '' ? 'the span' : pointer };
  const fill = (text: string): string =>
    text.replace(/\{([a-z_]+)\}/g, (whole, word: string) => shorten(values[word] ?? whole));
  const fixes = { en: fill(fix.en), 'pt-BR': fill(fix['pt-BR']) };
  return { name, kind, detail: { code, pointer, message: fill(message), fix: fixes.en }, fixes, blanks };
}

/** Values come from strangers: none may flood an answer. */
function shorten(value: string): string {
  return value.length > 512 ? `${value.slice(0, 512)}…` : value;
}
