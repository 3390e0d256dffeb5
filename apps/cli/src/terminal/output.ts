import type { Io } from '../io.ts';
import { isLive, type Style, styleFor } from './style.ts';

/** Version of every `--json` document; a change that a script would notice makes it 2. */
export const SCHEMA_VERSION = 1;

export type OutputOptions = {
  readonly isJson: boolean;
  readonly isQuiet: boolean;
  readonly wantsColor: boolean;
};

/**
 * Where a command speaks. Data goes to stdout, everything for people to stderr. With `--json`: one document on stdout, or one a
 * line for streams, no colours, warnings inside the document, and nothing on stderr but a problem.
 */
export class Output {
  readonly isJson: boolean;
  readonly style: Style;
  readonly #io: Io;
  readonly #isQuiet: boolean;
  readonly #errorStyle: Style;
  readonly #isLive: boolean;
  readonly #warnings: string[] = [];
  #liveLine = '';

  constructor(io: Io, { isJson, isQuiet, wantsColor }: OutputOptions) {
    this.#io = io;
    this.isJson = isJson;
    this.#isQuiet = isQuiet;
    this.style = styleFor(io.stdout, io.env, wantsColor && !isJson);
    this.#errorStyle = styleFor(io.stderr, io.env, wantsColor && !isJson);
    this.#isLive = !isJson && !isQuiet && isLive(io.stderr, io.env);
  }

  /** The answer: `document` with `--json`, else `text` when it is not empty. Once a command. */
  result(document: Readonly<Record<string, unknown>>, text: string): void {
    this.#endLive();
    if (this.isJson) {
      const warnings = this.#warnings.length === 0 ? {} : { warnings: this.#warnings };
      this.#io.stdout.write(
        `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...document, ...warnings }, null, 2)}\n`,
      );
    } else if (text !== '') {
      this.#io.stdout.write(`${text}\n`);
    }
  }

  /** One item of a stream, at once. */
  item(document: Readonly<Record<string, unknown>>, text: string): void {
    this.#endLive();
    this.#io.stdout.write(
      this.isJson ? `${JSON.stringify({ schemaVersion: SCHEMA_VERSION, ...document })}\n` : `${text}\n`,
    );
  }

  /** What is being done: for people, on stderr, never with `--json` or `--quiet`. */
  note(text: string): void {
    if (this.isJson || this.#isQuiet) return;
    this.#endLive();
    this.#io.stderr.write(`${this.#errorStyle.dim(text)}\n`);
  }

  /** Something to look at, though the command goes on. */
  warn(text: string): void {
    if (this.isJson) {
      this.#warnings.push(text);
      return;
    }
    this.#endLive();
    this.#io.stderr.write(`${this.#errorStyle.yellow('warning:')} ${text}\n`);
  }

  /** A line that the next one replaces on a terminal; elsewhere nothing, since state changes are printed as items. */
  live(text: string): void {
    if (!this.#isLive) return;
    this.#io.stderr.write(
      `\r\u001b[2K${this.#errorStyle.dim(text.slice(0, (this.#io.stderr.columns ?? 80) - 1))}`,
    );
    this.#liveLine = text;
  }

  fail(document: object, text: string): void {
    this.#endLive();
    this.#io.stderr.write(this.isJson ? `${JSON.stringify(document, null, 2)}\n` : `${text}\n`);
  }

  get errorStyle(): Style {
    return this.#errorStyle;
  }

  #endLive(): void {
    if (this.#liveLine === '') return;
    this.#io.stderr.write('\r\u001b[2K');
    this.#liveLine = '';
  }
}

/** Two columns, the first as wide as its widest cell. */
export function columns(rows: readonly (readonly [string, string])[], gap = 2): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length));
  return rows
    .map(([left, right]) => (right === '' ? left : `${left.padEnd(width + gap)}${right}`))
    .join('\n');
}
