// A whole service in one file, run by boot.test.ts as a process of its own. Plain JavaScript: decorators are applied by hand.
import { Controller, Get } from '@nestjs/common';
import { bootService, HttpConfig } from '@logline/service';

class ExampleConfig extends HttpConfig {}

class ExampleController {
  slow() {
    process.stdout.write('{"msg":"asked"}\n');
    return new Promise((resolve) => setTimeout(resolve, 400, { done: true }));
  }
  crash() {
    setImmediate(() => Promise.reject(new Error('nobody caught this')));
    return { ok: true };
  }
}
Controller()(ExampleController);
for (const path of ['slow', 'crash'])
  Get(path)(
    ExampleController.prototype,
    path,
    Object.getOwnPropertyDescriptor(ExampleController.prototype, path),
  );

class ExampleModule {}

await bootService({
  name: 'example',
  prefix: 'LOGLINE_EXAMPLE',
  config: ExampleConfig,
  module: (_config, { readiness, metrics }) => {
    readiness.add('part', () => true);
    metrics.counter('example_total', 'counts nothing');
    return { module: ExampleModule, controllers: [ExampleController] };
  },
  stop: (_app, { closeHttp }) => [
    ['http', closeHttp],
    ['lease', () => (process.env.STUCK === 'yes' ? new Promise(() => undefined) : undefined)],
  ],
  stopWithinMs: 1500,
});
