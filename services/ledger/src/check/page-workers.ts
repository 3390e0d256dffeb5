import { PostgresError } from '@logline/postgres';
import { Worker } from 'node:worker_threads';
import type { PageJob, PageResult } from './check-page.ts';
import type { WorkerData } from './page-worker.ts';

type Waiting = { readonly resolve: (result: PageResult) => void; readonly reject: (error: Error) => void };
type Answer = { readonly result: PageResult } | { readonly error: string };

/** For what each thread has just made. By itself V8 takes eight times as much, and is no faster. */
const YOUNG_MB = 24;

/** Threads that check pages, each with a connection of its own to one snapshot. A job goes to whoever has least to do. */
export class PageWorkers {
  readonly #threads: readonly PageThread[];

  constructor(count: number, data: WorkerData) {
    this.#threads = Array.from({ length: count }, () => new PageThread(data));
  }

  /** @throws PostgresError `UNAVAILABLE` from the moment that any of the threads has ended: the check cannot be completed */
  check(job: PageJob): Promise<PageResult> {
    const [first, ...others] = this.#threads;
    if (first === undefined) return Promise.reject(new RangeError('no threads'));
    const ended = this.#threads.find(({ end }) => end !== undefined)?.end;
    if (ended !== undefined) return Promise.reject(ended);
    return others.reduce((least, one) => (one.load < least.load ? one : least), first).check(job);
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }
}

class PageThread {
  readonly #worker: Worker;
  readonly #waiting: Waiting[] = [];
  readonly #exited: Promise<void>;
  #end: PostgresError | undefined;

  constructor(workerData: WorkerData) {
    // compiled or not, the thread's file is beside this one and ends as it does
    const file = new URL(`./page-worker${import.meta.url.slice(-3)}`, import.meta.url);
    const worker = new Worker(file, { workerData, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    worker.on('message', (answer: Answer) => {
      const next = this.#waiting.shift();
      if ('result' in answer) next?.resolve(answer.result);
      else next?.reject(new PostgresError('FAILED', answer.error));
    });
    worker.on('error', (cause) => this.#ended(cause));
    this.#exited = new Promise((resolve) => {
      worker.on('exit', () => {
        this.#ended();
        resolve();
      });
    });
    this.#worker = worker;
  }

  /** Jobs that wait. */
  get load(): number {
    return this.#waiting.length;
  }

  /** Why it takes no more jobs; undefined while it does. */
  get end(): PostgresError | undefined {
    return this.#end;
  }

  check(job: PageJob): Promise<PageResult> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    this.#worker.postMessage(null); // one that has ended hears nothing
    await this.#exited;
  }

  /** An error comes before the exit that it leads to, and is the reason that stays. */
  #ended(cause?: unknown): void {
    const why = cause instanceof Error ? `: ${cause.message}` : '';
    this.#end ??= new PostgresError('UNAVAILABLE', `a thread of the check has ended${why}`, { cause });
    for (const { reject } of this.#waiting.splice(0)) reject(this.#end);
  }
}
