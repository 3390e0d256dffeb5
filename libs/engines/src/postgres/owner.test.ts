import { describe, expect, it } from 'vitest';
import { parsePasswd } from './owner.ts';

describe('parsePasswd', () => {
  const text = 'root:x:0:0:root:/root:/bin/bash\npostgres:x:101:104:admin,,,:/var/lib/postgresql:/bin/bash\n';
  it('finds the ids of a user', () => {
    expect(parsePasswd(text, 'postgres')).toEqual({ uid: 101, gid: 104 });
  });
  it('never answers with root', () => {
    expect(parsePasswd(text, 'root')).toBeNull();
  });
  it.each(['', 'postgres', 'postgres:x::104:', 'postgres:x:101:', 'xpostgres:x:1:1:', 'postgres:x:a:b:'])(
    'finds nobody in %j',
    (garbage) => {
      expect(parsePasswd(garbage, 'postgres')).toBeNull();
    },
  );
});
