import { describe, expect, it } from 'vitest';
import { parseLdd } from './library-closure.ts';

describe('parseLdd', () => {
  it('takes the libraries and the linker, not what the kernel lends', () => {
    const output = [
      '\tlinux-vdso.so.1 (0x00007ffd)',
      '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f)',
      '\t/lib64/ld-linux-x86-64.so.2 (0x00007f)',
      '\tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007f)',
    ].join('\n');
    expect(parseLdd(output)).toEqual(['/lib/x86_64-linux-gnu/libm.so.6', '/lib64/ld-linux-x86-64.so.2']);
  });
  it.each(['', '\tnot a dynamic executable', '\tlibx.so => not found\n\t/lib64/ld.so (0x1)'])(
    'has no answer for %j',
    (output) => {
      expect(parseLdd(output)).toBeNull();
    },
  );
});
