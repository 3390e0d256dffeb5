import { describe, expect, it } from 'vitest';
import { createLog } from './log.ts';

function written(fields: object): string {
  const lines: string[] = [];
  createLog({ name: 'test', level: 'info' }, { write: (line) => void lines.push(line) }).info(
    fields,
    'message',
  );
  return lines.join('');
}

describe('createLog', () => {
  it('writes one JSON line with name, level and time', () => {
    const line = JSON.parse(written({ trace: 'abc' })) as Record<string, unknown>;
    expect(line).toMatchObject({ name: 'test', level: 'info', trace: 'abc', msg: 'message' });
    expect(line['time']).toMatch(/^\d{4}-.*Z$/);
  });
  it.each([
    { authorization: 'ApiKey lltok_SECRET' },
    { headers: { authorization: 'SECRET' } },
    { req: { headers: { authorization: 'SECRET', cookie: 'SECRET', 'x-signature': 'SECRET' } } },
    { key: { seed: 'SECRET' } },
    { config: { nats: { password: 'SECRET' } } },
    { token: 'SECRET' },
  ])('never writes what stands under the names of secrets: %j', (fields) => {
    expect(written(fields)).not.toContain('SECRET');
  });
  it('writes of an error its class, code, message and causes, and not what a driver hangs on it', () => {
    const cause = Object.assign(new Error('duplicate key'), {
      code: '23505',
      detail: 'Key (token)=(SECRET) already exists',
    });
    const line = JSON.parse(written({ err: new TypeError('outer', { cause }) })) as {
      err: Record<string, unknown>;
    };
    expect(line.err).toMatchObject({
      type: 'TypeError',
      message: 'outer',
      cause: { type: 'Error', code: '23505', message: 'duplicate key' },
    });
    expect(JSON.stringify(line)).not.toContain('SECRET');
  });
  it('survives errors that are their own cause', () => {
    const error = new Error('loop');
    error.cause = error;
    expect(written({ err: error })).toContain('loop');
  });
});
