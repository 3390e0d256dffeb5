import { defineConfig } from 'vitest/config';

const conditions = ['@logline/source', 'module', 'node', 'development|production'];
const ssr = { resolve: { conditions, externalConditions: conditions } };

// Three projects, by what they cost: pure, with real engines, the whole system.
export default defineConfig({
  test: {
    projects: [
      {
        resolve: { conditions },
        ssr,
        test: {
          name: 'unit',
          include: ['{libs,services,apps}/*/src/**/*.test.ts', 'tools/**/*.test.ts'],
          testTimeout: 30_000,
        },
      },
      {
        resolve: { conditions },
        ssr,
        test: {
          name: 'integration',
          include: ['{libs,services,apps}/*/test/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        resolve: { conditions },
        ssr,
        test: {
          name: 'e2e',
          include: ['e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
