import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { formatHandoff, toHandoffCommand } from '../src/handoff.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

// the shell of this machine stands in for the image's: what it is handed must arrive byte for byte
describe('the waiting shell', () => {
  const values = [
    'plain',
    '',
    ' spaced ',
    'a=b=c',
    'trailing\n\n',
    '-----BEGIN-----\nabc\n-----END-----\n',
    '%s %b $HOME `id` "q" \'q\'',
    'tab\t\\n',
    'ção €',
    '\\0101',
    '-n',
  ];

  function hand(stdin: Uint8Array) {
    const [command = '', ...args] = toHandoffCommand('image', [
      process.execPath,
      '-e',
      'process.stdout.write(JSON.stringify(process.env))',
    ]);
    return spawnSync(command, args, { input: stdin, env: {}, encoding: 'utf8' });
  }

  test.each(values)('hands %j over unchanged', (value) => {
    const { stdout, status } = hand(
      formatHandoff([
        { variable: 'LAST', value: bytes('x') },
        { variable: 'SECRET', value: bytes(value) },
      ]),
    );
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ SECRET: value, LAST: 'x' });
  });

  test('never becomes the process when the hand-off breaks off', () => {
    const whole = formatHandoff([{ variable: 'SECRET', value: bytes('abc') }]);
    for (let length = 0; length < whole.length; length++) {
      const { stdout, status } = hand(whole.slice(0, length));
      expect({ stdout, status }).toEqual({ stdout: '', status: 78 });
    }
  });
});
