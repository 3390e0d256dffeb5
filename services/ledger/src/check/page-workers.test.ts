import { afterEach, beforeEach, expect, it } from 'vitest';
import type { PageJob } from './check-page.ts';
import { PageWorkers } from './page-workers.ts';

const JOB: PageJob = {
  log: {
    logId: 1,
    tenant: 'acme',
    origin: 'logline.test/acme',
    signers: { trusted: [], named: [] },
  },
  from: 0,
  to: 1,
  thorough: false,
};

let workers: PageWorkers;
beforeEach(() => {
  // nobody listens there, so each thread ends before its first job
  workers = new PageWorkers(2, { url: 'postgres://nobody@127.0.0.1:1/nothing', snapshot: '0-0-1' });
});
afterEach(() => workers.close());

it('refuses every job of threads that have ended, those that wait and those that come later', async () => {
  const ended = { name: 'PostgresError', code: 'UNAVAILABLE' };
  const early = await Promise.allSettled([workers.check(JOB), workers.check(JOB), workers.check(JOB)]);
  for (const one of early) expect(one).toMatchObject({ status: 'rejected', reason: ended });
  for (let nth = 0; nth < 3; nth++) await expect(workers.check(JOB)).rejects.toMatchObject(ended);
  await expect(workers.check(JOB)).rejects.toThrow('has ended: '); // and then why
});

it('closes threads that have ended', async () => {
  await expect(workers.check(JOB)).rejects.toThrow('has ended');
  await workers.close();
});
