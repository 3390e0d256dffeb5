import { CANONICAL_CODES } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { FAULTS, faultOf, faultUnder } from './fault.ts';
import { suggestedReply, toNo } from './reply.ts';

describe('the faults', () => {
  it.each(Object.entries(FAULTS))(
    '%s has a canonical code, and the same blanks in both languages',
    (_name, fault) => {
      const blanks = (text: string): readonly string[] => [...new Set(text.match(/\{[a-z_]+\}/g))].sort();
      expect(CANONICAL_CODES).toHaveProperty([fault.code]);
      expect(blanks(fault.fix['pt-BR'])).toEqual(blanks(fault.fix.en));
      expect(fault.kind === 'wrong' || CANONICAL_CODES[fault.code].status === 422).toBe(true); // need_more is always 422
    },
  );

  it('have these codes, which clients rely on', () => {
    expect(
      Object.fromEntries(Object.entries(FAULTS).map(([name, { code, kind }]) => [name, `${code} ${kind}`])),
    ).toMatchInlineSnapshot(`
      {
        "api_slots_dead": "403_FORBIDDEN wrong",
        "bytes_too_many": "413_TOO_LARGE wrong",
        "bytes_unreadable": "400_BAD_REQUEST wrong",
        "cause_differs": "403_FORBIDDEN wrong",
        "deploy_unknown": "404_NOT_FOUND wrong",
        "env_credential": "422_SCHEMA_INVALID missing",
        "env_grant_unknown": "422_SCHEMA_INVALID wrong",
        "exp_past": "422_SCHEMA_INVALID wrong",
        "field_form": "422_SCHEMA_INVALID wrong",
        "field_missing": "422_SCHEMA_INVALID missing",
        "field_unknown": "422_SCHEMA_INVALID wrong",
        "field_wrong": "422_SCHEMA_INVALID wrong",
        "grant_artifact_unknown": "422_SCHEMA_INVALID wrong",
        "grant_aud_unknown": "422_SCHEMA_INVALID wrong",
        "grant_barred": "403_FORBIDDEN wrong",
        "grant_differs": "422_SCHEMA_INVALID wrong",
        "grant_short": "422_SCHEMA_INVALID missing",
        "grant_unwrapped": "422_SCHEMA_INVALID missing",
        "healthcheck_incomplete": "422_SCHEMA_INVALID missing",
        "healthcheck_surplus": "422_SCHEMA_INVALID wrong",
        "id_taken": "422_SCHEMA_INVALID wrong",
        "id_twice": "422_SCHEMA_INVALID wrong",
        "intent_unknown": "422_SCHEMA_INVALID wrong",
        "kid_expired": "403_FORBIDDEN wrong",
        "kid_revoked": "403_FORBIDDEN wrong",
        "kid_unknown": "422_SIGNATURE_INVALID wrong",
        "last_registry_key": "403_FORBIDDEN wrong",
        "lease_differs": "403_FORBIDDEN wrong",
        "log_key_pending": "422_SCHEMA_INVALID wrong",
        "log_key_used": "422_SCHEMA_INVALID wrong",
        "log_name_differs": "422_SCHEMA_INVALID wrong",
        "log_possession_wrong": "422_SIGNATURE_INVALID wrong",
        "manifest_by_ref": "422_SCHEMA_INVALID missing",
        "manifest_compromised": "403_FORBIDDEN wrong",
        "manifest_unsigned": "422_SIGNATURE_INVALID missing",
        "name_reserved": "422_SCHEMA_INVALID wrong",
        "no_manifest": "404_NOT_FOUND wrong",
        "no_such_time": "422_SCHEMA_INVALID wrong",
        "not_a_client_key": "403_FORBIDDEN wrong",
        "nothing_to_revoke": "404_NOT_FOUND wrong",
        "null_refused": "422_SCHEMA_INVALID wrong",
        "operator_unknown": "403_FORBIDDEN wrong",
        "placeholder": "422_SCHEMA_INVALID wrong",
        "port_twice": "422_SCHEMA_INVALID wrong",
        "possession_wrong": "422_SIGNATURE_INVALID wrong",
        "proof_ahead": "403_FORBIDDEN wrong",
        "proof_expired": "403_FORBIDDEN wrong",
        "proof_ref_missing": "422_SCHEMA_INVALID missing",
        "proof_required": "428_PROOF_REQUIRED wrong",
        "proof_subject": "422_SCHEMA_INVALID wrong",
        "proof_too_long": "422_SCHEMA_INVALID wrong",
        "pub_taken": "422_SCHEMA_INVALID wrong",
        "ref_of_other": "422_SCHEMA_INVALID wrong",
        "ref_unknown": "422_SCHEMA_INVALID missing",
        "restart_surplus": "422_SCHEMA_INVALID wrong",
        "role_wrong": "403_FORBIDDEN wrong",
        "root_powerless": "422_SCHEMA_INVALID wrong",
        "runner_unfit": "403_FORBIDDEN wrong",
        "scope_missing": "403_FORBIDDEN wrong",
        "service_unnamed": "422_SCHEMA_INVALID missing",
        "short_ref": "422_SCHEMA_INVALID missing",
        "short_ref_ambiguous": "422_SCHEMA_INVALID missing",
        "signature_wrong": "422_SIGNATURE_INVALID wrong",
        "signer_unchecked": "422_SIGNATURE_INVALID wrong",
        "slot_key_unregistered": "422_SCHEMA_INVALID wrong",
        "slot_missing": "403_FORBIDDEN wrong",
        "step_out_of_order": "403_FORBIDDEN wrong",
        "subject_kind": "422_SCHEMA_INVALID wrong",
        "subject_malformed": "422_SCHEMA_INVALID wrong",
        "target_denied": "403_FORBIDDEN wrong",
        "tenant_differs": "403_FORBIDDEN wrong",
        "tenant_exists": "403_FORBIDDEN wrong",
        "tenant_unknown": "404_NOT_FOUND wrong",
        "token_dead": "401_UNAUTHORIZED wrong",
        "token_scope": "403_FORBIDDEN wrong",
        "token_unknown": "401_UNAUTHORIZED wrong",
        "too_large": "413_TOO_LARGE wrong",
        "ts_out_of_window": "422_SCHEMA_INVALID wrong",
        "unavailable": "503_UNAVAILABLE wrong",
        "verdict_alone": "403_FORBIDDEN wrong",
        "wrong_door": "403_FORBIDDEN wrong",
      }
    `);
  });

  it('keep their place when what they are about stands inside something larger', () => {
    const inner = faultOf('field_missing', '/ts', {});
    expect(faultUnder('/payload/manifest', inner)).toEqual(
      faultOf('field_missing', '/payload/manifest/ts', {}),
    );
  });

  it('are never flooded by what a stranger wrote', () => {
    expect(
      faultOf('kid_unknown', '', { kid: 'x'.repeat(9000), tenant: 't' }).detail.message.length,
    ).toBeLessThan(700);
    expect(faultOf('kid_unknown', '', { kid: '{tenant}', tenant: 't' }).detail.message).toContain('{tenant}');
  });
});

describe('a no', () => {
  it('is need_more only when adding things is enough', () => {
    const missing = faultOf('field_missing', '/a', {});
    const wrong = faultOf('field_unknown', '/b', {});
    expect(toNo([missing], 'en')).toMatchObject({
      status: 'need_more',
      http_status: 422,
      missing_fields: ['/a'],
    });
    expect(toNo([missing, wrong], 'en')).toMatchObject({
      status: 'invalid',
      code: '422_SCHEMA_INVALID',
      http_status: 422,
    });
  });

  it('has the code of the gravest fault', () => {
    const faults = [
      faultOf('field_unknown', '/b', {}),
      faultOf('kid_revoked', '/signature/kid', { kid: 'k' }),
    ];
    expect(toNo(faults, 'en')).toMatchObject({
      code: '403_FORBIDDEN',
      http_status: 403,
      reason: 'kid_revoked',
    });
  });

  it('says each thing to do once, and how many more there are', () => {
    const faults = ['a', 'a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) =>
      faultOf('field_unknown', `/${name}`, {}),
    );
    expect(suggestedReply(faults, 'en')).toBe(
      'Remove /a; remove /b; remove /c; remove /d; remove /e; remove /f; and 1 more in details.',
    );
    expect(suggestedReply(faults.slice(0, 1), 'pt-BR')).toBe('Remova /a.');
  });
});
