import { Command, CommanderError } from 'commander';
import { CATALOGUE } from './catalogue.ts';
import { GLOBAL_FLAGS, GLOBAL_WITH_VALUE } from './command.ts';
import type { GlobalOptions } from './config/settings.ts';
import { Context } from './context.ts';
import { Exit } from './errors.ts';
import { EXIT, type ExitCode } from './exit-codes.ts';
import { TOPICS } from './help-topics.ts';
import type { Io } from './io.ts';
import { Output } from './terminal/output.ts';

/** Runs one command line and gives its exit code; never throws. `argv` without node and script. */
export async function run(argv: readonly string[], io: Io, version: string): Promise<ExitCode> {
  const words = globalsLast(argv);
  const isJson = words.includes('--json');
  const wantsColor = !words.includes('--no-color');
  const out = new Output(io, {
    isJson,
    isQuiet: words.includes('--quiet') || words.includes('-q'),
    wantsColor,
  });
  let deadline: AbortSignal | undefined;
  try {
    const topic = words[0] === 'help' ? TOPICS[words[1] ?? ''] : undefined;
    if (topic !== undefined) {
      out.result({ topic: words[1], text: topic }, topic);
      return EXIT.ok;
    }
    const usage = { text: '' };
    const program = makeProgram(io, version, isJson, usage);
    await loadCommand(program, words[0] === 'help' ? words[1] : words[0], (options) => {
      const context = new Context(io, out, options);
      deadline = context.deadline;
      return context;
    });
    try {
      await program.parseAsync([...words], { from: 'user' });
    } catch (error) {
      if (!(error instanceof CommanderError)) throw error;
      return endOfParsing(error, out, usage.text);
    }
    return EXIT.ok;
  } catch (error) {
    if (error instanceof Exit) return error.exitCode;
    const { formatProblem, toProblem } = await import('./problem.ts'); // needs all contracts; most commands end without it
    const { problem, exitCode } = toProblem(error, deadline);
    out.fail(problem, formatProblem(problem, out.errorStyle));
    return exitCode;
  }
}

/** The program with every command by name, so that help and did-you-mean know them all; exported for the test that reads every help text. */
export function makeProgram(io: Io, version: string, isJson: boolean, usage: { text: string }): Command {
  const program = new Command('logline');
  program
    .description('LogLine MiniContainer: sign, prove, deploy, and verify every receipt.')
    .version(version, '-V, --version', 'print the version')
    .usage('<command> [options]')
    .exitOverride()
    .showSuggestionAfterError()
    .configureOutput({
      writeOut: (text) => io.stdout.write(text),
      writeErr: (text) => {
        // with --json a usage error is one problem document, written by endOfParsing
        if (isJson) usage.text += text;
        else io.stderr.write(text);
      },
      getOutHelpWidth: () => io.stdout.columns ?? 100,
      getErrHelpWidth: () => io.stderr.columns ?? 100,
      getOutHasColors: () => false,
      getErrHasColors: () => false,
    })
    .addHelpText(
      'after',
      `\nThe main job:\n  $ logline minicontainer init --name web --image my-image\n  $ logline minicontainer verify manifest.json\n  $ logline minicontainer apply manifest.json\n  $ logline deploy up --target docker --watch\n\nlogline help exit-codes | environment | files`,
    );
  for (const { name, summary } of CATALOGUE) program.command(name).summary(summary).description(summary);
  return program;
}

export async function loadCommand(
  program: Command,
  name: string | undefined,
  makeContext: (options: GlobalOptions) => Context,
): Promise<void> {
  const entry = CATALOGUE.find((candidate) => candidate.name === name);
  const command = program.commands.find((candidate) => candidate.name() === name);
  if (entry === undefined || command === undefined) return;
  (await entry.load()).register(command, makeContext);
}

/** commander ends by throwing, also after help and version. */
function endOfParsing(error: CommanderError, out: Output, usage: string): ExitCode {
  if (error.exitCode === 0) return EXIT.ok;
  if (error.code === 'commander.help') return EXIT.usage; // a group without a command: help went to stderr
  if (out.isJson) {
    const lines = usage.split('\n').map((line) => line.replace(/^error: /, '').trim());
    const detail = lines.find((line) => line !== '') ?? error.message;
    const hint = lines.find((line) => line.startsWith('(Did you mean'));
    out.fail(
      {
        type: 'urn:logline:problem:usage',
        title: 'The command is not complete',
        detail,
        code: 'USAGE',
        fix: hint ?? 'logline --help',
      },
      '',
    );
  }
  return EXIT.usage;
}

/** Options of every command may also stand before it: they move behind, where their command takes them. */
export function globalsLast(argv: readonly string[]): readonly string[] {
  const moved: string[] = [];
  let at = 0;
  for (; at < argv.length; at++) {
    const word = argv[at] ?? '';
    if (GLOBAL_FLAGS.has(word) || GLOBAL_WITH_VALUE.has(word.split('=', 1)[0] ?? '')) {
      moved.push(word);
      const value = argv[at + 1];
      if (GLOBAL_WITH_VALUE.has(word) && value !== undefined) {
        moved.push(value);
        at++;
      }
    } else break;
  }
  const rest = argv.slice(at);
  return rest.length === 0 || rest[0]?.startsWith('-') === true
    ? [...rest, ...moved.filter((word) => word === '--json')]
    : [...rest, ...moved];
}
