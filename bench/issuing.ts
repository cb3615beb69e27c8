import 'reflect-metadata';
import { spawnSync } from 'node:child_process';
import { webcrypto } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as peculiar from '@peculiar/x509';
import { buildCertificate, randomSerial } from '../src/pki/x509/certificate-builder.ts';
import { encodeName } from '../src/pki/x509/distinguished-name.ts';
import { generateKey, keyIdentifier, privateKeyPem, publicKeyDer } from '../src/pki/x509/key.ts';
import { oid } from '../src/pki/x509/oid.ts';
import { certificatePem } from '../src/pki/x509/pem-writer.ts';
import { leafTemplate } from '../src/pki/x509/profile.ts';
import { parseName } from '../src/pki/x509/subject-alternative-name.ts';
import { median, printTable } from './measure.ts';

/** P-256 leaves a second, each with a fresh key, both as PEM, in one process. */
export async function bench(): Promise<void> {
  const rates = { certwright: [] as number[], peculiar: [] as number[], openssl: [] as number[] };
  for (let round = 0; round < 5; round += 1) {
    rates.certwright.push(await rate(2000, await ours()));
    rates.peculiar.push(await rate(100, await theirs()));
    rates.openssl.push(await rate(10, openssl));
  }
  printTable(
    {
      'openssl req + x509 in a loop': median(rates.openssl),
      '@peculiar/x509': median(rates.peculiar),
      certwright: median(rates.certwright),
    },
    '/s',
    'openssl req + x509 in a loop',
  );
}

async function rate(count: number, one: () => unknown): Promise<number> {
  const start = performance.now();
  for (let done = 0; done < count; done += 1) await one();
  return (count * 1000) / (performance.now() - start);
}

async function ours(): Promise<() => Promise<string>> {
  const issuerKey = await generateKey('ec-p256');
  const issuer = encodeName([{ type: oid.commonName, value: 'Bench CA' }]);
  const authorityKeyIdentifier = keyIdentifier(publicKeyDer(issuerKey));
  const names = [parseName('orders.internal')];
  const now = Date.now();
  return async () => {
    const key = await generateKey('ec-p256');
    const profile = {
      names,
      usage: 'mtls' as const,
      subject: undefined,
      keyType: 'ec-p256' as const,
      notBefore: new Date(now),
      notAfter: new Date(now + 86_400_000),
      publicKey: publicKeyDer(key),
      crlUrls: [],
      ocspUrls: [],
      issuerUrls: [],
    };
    const template = {
      ...leafTemplate(profile),
      serial: randomSerial(),
      issuer,
      authorityKeyIdentifier,
    };
    return privateKeyPem(key) + certificatePem(buildCertificate(template, issuerKey));
  };
}

async function theirs(): Promise<() => Promise<string>> {
  const crypto = webcrypto as Crypto;
  peculiar.cryptoProvider.set(crypto);
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const ca = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  return async () => {
    const pair = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
    const certificate = await peculiar.X509CertificateGenerator.create({
      subject: 'CN=orders.internal',
      issuer: 'CN=Bench CA',
      notBefore: new Date(),
      notAfter: new Date(Date.now() + 86_400_000),
      signingAlgorithm: algorithm,
      publicKey: pair.publicKey,
      signingKey: ca.privateKey,
      extensions: [
        new peculiar.BasicConstraintsExtension(false, undefined, true),
        new peculiar.KeyUsagesExtension(peculiar.KeyUsageFlags.digitalSignature, true),
        new peculiar.ExtendedKeyUsageExtension([oid.serverAuth, oid.clientAuth]),
        new peculiar.SubjectAlternativeNameExtension([{ type: 'dns', value: 'orders.internal' }]),
      ],
    });
    const key = Buffer.from(await crypto.subtle.exportKey('pkcs8', pair.privateKey)).toString('base64');
    return key + certificate.toString('pem');
  };
}

const folder = mkdtempSync(join(tmpdir(), 'certwright-bench-'));
process.on('exit', () => {
  rmSync(folder, { recursive: true, force: true });
});

function openssl(): void {
  const command = (...argv: string[]): void => {
    if (spawnSync('openssl', argv, { cwd: folder }).status !== 0)
      throw new Error(`openssl ${argv.join(' ')}`);
  };
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  if (spawnSync('test', ['-f', 'ca.pem'], { cwd: folder }).status !== 0) {
    command('req', '-x509', ...newKey, '-keyout', 'ca.key', '-subj', '/CN=Bench CA', '-out', 'ca.pem');
  }
  command('req', ...newKey, '-keyout', 'leaf.key', '-subj', '/CN=orders.internal', '-out', 'leaf.csr');
  command(
    'x509',
    '-req',
    '-in',
    'leaf.csr',
    '-CA',
    'ca.pem',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-out',
    'leaf.pem',
  );
}
