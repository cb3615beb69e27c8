import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GetCertificateCommand } from '@aws-sdk/client-acm';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { acmClient, pcaClient } from '../../support/aws/sdk.ts';
import { run, temporaryFolderForSuite } from '../../support/cli.ts';
import { leftovers } from '../../support/invariants.ts';
import { describeWithMoto, startMoto, type Moto } from '../../support/moto.ts';
import { bootstrap } from './compare.ts';

/** All certificates of moto live for a year, whatever is asked for. It has no RenewCertificate. */
const lifetime = '365d';

describeWithMoto('rotation with moto', (program) => {
  const folder = temporaryFolderForSuite();
  let moto: Moto;
  let ca = '';
  let before: NodeJS.ProcessEnv = {};

  beforeAll(async () => {
    moto = await startMoto(program);
    ca = await bootstrap(pcaClient(moto.endpoint));
    before = { ...process.env };
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: moto.endpoint,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    });
  });

  afterAll(async () => {
    process.env = before;
    await moto.close();
  });

  const succeed = async (...argv: string[]): Promise<unknown> => {
    const env = { AWS_REGION: 'eu-west-1', AWS_ENDPOINT_URL: moto.endpoint };
    const { code, stdout, stderr } = await run([...argv, '--json'], { cwd: folder(), env });
    expect({ argv, code, stdout: code === 0 ? '' : stdout, stderr }).toMatchObject({ argv, code: 0 });
    return JSON.parse(stdout);
  };
  const current = (): X509Certificate =>
    new X509Certificate(readFileSync(join(folder(), 'certs/orders.internal/current/cert.pem')));

  test('a certificate of a private CA is bought anew with another key, and takes its place in ACM', async () => {
    await succeed('issue', 'orders.internal', '--ca', ca, '--lifetime', lifetime);
    const { arn } = (await succeed('import', 'orders.internal', '--to', 'acm')) as { arn: string };
    const first = current();
    expect(await succeed('rotate')).toMatchObject({ certificates: [{ state: 'not-due' }] });
    expect(await succeed('rotate', '--force')).toMatchObject({ certificates: [{ state: 'rotated' }] });
    const second = current();
    expect(second.publicKey.equals(first.publicKey)).toBe(false);
    expect(await succeed('import', 'orders.internal', '--to', 'acm')).toMatchObject({ arn });
    const held = await acmClient(moto.endpoint).send(new GetCertificateCommand({ CertificateArn: arn }));
    expect(new X509Certificate(held.Certificate ?? '').fingerprint256).toBe(second.fingerprint256);
    expect(leftovers(folder())).toEqual([]);
  });
});
