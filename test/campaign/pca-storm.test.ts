import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { full, seed } from '../support/campaign.ts';
import { spawnProgram, temporaryFolderForSuite } from '../support/cli.ts';
import { checkName, leftovers } from '../support/invariants.ts';

const wanted = full ? 500 : 100;
/** A fifth of the calls fails, so that a quarter more are needed; the rest is for luck. */
const most = Math.ceil(wanted * 1.38);

describe(`a storm of throttling (seed ${seed})`, () => {
  const suite = temporaryFolderForSuite();
  let emulator: Emulator;

  beforeAll(async () => {
    emulator = await startEmulator();
  });

  afterAll(async () => {
    await emulator.close();
  });

  it(`${wanted} certificates in one run, each bought once, at no more than AWS allows`, async () => {
    const root = await emulator.createCa();
    const ca = await emulator.createCa({ parent: root, name: 'Issuing' });
    emulator.setFaults({ rate: 0.2, afterEffect: 0.5, issuePerSecond: 25, seed, timeoutMs: 200 });
    const names = Array.from({ length: wanted }, (_, index) => `n${index}.internal`);
    const cwd = suite();
    const declared = names.map((name) => `  ${name}: { names: [${name}] }\n`).join('');
    writeFileSync(join(cwd, 'certwright.yaml'), `defaults: { ca: "${ca}" }\ncertificates:\n${declared}`);

    const env = { PATH: process.env['PATH'], ...emulator.environment };
    const started = performance.now();
    // No more under way than are allowed at once: they arrive together where the emulator has been kept waiting.
    const ran = await spawnProgram(['issue', '--all', '--jobs', '24', '--quiet'], { cwd, env });
    const seconds = (performance.now() - started) / 1000;
    const { stats } = emulator;
    const attempts = stats.calls['IssueCertificate'] ?? 0;
    console.log(
      `storm: ${JSON.stringify({ wanted, attempts, throttled: stats.throttled, faults: stats.faults, seconds })}`,
    );
    expect(ran).toEqual({ code: 0, stdout: '', stderr: '' });

    const store = join(cwd, 'certs');
    const serials = names.map(
      (name) => new X509Certificate(readFileSync(join(store, name, 'current/cert.pem'))).serialNumber,
    );
    expect(names.flatMap((name) => checkName(join(store, name)))).toEqual([]);
    expect(leftovers(store)).toEqual([]);
    expect({ distinct: new Set(serials).size, billed: stats.billed }).toEqual({
      distinct: wanted,
      billed: wanted,
    });
    expect(attempts).toBeLessThanOrEqual(most);
    // Below the rate of its own accord: none of the refusals was for going too fast.
    expect(stats.throttled).toEqual({});
  });
});
