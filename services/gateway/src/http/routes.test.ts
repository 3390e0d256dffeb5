import { describe, expect, it } from 'vitest';
import { Routes } from './routes.ts';

describe('the methods of a path', () => {
  const routes = new Routes();
  routes.add('GET', '/v1/log/:tenant/tile/*');
  routes.add('PUT', '/v1/artifacts/:hash');
  routes.add('GET', '/v1/artifacts/:hash');
  routes.add('GET', '/v1/x.y');

  it.each([
    ['/v1/artifacts/blake3:00', 'GET, OPTIONS, PUT'],
    ['/v1/artifacts/a?b=/c', 'GET, OPTIONS, PUT'],
    ['/v1/artifacts/a/b', ''],
    ['/v1/artifacts/', ''],
    ['/v1/log/acme/tile/0/x001/067', 'GET, OPTIONS'],
    ['/v1/xzy', ''],
    ['/v1/x.y', 'GET, OPTIONS'],
    ['', ''],
  ])('%j are %j', (url, allowed) => {
    expect(routes.allowedOn({ url }).join(', ')).toBe(allowed);
  });
});
