import { Command, InvalidArgumentError, Option } from 'commander';
import type { GlobalOptions } from './config/settings.ts';
import type { Context } from './context.ts';

/** One command a person can run: what it is called, what it takes, two ways to use it, and what it does. */
export type CommandSpec<Options extends object> = {
  readonly name: string;
  /** Positional arguments as commander writes them: `<file>`, `[id]`. */
  readonly args?: string;
  readonly aliases?: readonly string[];
  readonly summary: string;
  /** Longer text for `--help`, under the summary. */
  readonly about?: string;
  /** At least two lines that can be run, each from `logline` on. */
  readonly examples: readonly [string, string, ...string[]];
  readonly options?: readonly Option[];
  run(context: Context, options: Options, args: readonly (string | undefined)[]): Promise<void>;
};

export type ContextMaker = (options: GlobalOptions) => Context;

/** Adds a command to its group (or to the program), with the options that every command takes. */
export function addCommand<Options extends object>(
  parent: Command,
  makeContext: ContextMaker,
  spec: CommandSpec<Options>,
): void {
  const command = parent.command(spec.args === undefined ? spec.name : `${spec.name} ${spec.args}`);
  define(command, makeContext, spec);
}

/** As `addCommand`, for a command that is already there by name: one without sub-commands. */
export function define<Options extends object>(
  command: Command,
  makeContext: ContextMaker,
  spec: CommandSpec<Options>,
): void {
  command
    .summary(spec.summary)
    .description(spec.about === undefined ? spec.summary : `${spec.summary}\n\n${spec.about}`);
  for (const alias of spec.aliases ?? []) command.alias(alias);
  for (const option of spec.options ?? []) command.addOption(option);
  for (const option of globalOptions()) command.addOption(option);
  command.addHelpText('after', `\nExamples:\n${spec.examples.map((example) => `  $ ${example}`).join('\n')}`);
  command.action(async () => {
    const options = command.opts();
    // commander's own parsing made them; each command declares the type of what it declared
    await spec.run(makeContext(options as GlobalOptions), options as Options, command.args);
  });
}

/** The options of every command. */
export function globalOptions(): readonly Option[] {
  return [
    new Option(
      '--json',
      'one JSON document on stdout (one a line for streams), problems as JSON on stderr',
    ).helpGroup(GLOBAL),
    new Option('--tenant <tenant>', 'the tenant to act for').helpGroup(GLOBAL),
    new Option('--profile <name>', 'the stored login to use').helpGroup(GLOBAL),
    new Option('--base-url <url>', 'the gateway to talk to').helpGroup(GLOBAL),
    new Option('--wallet <file>', 'the wallet file').helpGroup(GLOBAL),
    new Option('--timeout <seconds>', 'give up after this long (exit code 8)')
      .argParser(parseSeconds)
      .helpGroup(GLOBAL),
    new Option('--no-input', 'never ask; fail instead').helpGroup(GLOBAL),
    new Option('--no-color', 'no colours').helpGroup(GLOBAL),
    new Option('-q, --quiet', 'no progress on stderr').helpGroup(GLOBAL),
  ];
}
const GLOBAL = 'Options of every command:';

/** Those that take a value, so that they may also stand before the command. */
export const GLOBAL_WITH_VALUE: ReadonlySet<string> = new Set([
  '--tenant',
  '--profile',
  '--base-url',
  '--wallet',
  '--timeout',
]);
export const GLOBAL_FLAGS: ReadonlySet<string> = new Set([
  '--json',
  '--no-input',
  '--no-color',
  '-q',
  '--quiet',
]);

/** Seconds, as `30`, `30s`, `2m`, or `500ms`, to milliseconds. */
export function parseSeconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)?$/.exec(text);
  const unit = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match?.[2] ?? 's'] ?? 1000;
  const ms = Math.round(Number(match?.[1]) * unit);
  if (match === null || !Number.isSafeInteger(ms) || ms <= 0 || ms > 86_400_000) {
    throw new InvalidArgumentError('use seconds, or 500ms, 30s, 5m, 1h');
  }
  return ms;
}

/** A whole number between two others, both included. */
export function parseCount(least: number, most: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d{1,15}$/.test(text) || count < least || count > most)
      throw new InvalidArgumentError(`use a whole number from ${least} to ${most}`);
    return count;
  };
}

/** Values given several times, or once with commas between them. */
export function collectList(text: string, earlier: readonly string[] | undefined): readonly string[] {
  const values = text.split(',').map((value) => value.trim());
  if (values.some((value) => value === '')) throw new InvalidArgumentError('one of its values is empty');
  return [...(earlier ?? []), ...values];
}
