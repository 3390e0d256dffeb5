import Docker from 'dockerode';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { canonicalBytes } from '@logline/canon-sign';
import { parseVkey, verifyReceipt } from '@logline/tlog';
import type { Receipt, Span } from '@logline/contracts';
import { LocalSystem, until, type Env } from './local-system.ts';

/** kill -9 of each process in turn, in the middle of a deploy (docs/architecture.md, "What each fault comes to"). */

let system: LocalSystem;
let env: Env;
let provider: string;
let subject: string;
let ref: string;

beforeAll(async () => {
  system = await LocalSystem.start();
  // the bundled job once: an applied manifest and an image to deploy again and again
  await system.local(['stop']);
  const start = await system.local(['start', '--detach', '--json']);
  const job = JSON.parse(start.stdout.trim().split('\n').at(-1) ?? '{}');
  if (job.ok !== true) throw new Error(`the main job failed: ${start.stdout}`);
  ({ subject, ref } = job);
  env = await system.env();
  provider = env.engine.kind;
});
afterAll(async () => {
  await system?.close();
});

/** Asks for a deploy; sends the same bytes again until there is an answer, as a client does. */
async function deploy(): Promise<string> {
  const sdk = await system.sdk({ retries: 20 });
  const signed = await sdk.sign({ intent: 'deploy.apply', subject, payload: { ref, target: { provider } } });
  const [ack] = await sdk.appendSigned([signed]);
  expect(ack?.status).toBe('ok');
  return signed.span.this;
}

/** How a deploy ended: running, or failed with a reason. */
async function outcome(id: string): Promise<{ intent: string; payload: Record<string, unknown> }> {
  const sdk = await system.sdk({ retries: 20 });
  let last: Span | undefined;
  await until(
    async () => {
      const { items } = await sdk.query({ subject, limit: 1000, ...(await newestPage(sdk)) });
      last = items.findLast(
        ({ intent, payload }) =>
          payload?.['deploy'] === id && /^(run_state\.(running|exited|failed)|deploy\.failed)$/.test(intent),
      );
      return last !== undefined;
    },
    `an outcome of ${id}`,
    150_000,
  );
  return { intent: last?.intent ?? '', payload: last?.payload ?? {} };
}

/** Queries come oldest first; begin where the last page would. */
async function newestPage(sdk: Awaited<ReturnType<LocalSystem['sdk']>>): Promise<{ cursor?: string }> {
  let cursor: string | undefined;
  for (;;) {
    const page = await sdk.query({ subject, limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    if (!page.has_more) return cursor === undefined ? {} : { cursor };
    cursor = page.cursor;
  }
}

/** How many containers of ours the engine runs now. */
async function running(): Promise<number> {
  const engine = new Docker({ socketPath: env.engine.socketPath });
  return (await engine.listContainers({ filters: { label: ['minicontainer.runner=local'] } })).length;
}

describe('killed in the middle of a deploy and started again', () => {
  it.each([
    'gateway',
    'tdln-gate',
    'wallet-verifier',
    'ledger',
    'deploy-orchestrator',
    'projector',
    'runner',
    'nats-server',
    'postgres',
  ])(
    '%s: the deploy completes or fails with a fact that says why; nothing acknowledged is lost; nothing is orphaned',
    async (name) => {
      const before = await everything();
      await system.loglineJson(['wallet', 'prove', 'deploy.allow', '--subject', subject, '--ref', ref]);
      const asked = deploy();
      // the kill falls somewhere into the request, the plan or the start
      await new Promise((resolve) => setTimeout(resolve, 50 + Math.floor(Math.random() * 1500)));
      await system.killAndRevive(name);
      const id = await asked;
      const { intent, payload } = await outcome(id);
      if (intent === 'deploy.failed' || intent === 'run_state.failed')
        expect(payload['why']).toEqual(expect.any(String));
      else expect(intent).toBe('run_state.running');
      const after = await everything();
      // the log only grew, and every entry of it is provable
      expect(after.slice(0, before.length).map(({ this: one }) => one)).toEqual(
        before.map(({ this: one }) => one),
      );
      expect(new Set(after.map(({ this: one }) => one)).size).toBe(after.length);
      const sdk = await system.sdk({ retries: 20 });
      for (const span of after.slice(before.length)) {
        const receipt = (await sdk.receipt(span.this)) as Receipt;
        verifyReceipt({ receipt, spanBytes: canonicalBytes(span), vkeys: [parseVkey(env.logKey)] });
      }
      // a deploy that failed before it replaced anything leaves the older one running
      const isRight =
        intent === 'run_state.running' ? (count: number) => count === 1 : (count: number) => count <= 1;
      await until(async () => isRight(await running()), 'no container is orphaned, and none runs twice');
    },
  );
});

/** All spans about the container, in log order. */
async function everything(): Promise<Span[]> {
  const sdk = await system.sdk({ retries: 20 });
  const spans: Span[] = [];
  let cursor: string | undefined;
  for (;;) {
    const page = await sdk.query({ subject, limit: 1000, ...(cursor === undefined ? {} : { cursor }) });
    spans.push(...page.items);
    if (!page.has_more) return spans;
    cursor = page.cursor;
  }
}
