import type { Io, Sink } from '../io.ts';

export type Style = {
  readonly isColored: boolean;
  bold(text: string): string;
  dim(text: string): string;
  red(text: string): string;
  green(text: string): string;
  yellow(text: string): string;
  cyan(text: string): string;
};

/** Colours for one stream: NO_COLOR and --no-color win, then FORCE_COLOR and CLICOLOR_FORCE, then whether it is a terminal that can. */
export function styleFor(sink: Sink, env: Io['env'], isWanted: boolean): Style {
  const isColored = isWanted && wantsColor(sink, env);
  const paint = (open: number, close: number) => (text: string) =>
    isColored ? `\u001b[${open}m${text}\u001b[${close}m` : text;
  return {
    isColored,
    bold: paint(1, 22),
    dim: paint(2, 22),
    red: paint(31, 39),
    green: paint(32, 39),
    yellow: paint(33, 39),
    cyan: paint(36, 39),
  };
}

function wantsColor(sink: Sink, env: Io['env']): boolean {
  if (isSet(env['NO_COLOR'])) return false;
  if (isSet(env['FORCE_COLOR'])) return env['FORCE_COLOR'] !== '0';
  if (isSet(env['CLICOLOR_FORCE'])) return env['CLICOLOR_FORCE'] !== '0';
  return sink.isTTY === true && env['TERM'] !== 'dumb' && env['CLICOLOR'] !== '0';
}

/** Whether lines may be redrawn: a terminal, somebody looking at it, and one that can move its cursor. */
export function isLive(sink: Sink, env: Io['env']): boolean {
  return sink.isTTY === true && !isSet(env['CI']) && env['TERM'] !== 'dumb';
}

function isSet(value: string | undefined): value is string {
  return value !== undefined && value !== '';
}

/** Removes what a terminal would obey: text from the log is other people's text. Line feeds and tabs stay. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '\ufffd');
}
