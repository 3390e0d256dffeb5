/** Says what happens, one line a step, with the time since the start. With `--json` it goes to stderr: stdout is for the document. */
export class Reporter {
  private readonly startedMs = performance.now();
  private readonly write: (text: string) => void;

  constructor(json: boolean) {
    const stream = json ? process.stderr : process.stdout;
    this.write = (text) => void stream.write(text);
  }

  get elapsedMs(): number {
    return performance.now() - this.startedMs;
  }

  readonly line = (text: string): void => {
    this.write(`${(this.elapsedMs / 1000).toFixed(1).padStart(6)} s  ${text}\n`);
  };

  blank(): void {
    this.write('\n');
  }

  plain(text: string): void {
    this.write(`${text}\n`);
  }
}
