import { parentPort, workerData } from 'node:worker_threads';
import { SnapshotConnection } from '../storage/snapshot-connection.ts';
import { checkPage, type PageJob } from './check-page.ts';

/** A thread of `PageWorkers`: its own connection to the same snapshot; pages in, results out, in order. */
export type WorkerData = { readonly url: string; readonly snapshot: string };

const { url, snapshot } = workerData as WorkerData; // given by PageWorkers
const connection = await SnapshotConnection.open(url, 'ledger fsck', snapshot);
let running: Promise<void> = Promise.resolve();
parentPort?.on('message', (job: PageJob | null) => {
  if (job === null) {
    void running.then(() => connection.close()).then(() => parentPort?.close());
    return;
  }
  // the next page is on its way while this one is checked
  const checked = checkPage(connection, job);
  checked.catch(() => undefined); // heard of when its turn comes
  running = running.then(async () => {
    try {
      parentPort?.postMessage({ result: await checked });
    } catch (error) {
      parentPort?.postMessage({ error: error instanceof Error ? error.message : String(error) });
    }
  });
});
