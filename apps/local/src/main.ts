import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { EngineError } from '@logline/engines';
import { detach } from './detach.ts';
import { isRunning, readEnvFile } from './env-file.ts';
import { LocalError } from './errors.ts';
import { Installation } from './installation.ts';
import { runJob, type JobResult } from './job.ts';
import { layoutOf, type Layout } from './layout.ts';
import { parseOptions, USAGE, type Options } from './options.ts';
import { Reporter } from './report.ts';
import { Secrets } from './secrets.ts';
import { endLeftovers, stopInstallation } from './stop.ts';
import { welcome } from './welcome.ts';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');

async function main(): Promise<number> {
  const options = parse(process.argv.slice(2));
  if (options === null) return 2;
  const layout = layoutOf(root, process.env['LOGLINE_HOME'] ?? root);
  const reporter = new Reporter(options.json);
  if (options.command === 'stop') return stopInstallation(layout, reporter.line);
  const before = await readEnvFile(layout.env);
  if (isRunning(before)) throw new LocalError('ALREADY_RUNNING', 'it runs already; npm run stop ends it');
  await endLeftovers(before, reporter.line);
  return options.detach ? detach(layout, options, reporter) : supervise(layout, options, reporter);
}

/** Starts everything, does the main job, and stays until it is told to end (or ends at once with `--once`). */
async function supervise(layout: Layout, options: Options, reporter: Reporter): Promise<number> {
  // root's PostgreSQL runs as another user, who must be able to pass through to its own data
  await mkdir(layout.dev, { recursive: true, mode: 0o711 });
  for (const dir of [layout.logs, layout.job]) await mkdir(dir, { recursive: true, mode: 0o700 });
  const ended = endSignal();
  const asked = new AbortController();
  const starting = Installation.start({
    layout,
    secrets: new Secrets(layout.secrets),
    allowInstall: options.install,
    report: reporter.line,
    signal: asked.signal,
  });
  const installation = await Promise.race([starting, ended]);
  if (typeof installation === 'string') {
    reporter.line('stopping: nothing further is started, and what has started is taken down in order');
    asked.abort();
    await starting.then((late) => late.stop()).catch(() => undefined);
    reporter.line('stopped');
    return 130;
  }
  reporter.line('ready');
  try {
    const job = options.job ? await Promise.race([doJob(installation, layout, reporter), ended]) : undefined;
    if (typeof job === 'string') return 130;
    if (options.json)
      process.stdout.write(
        `${JSON.stringify({ ...(job ?? { ok: true }), duration_ms: Math.round(reporter.elapsedMs) })}\n`,
      );
    if (options.once) return job === undefined || job.ok ? 0 : 1;
    welcome(installation, reporter);
    process.send?.('ready');
    await ended;
    return 0;
  } finally {
    reporter.line('stopping');
    await installation.stop();
    reporter.line('stopped');
  }
}

async function doJob(installation: Installation, layout: Layout, reporter: Reporter): Promise<JobResult> {
  return runJob({
    env: installation.env,
    engine: installation.engine,
    commands: installation.commands,
    layout,
    report: reporter.line,
  });
}

function endSignal(): Promise<string> {
  return new Promise((resolveSignal) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
      process.once(signal, () => resolveSignal(signal));
  });
}

function parse(args: readonly string[]): Options | null {
  try {
    return parseOptions(args);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    process.stderr.write(`${error.message}\n\n${USAGE}\n`);
    return null;
  }
}

try {
  process.exitCode = await main();
} catch (error) {
  const isKnown = error instanceof LocalError || error instanceof EngineError;
  process.stderr.write(
    `${isKnown ? `${error.code}: ${error.message}` : String(error instanceof Error ? error.stack : error)}\n`,
  );
  // whoever reads the last line gets one in any case
  if (process.argv.includes('--json'))
    process.stdout.write(
      `${JSON.stringify({ ok: false, code: isKnown ? error.code : 'FAILED', message: error instanceof Error ? error.message : String(error) })}\n`,
    );
  process.exitCode = 1;
}
// timers of a library must not keep a finished start alive
process.exit();
