import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { csrPem } from '../../support/aws/csr-pem.ts';
import { startEmulator, type Emulator } from '../../support/aws/emulator.ts';
import { execute, temporaryFolder } from '../../support/cli.ts';
import { describeWithMoto } from '../../support/moto.ts';

describeWithMoto('boto3', (program) => {
  // boto3 comes with moto.
  const python = join(dirname(program), 'python');
  let emulator: Emulator;

  beforeAll(async () => {
    emulator = await startEmulator();
  });

  afterAll(async () => {
    await emulator.close();
  });

  test('talks to the emulator as to AWS, its waiter and its classes of errors included', async () => {
    const ca = await emulator.createCa({ grantsAcm: true });
    const csr = join(temporaryFolder(), 'csr.pem');
    writeFileSync(csr, csrPem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'a.internal'));
    const { code, stdout, stderr } = await execute(
      python,
      [join(import.meta.dirname, 'boto3_client.py'), ca, csr],
      { env: { ...emulator.environment, AWS_DEFAULT_REGION: emulator.region, PATH: process.env['PATH'] } },
    );
    expect(stderr).toBe('');
    expect(code).toBe(0);
    const { certificate, chain, exported, exportedKey, ...rest } = JSON.parse(stdout) as Record<
      string,
      string
    >;
    expect(rest).toEqual({
      status: 'ACTIVE',
      expires: emulator.clock.now().getUTCFullYear() + 10,
      inProgress: ['RequestInProgressException', 'RequestInProgressException'],
      missing: ['ResourceNotFoundException', 'ResourceNotFoundException'],
      malformed: ['MalformedCSRException', 'MalformedCSRException'],
      managed: 'ISSUED',
      listed: true,
    });
    const leaf = new X509Certificate(certificate!);
    expect(leaf.verify(new X509Certificate(chain!).publicKey)).toBe(true);
    const key = createPrivateKey({ key: exportedKey!, passphrase: 'correct horse battery staple' });
    expect(new X509Certificate(exported!).checkPrivateKey(key)).toBe(true);
  });
});
