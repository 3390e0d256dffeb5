import { readdirSync } from 'node:fs';
import { eventually, RUNNER } from '@logline/testing';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { startEngine, IMAGE } from '../../../libs/targets/test/engine-under-test.ts';
import { RunnerProcess } from './runner-process.ts';
import { Tenant } from './tenant.ts';

const CANARY = 'kanarienvogel-0b1c2d3e4f';
// a sleep that is the first process hears no SIGTERM
const SLEEP = { image: IMAGE, command: ['sleep', '300'], lifecycle: { stop_timeout_ms: 300 } };
const WITH_SECRET = { ...SLEEP, env: { DB_KEY: 'grant://grt_db' } };

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

let hasTriedEveryStep = false;

for (const provider of ['docker', 'podman'] as const) {
  const found = await startEngine(provider);
  const skipReason = typeof found === 'string' ? found : undefined;
  if (skipReason !== undefined) console.warn(`skipped: ${provider}: ${skipReason}`);
  // the steps are the same whatever the engine: all of them on the first one found, the delicate ones on both
  const isFirst: boolean = typeof found !== 'string' && !hasTriedEveryStep;
  hasTriedEveryStep ||= isFirst;

  describe.skipIf(skipReason !== undefined)(`a runner on ${provider}`, { meta: { skipReason } }, () => {
    afterAll(async () => {
      if (typeof found !== 'string') await found.stop();
    });

    async function start(): Promise<{ tenant: Tenant; runner: RunnerProcess }> {
      if (typeof found === 'string') throw new Error(found);
      const tenant = await Tenant.born(provider);
      const feed = await tenant.log.listen();
      const runner = new RunnerProcess(tenant, feed, found);
      closers.push(async () => {
        await runner.stop();
        for (const { Id } of await containersOf(tenant))
          await found.engine
            .getContainer(Id)
            .remove({ force: true })
            .catch(() => undefined); // its runner may be at it
        await tenant.log.close();
        runner.dispose();
      });
      return { tenant, runner };
    }

    async function containersOf({ tenant }: Tenant) {
      if (typeof found === 'string') throw new Error(found);
      return found.engine.listContainers({
        all: true,
        filters: { label: [`minicontainer.tenant=${tenant}`, `minicontainer.runner=${RUNNER}`] },
      });
    }

    const until = async (tenant: Tenant, intent: string, runner: RunnerProcess, count = 1) => {
      try {
        await eventually(
          () =>
            expect(tenant.log.intents().filter((one) => one === intent).length).toBeGreaterThanOrEqual(count),
          { withinMs: 30_000 },
        );
      } catch (cause) {
        throw new Error(
          `no ${intent}: ${tenant.log.intents().slice(2).join(' ')}\n${runner.output.slice(-3000)}`,
          { cause },
        );
      }
    };
    const last = (tenant: Tenant, intent: string) =>
      tenant.log.spans.findLast((span) => span.intent === intent)?.payload;
    const count = (tenant: Tenant, intent: string) =>
      tenant.log.intents().filter((one) => one === intent).length;

    test('does the main job, secret included, and leaves nothing behind', async () => {
      const { tenant, runner } = await start();
      const ref = await tenant.apply(
        {
          ...WITH_SECRET,
          command: [
            'sh',
            '-c',
            '[ "$(cat $DB_KEY_FILE | tail -c 5)" = "e4f" ] || [ -s $DB_KEY_FILE ] && sleep 300',
          ],
        },
        { db: CANARY },
      );
      const lease = tenant.deploy(ref);
      runner.keep();
      await until(tenant, 'run_state.running', runner);
      expect(tenant.log.intents().slice(lease + 2)).toEqual([
        'grant.materialize',
        'grant.materialized',
        'deploy.applied',
        'run_state.pending',
        'run_state.running',
      ]);
      expect(last(tenant, 'run_state.running')).toMatchObject({
        lease,
        runner: RUNNER,
        provider,
        node: 'test-node',
        ref,
      });
      const stop = tenant.stop(ref);
      await until(tenant, 'run_state.exited', runner);
      expect(tenant.log.intents().slice(-2)).toEqual(['deploy.applied', 'run_state.exited']);
      expect(last(tenant, 'deploy.applied')).toMatchObject({ action: 'stop', lease: stop });
      expect(last(tenant, 'run_state.exited')).toMatchObject({ lease, why: 'stopped', exit_code: 137 });
      await eventually(async () => expect(await containersOf(tenant)).toEqual([]));
      await eventually(() => expect(readdirSync(runner.secrets)).toEqual([]));
      expect(runner.journal() + runner.output + JSON.stringify(tenant.log.spans)).not.toContain(CANARY);
    });

    const points = ['verify', 'open', 'create', 'start', 'watch', 'stop', 'clean'].flatMap((step) =>
      step === 'watch' ? ['before:watch'] : [`before:${step}`, `after:${step}`],
    );
    test.each(isFirst ? [...points, 'reported'] : ['after:open', 'after:create', 'after:start'])(
      'killed %s, does it once and to the end after its restart',
      async (point) => {
        const { tenant, runner } = await start();
        const ref = await tenant.apply(WITH_SECRET, { db: CANARY });
        tenant.deploy(ref);
        runner.keep(point);
        await until(tenant, 'run_state.running', runner);
        const running = (await containersOf(tenant)).filter(({ State }) => State === 'running');
        expect(running).toHaveLength(1);
        tenant.stop(ref);
        await until(tenant, 'run_state.exited', runner);
        await eventually(async () => expect(await containersOf(tenant)).toEqual([]));
        await eventually(() => expect(runner.deaths).toBe(1));
        expect(count(tenant, 'deploy.applied')).toBe(2); // of the apply, of the stop
        expect(count(tenant, 'deploy.failed')).toBe(0);
        expect(runner.journal() + JSON.stringify(tenant.log.spans)).not.toContain(CANARY);
        await eventually(() => expect(readdirSync(runner.secrets)).toEqual([]));
      },
    );

    test('killed at any moment during the hand-off by stdin, ends the deploy with a fact that says how', async () => {
      for (const point of ['before:start', 'after:start', 'after:create']) {
        const { tenant, runner } = await start();
        const ref = await tenant.apply(
          {
            ...WITH_SECRET,
            secret_delivery: 'env',
            command: ['sh', '-c', '[ ${#DB_KEY} -gt 10 ] && exec sleep 300'],
          },
          { db: CANARY },
        );
        tenant.deploy(ref);
        runner.keep(point);
        await until(tenant, 'run_state.running', runner);
        expect(count(tenant, 'deploy.applied')).toBe(1);
        expect((await containersOf(tenant)).filter(({ State }) => State === 'running')).toHaveLength(1);
      }
    });

    test('finds a container that ended while nobody looked, and tells how', async () => {
      const { tenant, runner } = await start();
      const ref = await tenant.apply({ ...SLEEP, command: ['sh', '-c', 'sleep 2; exit 5'] });
      tenant.deploy(ref);
      runner.keep();
      await until(tenant, 'run_state.running', runner);
      await runner.stop();
      await new Promise((resolve) => setTimeout(resolve, 2500));
      runner.keep();
      await until(tenant, 'run_state.failed', runner);
      expect(last(tenant, 'run_state.failed')).toMatchObject({ exit_code: 5, why: 'crashed' });
      expect(last(tenant, 'run_state.failed')).toHaveProperty('finished_at');
    });

    test.runIf(isFirst)('goes on without the log, and tells it everything later, in order', async () => {
      const { tenant, runner } = await start();
      const ref = await tenant.apply({ ...SLEEP, command: ['sh', '-c', 'sleep 2'] });
      const lease = tenant.deploy(ref);
      runner.keep();
      await until(tenant, 'run_state.running', runner);
      tenant.log.isDown = true;
      await eventually(async () => expect(await containersOf(tenant)).toEqual([]), { withinMs: 20_000 });
      runner.kill();
      await new Promise((resolve) => setTimeout(resolve, 1000));
      expect(count(tenant, 'run_state.exited')).toBe(0);
      tenant.log.isDown = false;
      await until(tenant, 'run_state.exited', runner);
      expect(tenant.log.intents().slice(lease + 2)).toEqual([
        'deploy.applied',
        'run_state.pending',
        'run_state.running',
        'run_state.exited',
      ]);
    });

    test('ends the older one for a newer deploy of the same target', async () => {
      const { tenant, runner } = await start();
      const first = tenant.deploy(await tenant.apply(SLEEP));
      runner.keep();
      await until(tenant, 'run_state.running', runner);
      const second = tenant.deploy(await tenant.apply({ ...SLEEP, command: ['sleep', '301'] }));
      await until(tenant, 'run_state.running', runner, 2);
      expect(last(tenant, 'run_state.exited')).toMatchObject({ lease: first, why: 'superseded' });
      expect(last(tenant, 'run_state.running')).toMatchObject({ lease: second });
      expect(await containersOf(tenant)).toHaveLength(1);
    });

    test.runIf(isFirst)('removes what the log has closed and what belongs to no run', async () => {
      const { tenant, runner } = await start();
      const ref = await tenant.apply({ ...SLEEP, image: 'localhost:1/nowhere/nothing:1' });
      const lease = tenant.deploy(ref);
      runner.keep();
      await until(tenant, 'deploy.failed', runner);
      expect(last(tenant, 'deploy.failed')).toMatchObject({ lease, why: 'image_unavailable' });
      await runner.stop();
      // a container of a lease that the log does not know
      const stray = tenant.log.facts.length + 100;
      if (typeof found === 'string') throw new Error(found);
      const container = await found.engine.createContainer({
        Image: IMAGE,
        Cmd: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.2; done'],
        HostConfig: {
          Ulimits: [
            { Name: 'nofile', Soft: 1024, Hard: 1024 },
            { Name: 'nproc', Soft: 1024, Hard: 1024 },
          ],
        },
        Labels: {
          'minicontainer.tenant': tenant.tenant,
          'minicontainer.runner': RUNNER,
          'minicontainer.name': 'web',
          'minicontainer.ref': ref,
          'minicontainer.deploy': 'urn:span:01890a5d-ac96-774b-bcce-b302099a8057',
          'minicontainer.lease': String(stray),
          'minicontainer.spec': 'x',
        },
      });
      await container.start();
      runner.keep();
      await eventually(async () => expect(await containersOf(tenant)).toEqual([]), { withinMs: 60_000 });
    });

    test('takes up its containers again when its journal is lost', async () => {
      const { tenant, runner } = await start();
      const ref = await tenant.apply(WITH_SECRET, { db: CANARY });
      tenant.deploy(ref);
      runner.keep();
      await until(tenant, 'run_state.running', runner);
      const [before] = await containersOf(tenant);
      await runner.stop();
      runner.loseJournal();
      runner.keep();
      await until(tenant, 'run_state.running', runner, 2);
      expect((await containersOf(tenant)).map(({ Id }) => Id)).toEqual([before?.Id]);
      tenant.stop(ref);
      await until(tenant, 'run_state.exited', runner);
    });

    test.runIf(isFirst)('opens nothing that was revoked, and nothing wrapped to somebody else', async () => {
      const revoked = await start();
      const ref = await revoked.tenant.apply(WITH_SECRET, { db: CANARY });
      revoked.tenant.deploy(ref);
      revoked.tenant.revoke('grt_db');
      revoked.runner.keep();
      await until(revoked.tenant, 'deploy.failed', revoked.runner);
      expect(last(revoked.tenant, 'deploy.failed')).toMatchObject({ why: 'grant_refused' });
      expect(count(revoked.tenant, 'grant.materialize')).toBe(0);

      const foreign = await start();
      foreign.tenant.deploy(
        await foreign.tenant.apply(WITH_SECRET, { db: CANARY }, { wrapTo: 'somebody-else' }),
      );
      foreign.runner.keep();
      await until(foreign.tenant, 'deploy.failed', foreign.runner);
      expect(last(foreign.tenant, 'deploy.failed')).toMatchObject({ why: 'grant_refused' });
      expect(await containersOf(foreign.tenant)).toEqual([]);
    });

    test.runIf(isFirst)('opens nothing when the gateway gives other bytes', async () => {
      const { tenant, runner } = await start();
      const ref = await tenant.apply(WITH_SECRET, { db: CANARY });
      for (const hash of tenant.log.artifacts.keys())
        tenant.log.artifacts.set(hash, Buffer.from('something else'));
      tenant.deploy(ref);
      runner.keep();
      await until(tenant, 'deploy.failed', runner);
      expect(last(tenant, 'deploy.failed')).toMatchObject({ why: 'grant_refused' });
    });

    test.runIf(isFirst)(
      'stops believing, for good and visibly, when the log is not what its key signed',
      async () => {
        const { tenant, runner } = await start();
        const ref = await tenant.apply(SLEEP);
        const fact = tenant.log.facts.at(-1);
        const other = await Tenant.born(provider);
        // the fact of another history, under the right index
        tenant.log.facts.splice(1, 1, {
          ...other.log.facts[1]!,
          place: { ...other.log.facts[1]!.place, tenant: tenant.tenant, log: fact?.place.log ?? '' },
        });
        tenant.deploy(ref);
        runner.keep();
        await eventually(() => expect(runner.output).toContain('the log does not hold'), {
          withinMs: 20_000,
        });
        await eventually(() => expect(runner.deaths).toBe(1));
        expect(await containersOf(tenant)).toEqual([]);
      },
    );

    test.runIf(isFirst)('does not begin after the deadline', async () => {
      const { tenant, runner } = await start();
      tenant.deploy(await tenant.apply(SLEEP), { withinMs: 1 });
      runner.keep();
      await until(tenant, 'deploy.failed', runner);
      expect(last(tenant, 'deploy.failed')).toMatchObject({ why: 'timed_out' });
    });

    test('restarts as the manifest says, and tells each start', async () => {
      const { tenant, runner } = await start();
      tenant.deploy(
        await tenant.apply({
          ...SLEEP,
          command: ['sh', '-c', 'exit 3'],
          lifecycle: { stop_timeout_ms: 300, restart: { policy: 'on-failure', max_retries: 1 } },
        }),
      );
      runner.keep();
      await until(tenant, 'run_state.failed', runner);
      expect(count(tenant, 'run_state.running')).toBe(2);
      expect(last(tenant, 'run_state.failed')).toMatchObject({ exit_code: 3 });
    });

    test.runIf(isFirst)('answers a stop of something that does not run here', async () => {
      const { tenant, runner } = await start();
      const ref = await tenant.apply(SLEEP);
      const lease = tenant.deploy(ref);
      const stop = tenant.stop(ref);
      tenant.fail(lease, 'timed_out');
      runner.keep();
      await until(tenant, 'deploy.failed', runner, 2);
      expect(last(tenant, 'deploy.failed')).toMatchObject({ lease: stop, why: 'not_running' });
    });
  });
}
