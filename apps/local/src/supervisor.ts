import { superviseProcess, type ProcessHandle, type ProcessOptions } from '@logline/engines';

const FIRST_RESTART_MS = 250;
const LONGEST_RESTART_MS = 10_000;
/** A process that has run this long starts again at once when it ends. */
const STEADY_MS = 30_000;

type Managed = {
  readonly options: ProcessOptions;
  handle: ProcessHandle;
  restarts: number;
  startedMs: number;
};

/** Keeps processes running: one that ends without being asked to is started again, sooner or later by how often it did. */
export class Supervisor {
  private readonly managed = new Map<string, Managed>();
  private isStopping = false;
  private readonly report: (line: string) => void;
  private readonly onChange: () => void;

  constructor(report: (line: string) => void, onChange: () => void) {
    this.report = report;
    this.onChange = onChange;
  }

  async start(options: ProcessOptions): Promise<void> {
    const handle = await superviseProcess(options);
    const managed: Managed = { options, handle, restarts: 0, startedMs: performance.now() };
    this.managed.set(options.name, managed);
    void this.watch(managed);
  }

  pids(): Record<string, number> {
    return Object.fromEntries([...this.managed].map(([name, { handle }]) => [name, handle.pid]));
  }

  logTail(name: string): string {
    return this.managed.get(name)?.handle.readLogTail() ?? '';
  }

  isAlive(name: string): boolean {
    return this.managed.get(name)?.handle.isAlive() ?? false;
  }

  /** Ends all, each group together, in the order given; what is in none of them goes last. */
  async stop(groups: readonly (readonly string[])[]): Promise<void> {
    this.isStopping = true;
    const named = groups.flat();
    const rest = [...this.managed.keys()].filter((name) => !named.includes(name));
    for (const group of [...groups, rest]) {
      await Promise.all(group.map((name) => this.managed.get(name)?.handle.stop()));
    }
  }

  private async watch(managed: Managed): Promise<void> {
    for (;;) {
      const { code, signal } = await managed.handle.exited;
      if (this.isStopping) return;
      if (performance.now() - managed.startedMs > STEADY_MS) managed.restarts = 0;
      const waitMs = Math.min(FIRST_RESTART_MS * 2 ** managed.restarts, LONGEST_RESTART_MS);
      managed.restarts += 1;
      this.report(
        `${managed.options.name} ended (${signal ?? `exit code ${code}`}); starting it again in ${waitMs} ms`,
      );
      await new Promise((resolve) => setTimeout(resolve, waitMs));
      if (this.isStopping) return;
      managed.handle = await superviseProcess(managed.options);
      managed.startedMs = performance.now();
      this.onChange();
    }
  }
}
