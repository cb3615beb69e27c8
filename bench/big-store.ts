import { spawnSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { readCertificate } from '../src/pki/x509/certificate.ts';
import { buildCertificate, randomSerial } from '../src/pki/x509/certificate-builder.ts';
import { generateKey, keyIdentifier, publicKeyDer } from '../src/pki/x509/key.ts';
import { leafTemplate } from '../src/pki/x509/profile.ts';
import { parseName } from '../src/pki/x509/subject-alternative-name.ts';
import { generationFiles } from '../src/pki/lifecycle/generation-files.ts';
import { pemCertificates } from '../src/pki/lifecycle/standing.ts';
import { stampFolder } from '../src/pki/store/seal.ts';
import { readRequest, requestText } from '../src/pki/store/request.ts';

export const program = resolve(import.meta.dirname, '../bin/certwright.js');

/** NODE_EXTRA_CA_CERTS alone costs Node 20 more than most of what is measured here. */
export const { NODE_EXTRA_CA_CERTS: _, ...cleanEnv } = process.env;

export function certwright(cwd: string, ...argv: string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...argv], {
    cwd,
    env: cleanEnv,
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(`${argv.join(' ')}: exit ${String(status)}: ${stderr.toString()}`);
  return stdout.toString();
}

/**
 * Makes `certs/` and `ca/` in a folder, with many certificates as `issue` leaves them. They are written without a sync.
 * @param begin of each certificate's 30 days.
 */
export async function makeStore(cwd: string, count: number, begin: Date): Promise<void> {
  mkdirSync(cwd, { recursive: true });
  certwright(cwd, 'issue', 'template.internal', '--create-ca');
  const store = join(cwd, 'certs');
  const pattern = readRequest(join(store, 'template.internal/request.json'))?.request;
  const issuer = readCertificate(pemOf(join(cwd, 'ca/active/cert.pem')));
  const root = pemOf(join(store, 'template.internal/current/ca.pem'));
  const issuerKey = createPrivateKey(readFileSync(join(cwd, 'ca/active/key.pem')));
  if (!pattern) throw new Error('no request');
  for (let made = 0; made < count; made += 1) {
    const name = `host${String(made).padStart(5, '0')}.internal`;
    const request = { ...pattern, name, names: [name] };
    const key = await generateKey('ec-p256');
    const profile = {
      names: [parseName(name)],
      usage: request.usage,
      subject: undefined,
      keyType: request.keyType,
      notBefore: begin,
      notAfter: new Date(begin.getTime() + 30 * 86_400_000),
      publicKey: publicKeyDer(key),
      crlUrls: [],
      ocspUrls: [],
      issuerUrls: [],
    };
    const template = {
      ...leafTemplate(profile),
      serial: randomSerial(),
      issuer: issuer.subject,
      authorityKeyIdentifier: keyIdentifier(issuer.publicKey),
    };
    const certificate = buildCertificate(template, issuerKey);
    const chain = root.equals(issuer.der) ? [] : [issuer.der];
    const issued = { state: 'issued', certificate, chain, root, key: undefined, arn: undefined } as const;
    const files = generationFiles({ ...issued, asked: undefined, onDifference: '' }, key, request, 1, begin);
    const folder = join(store, name);
    const version = join(folder, 'versions/000001');
    mkdirSync(version, { recursive: true });
    for (const { name: file, data, secret } of files) {
      writeFileSync(join(version, file), data, { mode: secret ? 0o600 : 0o644 });
    }
    stampFolder(version, files);
    writeFileSync(join(folder, 'request.json'), requestText(request));
    symlinkSync('versions/000001', join(folder, 'current'));
  }
}

function pemOf(path: string): Buffer {
  const [der] = pemCertificates(readFileSync(path));
  if (!der) throw new Error(`no certificate in ${path}`);
  return der;
}
