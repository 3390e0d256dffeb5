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
  readonly #threads: readonly { readonly worker: Worker; readonly waiting: Waiting[] }[];

  constructor(count: number, data: WorkerData) {
    this.#threads = Array.from({ length: count }, () => {
      const waiting: Waiting[] = [];
      // compiled or not, the thread's file is beside this one and ends as it does
      const file = new URL(`./page-worker${import.meta.url.slice(-3)}`, import.meta.url);
      const worker = new Worker(file, {
        workerData: data,
        resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
      });
      worker.on('message', (answer: Answer) => {
        const next = waiting.shift();
        if ('result' in answer) next?.resolve(answer.result);
        else next?.reject(new PostgresError('FAILED', answer.error));
      });
      const fail = (cause?: unknown): void => {
        for (const { reject } of waiting.splice(0))
          reject(new PostgresError('UNAVAILABLE', 'a thread of the check has ended', { cause }));
      };
      worker.on('error', fail);
      worker.on('exit', () => fail());
      return { worker, waiting };
    });
  }

  check(job: PageJob): Promise<PageResult> {
    const [first, ...others] = this.#threads;
    if (first === undefined) return Promise.reject(new RangeError('no threads'));
    const idle = others.reduce(
      (least, one) => (one.waiting.length < least.waiting.length ? one : least),
      first,
    );
    return new Promise((resolve, reject) => {
      idle.waiting.push({ resolve, reject });
      idle.worker.postMessage(job);
    });
  }

  async close(): Promise<void> {
    await Promise.all(
      this.#threads.map(
        ({ worker }) =>
          new Promise<void>((resolve) => {
            worker.once('exit', () => resolve());
            worker.postMessage(null);
          }),
      ),
    );
  }
}
