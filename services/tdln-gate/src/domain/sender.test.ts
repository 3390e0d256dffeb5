import {
  SUBMIT_CLIENT,
  SUBMIT_RECHECK,
  submitReport,
  submitService,
  type Caller,
  type SubmitRequest,
} from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { senderOf } from './sender.ts';

const request = (caller: Caller, reply = '_INBOX.gateway.a.b', tenant = 'acme'): SubmitRequest => ({
  trace: '0'.repeat(32),
  reply,
  tenant,
  language: 'en',
  caller,
  wait_ms: 1,
  spans: [{ position: 0, length: 1 }],
});
const token: Caller = { kind: 'token', token: 'tok1' };
const own: Caller = { kind: 'own', user: 'tdln-gate' };

describe('who a request comes from', () => {
  it('is what the gateway says, as far as it may say it', () => {
    expect(senderOf(SUBMIT_CLIENT, request(token)).caller).toEqual(token);
    expect(senderOf(SUBMIT_CLIENT, request({ kind: 'operator' })).caller).toEqual({ kind: 'operator' });
    expect(senderOf(SUBMIT_CLIENT, request(own)).caller).toBeNull();
  });

  it('is what it was before, when the ledger sends it back', () => {
    expect(senderOf(SUBMIT_RECHECK, request(own)).caller).toEqual(own);
  });

  it('is nobody who claims that the ledger sent it back: he could date it at will, and have the gate wait', () => {
    const recheck = { submitted_ms: 1, min_index: Number.MAX_SAFE_INTEGER, attempt: 0 };
    const forged = { ...request(own, '_INBOX.runner_acme_home.a.b'), recheck };
    expect(senderOf(submitReport('acme', 'home'), forged).caller).toBeNull();
    expect(senderOf(SUBMIT_CLIENT, { ...request(token), recheck }).caller).toBeNull();
    expect(senderOf(SUBMIT_RECHECK, forged).caller).toEqual(own);
  });

  it('is what the subject says for services and runners, whatever the request says', () => {
    const service = submitService('deploy-orchestrator');
    expect(senderOf(service, request(token, '_INBOX.deploy-orchestrator.a.b')).caller).toEqual({
      kind: 'own',
      user: 'deploy-orchestrator',
    });
    const runner = submitReport('acme', 'home');
    expect(senderOf(runner, request(own, '_INBOX.runner_acme_home.a.b')).caller).toEqual({
      kind: 'own',
      user: 'runner_acme_home',
    });
    expect(senderOf(runner, request(own, '_INBOX.runner_acme_home.a.b', 'other')).caller).toBeNull();
  });

  it.each([
    '',
    '>',
    '_INBOX.>',
    '_INBOX.gateway',
    '_INBOX.gateway.a b',
    'accept.0',
    '_INBOX.gateway..x',
    '_INBOX.*.x',
  ])('may not be answered at %s', (reply) => {
    expect(senderOf(SUBMIT_CLIENT, request(token, reply)).caller).toBeNull();
  });

  it('may not have others hear its answers', () => {
    for (const reply of ['_INBOX.gateway.a.b', '_INBOX.runner_acme_homes.a.b']) {
      expect(senderOf(submitReport('acme', 'home'), request(own, reply)).caller).toBeNull();
    }
  });
});
