import { expect, test } from 'vitest';
import { startEmulator } from '../support/aws/emulator.ts';
import { pcaClient } from '../support/aws/sdk.ts';
import { certificatesBought, smokeChecks } from '../support/aws/smoke-checks.ts';

test.each(['EC_prime256v1', 'RSA_2048'] as const)(
  'what a real account is asked holds here, with a CA on %s',
  async (keyAlgorithm) => {
    const emulator = await startEmulator();
    try {
      const ca = await emulator.createCa({ keyAlgorithm });
      let count = 0;
      for await (const { what, expected, found } of smokeChecks(pcaClient(emulator.endpoint), ca)) {
        expect([what, found]).toEqual([what, expected]);
        count += 1;
      }
      expect(count).toBe(16);
      expect(emulator.stats.billed).toBeLessThanOrEqual(certificatesBought);
    } finally {
      await emulator.close();
    }
  },
);
