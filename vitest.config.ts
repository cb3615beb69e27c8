import { defineConfig } from 'vitest/config';

// Results as JSON beside the usual ones, for a caller that counts.
const report = process.env['CERTWRIGHT_TEST_REPORT'];

export default defineConfig({
  define: { __VERSION__: JSON.stringify('0.0.0-test') },
  test: {
    pool: 'forks',
    // Most tests wait for programs that they have started.
    maxWorkers: '100%',
    // Tests that start the program run what is built from this very tree.
    globalSetup: ['test/support/build.ts'],
    // How long a slow machine may take: nothing that is polled for is expected to stay away.
    expect: { poll: { timeout: 20_000 } },
    reporters: [
      'default',
      ...(report === undefined ? [] : [['json', { outputFile: report }] as ['json', { outputFile: string }]]),
    ],
    projects: [
      {
        extends: true,
        test: {
          name: 'fast',
          include: ['test/**/*.test.ts'],
          exclude: ['test/e2e/**', 'test/campaign/**'],
          // The longest take seconds: this much more is for machines that are slow, or busy with something else.
          testTimeout: 120_000,
          hookTimeout: 120_000,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'e2e',
          include: ['test/e2e/**/*.test.ts'],
          testTimeout: 300_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 2 },
        },
      },
      {
        extends: true,
        test: {
          name: 'campaign',
          include: ['test/campaign/**/*.test.ts'],
          testTimeout: 900_000,
          hookTimeout: 300_000,
          sequence: { groupOrder: 3 },
        },
      },
    ],
  },
});
