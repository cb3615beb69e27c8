import { constants, createHash, verify, type KeyObject } from 'node:crypto';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { PkiError } from '../errors.ts';
import { readCertificationRequest, type CertificationRequest } from '../x509/certification-request.ts';
import { readAlternativeNames } from '../x509/extensions.ts';
import { formatGeneralName, formatIp } from '../x509/general-name.ts';
import { oid } from '../x509/oid.ts';
import { publicKeyFacts } from '../x509/public-key-facts.ts';
import { importPublicKey } from '../x509/public-key.ts';
import { schemeOf } from '../x509/validation/signature.ts';
import { readWhole } from './read-whole.ts';

/** Somebody else's certification request, checked and ready to be certified. */
export interface ForeignRequest {
  /** DER. */
  request: Buffer;
  /** What its key is, for people. */
  key: string;
  /** The names that it asks for; the caller decides whether they count. */
  names: string[];
  /** What else it asks for and does not get. */
  ignored: string[];
  /** SHA-256 of the request, hex. */
  fingerprint: string;
}

/** More than any real request needs; a bound for standard input. */
const largest = 256 * 1024;

/**
 * Reads a request (PEM with either header, or DER) from a file or, for `-`, standard input.
 * @throws PkiError `not-found`, `malformed`, `bad-input` for a bad signature or a weak key.
 */
export async function readForeignRequest(
  file: string,
  world: { cwd: string; stdin: Readable },
): Promise<ForeignRequest> {
  const shown = file === '-' ? 'standard input' : resolve(world.cwd, file);
  const bytes = file === '-' ? await readStream(world.stdin) : readRequestFile(shown);
  const request = decode(bytes, shown);
  const key = acceptKey(request, shown);
  if (!isSignedBy(request, key)) {
    throw new PkiError(
      'bad-input',
      `the signature of the request in ${shown} is not good: its sender does not prove to hold the key`,
      {
        hint: 'ask for a new request',
      },
    );
  }
  return {
    request: request.der,
    key: describeKey(request),
    names: requestedNames(request, shown),
    ignored: ignoredParts(request),
    fingerprint: createHash('sha256').update(request.der).digest('hex'),
  };
}

function readRequestFile(path: string): Buffer {
  try {
    return readWhole(path);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw new PkiError(error.code, error.message, {
      hint: 'name a file that holds a certificate request',
      cause: error,
    });
  }
}

async function readStream(stream: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > largest) break;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function decode(bytes: Buffer, shown: string): CertificationRequest {
  const refuse = (why: string, cause?: unknown): PkiError =>
    new PkiError('malformed', `${shown} holds no certificate request: ${why}`, {
      hint: 'expected PKCS#10 in DER, or PEM with BEGIN CERTIFICATE REQUEST',
      cause,
    });
  if (bytes.length > largest) throw refuse(`it is larger than ${largest} bytes`);
  const pem =
    /-----BEGIN (NEW )?CERTIFICATE REQUEST-----([\s\S]*?)-----END (NEW )?CERTIFICATE REQUEST-----/.exec(
      bytes.toString('latin1'),
    );
  if (!pem && bytes[0] !== 0x30) throw refuse('it is neither PEM with that header nor DER');
  const base64 = (pem?.[2] ?? '').replace(/\s+/g, '');
  if (pem && !/^[A-Za-z0-9+/]+={0,2}$/.test(base64)) throw refuse('its PEM block is not base64');
  try {
    return readCertificationRequest(pem ? Buffer.from(base64, 'base64') : bytes);
  } catch (cause) {
    throw refuse(cause instanceof Error ? cause.message : String(cause), cause);
  }
}

const curvesTaken = ['P-256', 'P-384', 'P-521'];

/** Keys that today's servers take: EC on the NIST curves, Ed25519, RSA of 2,048 to 8,192 bits. */
function acceptKey(request: CertificationRequest, shown: string): KeyObject {
  const refuse = (what: string): PkiError =>
    new PkiError('bad-input', `the key in ${shown} is not accepted: ${what}`, {
      hint: 'EC P-256, P-384 or P-521, Ed25519, or RSA of 2048 to 8192 bits',
    });
  const key = importPublicKey(request.publicKey);
  if (!key) throw refuse('it cannot be read, or is no point that a key may be');
  const kind = key.asymmetricKeyType ?? 'unknown';
  // Asked for the details of a damaged key, Node ends the process.
  const { bits = 0, curve = '', exponent = '', isExponentSound } = publicKeyFacts(request.publicKey);
  switch (kind) {
    case 'ec':
      if (!curvesTaken.includes(curve)) throw refuse(`its curve is ${curve}`);
      return key;
    case 'ed25519':
      return key;
    case 'rsa':
      if (bits < 2048 || bits > 8192) throw refuse(`RSA of ${bits} bits`);
      if (isExponentSound !== true) throw refuse(`RSA with the exponent ${exponent}`);
      return key;
    default:
      throw refuse(`its type is ${kind}`);
  }
}

function describeKey({ publicKey }: CertificationRequest): string {
  const { algorithm, bits, curve } = publicKeyFacts(publicKey);
  return algorithm === 'Ed25519' ? algorithm : `${algorithm} ${curve ?? bits ?? ''}`;
}

function isSignedBy(request: CertificationRequest, key: KeyObject): boolean {
  const scheme = schemeOf(request.signatureAlgorithm);
  if (!scheme) return false;
  const pss =
    scheme.saltLength === undefined
      ? {}
      : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: scheme.saltLength };
  try {
    return verify(scheme.digest, request.tbs, { key, ...pss }, request.signature);
  } catch {
    return false;
  }
}

function requestedNames(request: CertificationRequest, shown: string): string[] {
  const found = request.extensions.find(({ id }) => id === oid.subjectAltName);
  const names = found ? readAlternativeNames(found.value) : [];
  const texts = names.map((name) => {
    switch (name.kind) {
      case 'dns':
      case 'email':
      case 'uri':
        return name.value;
      case 'ip':
        return formatIp(name.bytes);
      default:
        throw new PkiError(
          'bad-input',
          `the request in ${shown} asks for a name of a kind that is not issued: ${formatGeneralName(name)}`,
          {
            hint: 'name what it is for on the command line instead',
          },
        );
    }
  });
  if (texts.length > 0) return texts;
  const common = request.subjectName.flat().findLast(({ type }) => type === oid.commonName)?.value;
  return common === undefined ? [] : [common];
}

const extensionNames: Readonly<Record<string, string>> = {
  [oid.keyUsage]: 'key usage',
  [oid.extendedKeyUsage]: 'extended key usage',
  [oid.basicConstraints]: 'basic constraints',
  [oid.nameConstraints]: 'name constraints',
  [oid.certificatePolicies]: 'certificate policies',
  [oid.tlsFeature]: 'TLS feature (must staple)',
  [oid.subjectKeyIdentifier]: 'subject key identifier',
};

function ignoredParts(request: CertificationRequest): string[] {
  const extensions = request.extensions
    .filter(({ id }) => id !== oid.subjectAltName)
    .map(({ id }) => `extension ${extensionNames[id] ?? id}`);
  const rest = request.subjectName.flat().some(({ type }) => type !== oid.commonName)
    ? ['subject beyond the common name']
    : [];
  const password = request.hasChallengePassword ? [`challenge password (${oid.challengePassword})`] : [];
  return [...extensions, ...rest, ...password, ...request.otherAttributes.map((id) => `attribute ${id}`)];
}
