import 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Why a suite or test that `skipIf` leaves out is left out; `skip-reporter.mjs` prints it. A test that finds out by itself says it to `skip()`. */
    skipReason?: string | undefined;
  }
}
