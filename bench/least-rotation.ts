import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  randomFillSync,
  sign,
  verify,
  X509Certificate,
} from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** What each certificate is made with. */
interface Issuer {
  readonly key: KeyObject;
  readonly publicKey: KeyObject;
  readonly chain: Buffer;
  /** The folder that the CA's record goes to. */
  readonly record: string;
}

/** The links are moved once what is written is durable. */
export interface LeastRotations {
  readonly write: () => void;
  readonly move: () => void;
}

/**
 * What no program for Node.js can leave out, one certificate after the other: its files are read, a key is made, the old
 * certificate is copied with a new key, serial number and signature, which is verified, and the generation and the CA's
 * record are written. There is no lock, no check, no chain, no claim and nothing that a run that died could be gone on with.
 * @param cwd holds `certs/` and `ca/`, with P-256 keys.
 */
export function leastRotations(cwd: string): LeastRotations {
  const certs = join(cwd, 'certs');
  const folders = readdirSync(certs)
    .filter((name) => !name.startsWith('_'))
    .map((name) => join(certs, name));
  return {
    write: () => {
      const issuer = openIssuer(realpathSync(join(cwd, 'ca/active')));
      for (const folder of folders) writeGeneration(folder, issuer);
    },
    move: () => {
      for (const folder of folders) {
        symlinkSync('versions/000002', join(folder, 'current.tmp'));
        renameSync(join(folder, 'current.tmp'), join(folder, 'current'));
      }
    },
  };
}

function openIssuer(ca: string): Issuer {
  const record = join(ca, 'issued/least');
  mkdirSync(record, { recursive: true });
  const chain = readFileSync(join(ca, 'chain.pem'));
  const key = createPrivateKey(readFileSync(join(ca, 'key.pem')));
  return { key, publicKey: createPublicKey(key), chain, record };
}

function writeGeneration(folder: string, issuer: Issuer): void {
  const current = join(folder, 'current');
  readFileSync(join(folder, 'request.json'));
  const old = new X509Certificate(readFileSync(join(current, 'cert.pem')));
  const version = readFileSync(join(current, 'version.json'));
  for (const name of ['key.pem', 'chain.pem', 'ca.pem']) readFileSync(join(current, name));

  const ecdh = createECDH('prime256v1');
  const publicPoint = ecdh.generateKeys();
  const certificate = renewed(old.raw, publicPoint, issuer);
  const key = pem('PRIVATE KEY', pkcs8(ecdh.getPrivateKey(), publicPoint));

  const draft = join(folder, 'versions/draft');
  mkdirSync(draft, 0o700);
  writeFileSync(join(draft, 'key.pem'), key, { mode: 0o600 });
  writeFileSync(join(draft, 'cert.pem'), certificate);
  writeFileSync(join(draft, 'fullchain.pem'), certificate + issuer.chain.toString());
  writeFileSync(join(draft, 'chain.pem'), issuer.chain);
  writeFileSync(join(draft, 'ca.pem'), issuer.chain);
  writeFileSync(join(draft, 'version.json'), version);
  writeFileSync(join(issuer.record, `${old.serialNumber}.pem`), certificate);
  renameSync(draft, join(folder, 'versions/000002'));
}

/** The old certificate's bytes with another key, serial number and signature, all of the same lengths. */
function renewed(old: Buffer, publicPoint: Buffer, issuer: Issuer): string {
  const der = Buffer.from(old);
  // SEQUENCE with two octets of length, then tbsCertificate with as many: [0] version, INTEGER serialNumber of 20 octets.
  const tbs = der.subarray(4, 8 + der.readUInt16BE(6));
  randomFillSync(tbs, 12, 16);
  publicPoint.copy(tbs, tbs.indexOf(bitStringOfPoint) + 3);
  const signature = sign('sha256', tbs, issuer.key);
  if (!verify('sha256', tbs, issuer.publicKey, signature)) throw new Error('the signature is wrong');
  return pem('CERTIFICATE', der);
}

const bitStringOfPoint = Buffer.from('03420004', 'hex');

/** PKCS #8 of a P-256 key up to its private number, RFC 5958 and RFC 5915. */
const pkcs8Head = Buffer.from(
  '308187020100301306072a8648ce3d020106082a8648ce3d030107046d306b0201010420',
  'hex',
);

function pkcs8(privateNumber: Buffer, publicPoint: Buffer): Buffer {
  return Buffer.concat([pkcs8Head, privateNumber, Buffer.from('a144034200', 'hex'), publicPoint]);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString('base64').replaceAll(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
