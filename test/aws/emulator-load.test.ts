import { generateKeyPairSync } from 'node:crypto';
import { Agent, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { expect, test } from 'vitest';
import { csrPem } from '../support/aws/csr-pem.ts';
import { startEmulator } from '../support/aws/emulator.ts';

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const Csr = Buffer.from(csrPem(key, 'orders.internal')).toString('base64');

const headers = {
  'content-type': 'application/x-amz-json-1.1',
  'x-amz-target': 'ACMPrivateCA.IssueCertificate',
  authorization:
    'AWS4-HMAC-SHA256 Credential=AKIA/20261125/eu-west-1/acm-pca/aws4_request, SignedHeaders=host, Signature=00',
};

/** Each on a connection of its own, as processes would be. */
async function order(
  endpoint: string,
  CertificateAuthorityArn: string,
  IdempotencyToken: string,
): Promise<unknown> {
  const body = JSON.stringify({
    CertificateAuthorityArn,
    Csr,
    SigningAlgorithm: 'SHA256WITHECDSA',
    Validity: { Type: 'DAYS', Value: 1 },
    IdempotencyToken,
  });
  return new Promise((resolve, reject) => {
    request(endpoint, { method: 'POST', headers, agent: new Agent() }, (response) => {
      text(response).then((answer) => resolve(JSON.parse(answer)), reject);
    })
      .on('error', reject)
      .end(body);
  });
}

test('five hundred orders at once on five hundred connections are five hundred certificates', async () => {
  const emulator = await startEmulator();
  try {
    const ca = await emulator.createCa();
    const orders = Array.from({ length: 500 }, (_, index) => `order-${index}`);
    const answers = await Promise.all(orders.map(async (token) => order(emulator.endpoint, ca, token)));
    const arns = new Set(answers.map((answer) => (answer as { CertificateArn?: string }).CertificateArn));
    expect(arns.size).toBe(500);
    expect(arns).not.toContain(undefined);
    expect(emulator.stats.billed).toBe(500);
  } finally {
    await emulator.close();
  }
});

test('the same token on a hundred connections at once is one certificate', async () => {
  const emulator = await startEmulator();
  try {
    const ca = await emulator.createCa();
    const answers = await Promise.all(
      Array.from({ length: 100 }, async () => order(emulator.endpoint, ca, 'the same')),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
    expect(emulator.stats.billed).toBe(1);
  } finally {
    await emulator.close();
  }
});
