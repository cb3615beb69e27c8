import { generateKeyPairSync } from 'node:crypto';
import { ListCertificatesCommand } from '@aws-sdk/client-acm';
import {
  ACMPCAClient,
  DescribeCertificateAuthorityCommand,
  IssueCertificateCommand,
  ListCertificateAuthoritiesCommand,
} from '@aws-sdk/client-acm-pca';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { csrPem } from '../support/aws/csr-pem.ts';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import type { FaultKind } from '../support/aws/faults.ts';
import { acmClient, pcaClient, refusalOf } from '../support/aws/sdk.ts';

let emulator: Emulator;
let ca: string;

beforeEach(async () => {
  emulator = await startEmulator();
  emulator.setFaults({ timeoutMs: 20 });
  ca = await emulator.createCa();
});

afterEach(async () => {
  await emulator.close();
});

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const Csr = Buffer.from(csrPem(key, 'orders.internal'));

const order = (IdempotencyToken?: string): IssueCertificateCommand =>
  new IssueCertificateCommand({
    CertificateAuthorityArn: ca,
    Csr,
    SigningAlgorithm: 'SHA256WITHECDSA',
    Validity: { Type: 'DAYS', Value: 1 },
    ...(IdempotencyToken !== undefined && { IdempotencyToken }),
  });

describe('one call fails as it is told to', () => {
  test.each<[FaultKind, string]>([
    ['throttling', 'ThrottlingException'],
    ['500', 'InternalFailure'],
    ['503', 'ServiceUnavailableException'],
    ['expired-token', 'ExpiredTokenException'],
    ['html', 'SyntaxError'],
    ['timeout', 'TimeoutError'],
    ['reset', 'TimeoutError'],
  ])('%s is seen as %s, without effect', async (kind, name) => {
    emulator.script('IssueCertificate', { kind, afterEffect: false });
    const client = pcaClient(emulator.endpoint);
    expect(await refusalOf(client.send(order()))).toBe(name);
    expect(emulator.stats.billed).toBe(0);
    expect(await refusalOf(client.send(order()))).toBeUndefined();
  });

  test.each<FaultKind>(['500', '503', 'html', 'timeout', 'reset'])(
    '%s after the effect: issued, and the same token finds it again',
    async (kind) => {
      emulator.script('IssueCertificate', { kind, afterEffect: true });
      const client = pcaClient(emulator.endpoint);
      expect(await refusalOf(client.send(order('once')))).toBeDefined();
      expect(emulator.stats.billed).toBe(1);
      await client.send(order('once'));
      expect(emulator.stats.billed).toBe(1);
    },
  );

  test('a slow answer comes late', async () => {
    emulator.setFaults({ timeoutMs: 150 });
    emulator.script('IssueCertificate', { kind: 'slow', afterEffect: false });
    const started = performance.now();
    await pcaClient(emulator.endpoint).send(order());
    expect(performance.now() - started).toBeGreaterThan(140);
  });

  test('the third call from now on', async () => {
    const client = pcaClient(emulator.endpoint);
    emulator.script('IssueCertificate', { kind: '500', afterEffect: false }, 3);
    const outcomes = [];
    for (let call = 0; call < 4; call += 1) outcomes.push(await refusalOf(client.send(order())));
    expect(outcomes).toEqual([undefined, undefined, 'InternalFailure', undefined]);
  });
});

describe('calls fail at random', () => {
  test('at the rate that is set, half of them after the effect, the same for the same seed', async () => {
    const run = async (): Promise<{ outcomes: (string | undefined)[]; billed: number }> => {
      const before = emulator.stats.billed;
      emulator.setFaults({ rate: 0.3, afterEffect: 0.5, kinds: ['500', '503'], seed: 7 });
      const client = pcaClient(emulator.endpoint);
      const outcomes = [];
      for (let call = 0; call < 60; call += 1) outcomes.push(await refusalOf(client.send(order())));
      return { outcomes, billed: emulator.stats.billed - before };
    };
    const first = await run();
    const succeeded = first.outcomes.filter((outcome) => outcome === undefined).length;
    expect(succeeded).toBeGreaterThan(30);
    expect(succeeded).toBeLessThan(54);
    expect(first.billed).toBeGreaterThan(succeeded);
    expect(first.billed).toBeLessThan(60);
    expect(await run()).toEqual(first);
  });

  test('over HTTP, where nonsense is refused', async () => {
    const put = async (body: object): Promise<number> =>
      (await fetch(`${emulator.endpoint}/_emulator/faults`, { method: 'PUT', body: JSON.stringify(body) }))
        .status;
    expect(await put({ rate: 2 })).toBe(400);
    expect(await put({ kinds: ['earthquake'] })).toBe(400);
    expect(await put({ speed: 1 })).toBe(400);
    expect(await put({ rate: 1, kinds: ['503'], seed: 7, timeoutMs: 2000, afterEffect: 0 })).toBe(200);
    expect(await refusalOf(pcaClient(emulator.endpoint).send(order()))).toBe('ServiceUnavailableException');
  });
});

describe('rates', () => {
  // Real time stands still: no call is let through because another was slow.
  const time = vi.spyOn(performance, 'now');
  beforeEach(() => {
    time.mockReturnValue(1000);
  });
  afterAll(() => {
    time.mockRestore();
  });

  /** How many of so many at once are refused. */
  async function refused(count: number, call: () => Promise<unknown>): Promise<number> {
    const outcomes = await Promise.all(Array.from({ length: count }, async () => refusalOf(call())));
    return outcomes.filter((outcome) => outcome === 'ThrottlingException').length;
  }

  test('IssueCertificate is limited to what is set', async () => {
    emulator.setFaults({ issuePerSecond: 5 });
    const client = pcaClient(emulator.endpoint);
    const orders = (): Promise<number> => refused(12, () => client.send(order()));
    expect(await orders()).toBe(7);
    expect(emulator.stats.throttled).toEqual({ IssueCertificate: 7 });
    expect(emulator.stats.billed).toBe(5);
    time.mockReturnValue(1400);
    expect(await orders()).toBe(10);
    time.mockReturnValue(9000);
    expect(await orders()).toBe(7);
  });

  test("all operations have AWS's rates where that is wanted", async () => {
    emulator.setFaults({ rates: true });
    const client = pcaClient(emulator.endpoint);
    const describeCa = new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: ca });
    expect(await refused(60, () => client.send(describeCa))).toBe(40);
  });
});

describe('who calls', () => {
  test('the region is that of the signature: a CA elsewhere is not found', async () => {
    const elsewhere = pcaClient(emulator.endpoint, 'us-west-2');
    expect(
      await refusalOf(
        elsewhere.send(new DescribeCertificateAuthorityCommand({ CertificateAuthorityArn: ca })),
      ),
    ).toBe('ResourceNotFoundException');
  });

  test('an unsigned request is refused, and an operation that does not exist', async () => {
    const post = async (headers: Record<string, string>): Promise<string> =>
      (await fetch(emulator.endpoint, { method: 'POST', headers, body: '{}' })).text();
    const target = { 'x-amz-target': 'ACMPrivateCA.ListCertificateAuthorities' };
    expect(await post(target)).toContain('MissingAuthenticationTokenException');
    const authorization =
      'AWS4-HMAC-SHA256 Credential=AKIA/20261125/eu-west-1/acm-pca/aws4_request, SignedHeaders=host, Signature=00';
    expect(await post({ 'x-amz-target': 'ACMPrivateCA.MakeCoffee', authorization })).toContain(
      'UnknownOperationException',
    );
  });

  test('the standard environment variable leads both clients here', async () => {
    process.env['AWS_ENDPOINT_URL'] = emulator.endpoint;
    const credentials = { accessKeyId: 'a', secretAccessKey: 'b' };
    try {
      const client = new ACMPCAClient({ region: 'eu-west-1', credentials });
      const { CertificateAuthorities } = await client.send(new ListCertificateAuthoritiesCommand({}));
      expect(CertificateAuthorities?.map(({ Arn }) => Arn)).toEqual([ca]);
    } finally {
      delete process.env['AWS_ENDPOINT_URL'];
    }
  });

  test('calls are counted', async () => {
    await pcaClient(emulator.endpoint).send(order());
    await refusalOf(acmClient(emulator.endpoint).send(new ListCertificatesCommand({})));
    const stats: unknown = await (await fetch(`${emulator.endpoint}/_emulator/stats`)).json();
    expect(stats).toMatchObject({ calls: { IssueCertificate: 1 }, billed: 1 });
  });
});
