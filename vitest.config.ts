import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// One process per file costs more than the tests themselves; modules hold no global state, so files may share one.
export default defineConfig({
  test: {
    include: ['{src,cli,client,contract,bench,launch,tools,tests}/**/*.test.ts'],
    isolate: false,
    pool: 'threads',
    // Most of the time goes by in servers and clients that tests start and wait for: on two cores one thread leaves one idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
