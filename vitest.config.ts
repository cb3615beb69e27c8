import { defineConfig } from 'vitest/config';

const project = (name: string, include: string[], exclude: string[], testTimeout: number) => ({
  test: { name, include, exclude, testTimeout, hookTimeout: testTimeout, pool: 'forks' as const, globals: false },
});

export default defineConfig({
  define: { __VERSION__: JSON.stringify('0.0.0-test') },
  test: {
    // Tests that start the program run what is built from this very tree.
    globalSetup: ['test/support/build.ts'],
    projects: [
      project('fast', ['test/**/*.test.ts'], ['test/e2e/**', 'test/campaign/**'], 30_000),
      project('e2e', ['test/e2e/**/*.test.ts'], [], 120_000),
      project('campaign', ['test/campaign/**/*.test.ts'], [], 900_000),
    ],
  },
});
