import type { Span } from '@logline/contracts';
import { describe, expect, it } from 'vitest';
import { styleFor } from '../terminal/style.ts';
import { readFact } from './facts.ts';
import { pickRef } from './refs.ts';
import { completeTarget } from './target.ts';

describe('completeTarget', () => {
  const web = { provider: 'docker', service: 'web' };
  const rail = { provider: 'railway', project_id: 'rw1', service: 'web' };

  it('fills in what the only entry of a provider gives', () => {
    expect(completeTarget({ provider: 'docker' }, [web, rail])).toEqual(web);
    expect(completeTarget({ provider: 'railway', service: 'web' }, [web, rail])).toEqual(rail);
  });

  it('leaves a target alone that an entry covers', () => {
    expect(completeTarget(rail, [web, rail])).toEqual(rail);
    expect(completeTarget({ provider: 'docker', service: 'x' }, [{ provider: 'docker' }])).toEqual({
      provider: 'docker',
      service: 'x',
    });
  });

  it('refuses what no entry covers, and what could be several', () => {
    expect(() => completeTarget({ provider: 'podman' }, [web])).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', fix: 'use one of: docker:svc=web' }),
    );
    expect(() =>
      completeTarget({ provider: 'docker' }, [web, { provider: 'docker', service: 'api' }]),
    ).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });
});

describe('pickRef', () => {
  const ref = (hex: string) => `mc:t/n@blake3:${hex.padEnd(64, '0')}`;
  const [a, b] = [ref('abcd1'), ref('abcd2')];

  it('gives the one that begins so', () => {
    expect(pickRef('x', 'abcd1', { refs: [a, b] })).toBe(a);
  });

  it('gives the current one for a bare name, or the one just applied here that the view does not know yet', () => {
    expect(pickRef('x', '', { refs: [a, b], current: b })).toBe(b);
    expect(pickRef('x', '', { refs: [a, b], current: a, newest: b })).toBe(b);
    expect(pickRef('x', '', { refs: [a, b], current: b, newest: a })).toBe(b);
  });

  it('names the candidates when it could be several, and says when there is none', () => {
    expect(() => pickRef('x', 'abcd', { refs: [a, b] })).toThrow(
      expect.objectContaining({ code: 'CONFLICT', message: expect.stringContaining(b) }),
    );
    expect(() => pickRef('x', 'ffff', { refs: [a, b] })).toThrow(
      expect.objectContaining({ code: 'NOT_FOUND' }),
    );
    expect(() => pickRef('x', '', { refs: [] })).toThrow(expect.objectContaining({ code: 'NOT_FOUND' }));
  });
});

describe('readFact', () => {
  const plain = styleFor({ write: () => true }, {}, false);
  const fact = (intent: string, payload: Span['payload']) =>
    readFact({ intent, payload, ts: 'T', signature: { kid: 'k' } } as unknown as Span, plain); // only these fields are read

  it('says where it runs, and how it ended', () => {
    expect(
      fact('run_state.running', {
        deploy: 'd',
        provider: 'docker',
        node: 'host',
        ports: [{ container: 8080, host: 32768, protocol: 'tcp' }],
      }),
    ).toMatchObject({
      phase: 'running',
      deploy: 'd',
      text: expect.stringContaining('port 8080 → 127.0.0.1:32768'),
    });
    expect(fact('run_state.exited', { exit_code: 137, why: 'oom' })).toMatchObject({
      phase: 'exited',
      exitCode: 137,
      text: expect.stringContaining('exit code 137, oom'),
    });
    expect(fact('deploy.failed', { why: 'no_runner', message: 'none' })).toMatchObject({
      phase: 'failed',
      text: expect.stringContaining('no_runner, none'),
    });
  });

  it('lets nothing in a fact reach the terminal as a command', () => {
    expect(fact('run_state.failed', { why: '\u001b]0;owned\u0007' }).text).not.toMatch(/\u001b/); // eslint-disable-line no-control-regex
  });

  it('takes facts it does not know', () => {
    expect(fact('policy.applied', undefined)).toMatchObject({ phase: 'other', deploy: null });
    expect(fact('registry.key.revoke', { kid: 'kid_ci', reason: 'rotated' }).text).toContain(
      'kid_ci, rotated, by k',
    );
  });
});
