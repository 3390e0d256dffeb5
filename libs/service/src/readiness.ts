/** True, or why not. */
export type ReadinessCheck = () => true | string | Promise<true | string>;

export type ReadinessReport = {
  readonly ready: boolean;
  readonly checks: Readonly<Record<string, string>>;
  /** What there is to know beside: a standby is as ready as a leader. */
  readonly state: Readonly<Record<string, string>>;
};

/** A check that says nothing for this long counts as failed. */
const PATIENCE_MS = 2_000;

/** Whether this process should be sent work: started, not stopping, and every part says yes. */
export class Readiness {
  readonly #checks = new Map<string, ReadinessCheck>();
  readonly #states = new Map<string, () => string>();
  #phase: 'starting' | 'running' | 'stopping' = 'starting';

  /** A part's own view, asked on every /readyz; cheap, and never waits for a client. */
  add(name: string, check: ReadinessCheck): void {
    this.#checks.set(name, check);
  }

  /** Reported on every /readyz, and never a reason against. */
  state(name: string, read: () => string): void {
    this.#states.set(name, read);
  }

  markRunning(): void {
    if (this.#phase === 'starting') this.#phase = 'running';
  }

  /** For good: nothing makes a stopping process ready again. */
  markStopping(): void {
    this.#phase = 'stopping';
  }

  async report(): Promise<ReadinessReport> {
    const answers = await Promise.all(
      [...this.#checks].map(async ([name, check]) => [name, await ask(check)] as const),
    );
    const checks = Object.fromEntries([
      ['process', this.#phase === 'running' ? 'ok' : this.#phase],
      ...answers,
    ]);
    const state = Object.fromEntries([...this.#states].map(([name, read]) => [name, read()]));
    return { ready: Object.values(checks).every((answer) => answer === 'ok'), checks, state };
  }
}

async function ask(check: ReadinessCheck): Promise<string> {
  let timer: NodeJS.Timeout | undefined;
  try {
    const late = new Promise<string>((resolve) => {
      timer = setTimeout(resolve, PATIENCE_MS, 'no answer');
    });
    const answer = await Promise.race([(async () => await check())(), late]);
    return answer === true ? 'ok' : answer;
  } catch {
    return 'failed'; // the log has the error; a probe is no place for it
  } finally {
    clearTimeout(timer);
  }
}
