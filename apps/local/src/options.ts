import { parseArgs } from 'node:util';

export type Options = {
  readonly command: 'start' | 'stop';
  /** Do the main job, then stop everything and exit. */
  readonly once: boolean;
  /** Last line on stdout is one JSON document; everything else goes to stderr. */
  readonly json: boolean;
  /** Return when ready; `npm run stop` ends it. */
  readonly detach: boolean;
  /** Use what is there; never install a package or an engine. */
  readonly install: boolean;
  /** Do not run the main job. */
  readonly job: boolean;
};

export const USAGE = `npm start -- [--once] [--json] [--detach] [--no-install] [--no-job]

  --once        do the main job once, stop everything, exit 0
  --json        last line: {ok, subject, ref, run_state, receipts_verified, duration_ms}
  --detach      return when ready; npm run stop ends it
  --no-install  install nothing: use the engines that are there
  --no-job      start the system and stay up, without the main job`;

/** @throws TypeError for an option that is not known, with its name */
export function parseOptions(args: readonly string[]): Options {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      once: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      detach: { type: 'boolean', default: false },
      'no-install': { type: 'boolean', default: false },
      'no-job': { type: 'boolean', default: false },
    },
  });
  const [command = 'start'] = positionals;
  if (command !== 'start' && command !== 'stop') {
    throw new TypeError(`no command ${command}`);
  }
  return {
    command,
    once: values.once,
    json: values.json,
    detach: values.detach,
    install: !values['no-install'],
    job: !values['no-job'],
  };
}
