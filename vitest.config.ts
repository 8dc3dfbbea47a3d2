import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: ['**/node_modules/**', 'test/conventions/canaries/**'],
    globalSetup: ['test/conventions/require-build.ts'],
    // Hostile code runs in cages, but what a test itself breaks must not take other tests along.
    pool: 'forks',
    maxWorkers: 2,
    // Ends a test that hangs; no test asserts its speed by it.
    testTimeout: 120_000,
    hookTimeout: 30_000,
    allowOnly: false,
  },
})
