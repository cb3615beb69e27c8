import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openAuthority } from '../../src/pki/authorities/open.ts';
import { issueIntoStore, type IssueOrder } from '../../src/pki/lifecycle/issue.ts';
import { awsOptions, emulatorForFile } from '../support/aws/lent.ts';
import { eachOf, full, seed } from '../support/campaign.ts';
import { temporaryFolderForSuite } from '../support/cli.ts';
import { checkName, leftovers } from '../support/invariants.ts';

const wanted = full ? 500 : 100;
/** A fifth of the calls fails, so that a quarter more are needed; the rest is for luck. */
const most = Math.ceil(wanted * 1.38);

describe(`a storm of throttling (seed ${seed})`, () => {
  const emulator = emulatorForFile({ certificatePolls: 1 });
  const suite = temporaryFolderForSuite();

  it(`${wanted} certificates in one run, each bought once, at no more than AWS allows`, async () => {
    const root = await emulator().createCa();
    const ca = await emulator().createCa({ parent: root, name: 'Issuing' });
    emulator().setFaults({ rate: 0.2, afterEffect: 0.5, issuePerSecond: 25, seed, timeoutMs: 200 });
    const authority = await openAuthority(ca, {
      ask: () => Promise.reject(new Error('no passphrase is asked for')),
      now: () => new Date(),
      aws: awsOptions(emulator()),
    });
    const store = join(suite(), 'certs');
    const world = { now: () => new Date(), pid: process.pid, signal: awsOptions(emulator()).signal };
    const names = Array.from({ length: wanted }, (_, index) => `n${index}.internal`);
    const started = performance.now();
    await eachOf(names, 32, async (name) => {
      const result = await issueIntoStore(orderOf(name, store, ca), authority, world);
      expect(result).toMatchObject({ name, state: 'issued' });
    });
    const seconds = (performance.now() - started) / 1000;

    const { stats } = emulator();
    const serials = names.map(
      (name) => new X509Certificate(readFileSync(join(store, name, 'current/cert.pem'))).serialNumber,
    );
    const attempts = stats.calls['IssueCertificate'] ?? 0;
    const report = { wanted, attempts, throttled: stats.throttled, faults: stats.faults, seconds };
    console.log(`storm: ${JSON.stringify(report)}`);
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

const orderOf = (name: string, store: string, ca: string): IssueOrder => ({
  store,
  request: {
    name,
    names: [name],
    usage: 'mtls',
    keyType: 'ec-p256',
    reuseKey: false,
    lifetime: '30d',
    notBefore: undefined,
    notAfter: undefined,
    clamp: false,
    subject: undefined,
    authority: ca,
    crlUrls: [],
    ocspUrls: [],
    issuerUrls: [],
    formats: [],
    owner: undefined,
    group: undefined,
    mode: undefined,
    csr: undefined,
    template: undefined,
    signingAlgorithm: undefined,
    exportable: false,
    validation: undefined,
  },
  when: 'new',
  discardPending: false,
  lockTimeout: 30_000,
  foreign: undefined,
});
