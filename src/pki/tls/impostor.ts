import { randomBytes, type KeyObject } from 'node:crypto';
import { buildCertificate, randomSerial, type CertificateTemplate } from '../x509/certificate-builder.ts';
import { extension, type Certificate } from '../x509/certificate.ts';
import { encodeName } from '../x509/distinguished-name.ts';
import { readSubjectKeyIdentifier } from '../x509/extensions.ts';
import { generateKey, keyIdentifier, keyTypeOf, publicKeyDer } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { decode } from '../x509/validation/decoded.ts';
import type { TlsPair } from './probe.ts';

/*
 * Pairs that anybody can make who has seen a client's certificate: a server that lets one in verifies too little.
 * Their keys are of the client's kind, since a server may verify signatures of no other.
 */

export interface Model {
  chain: readonly [Certificate, ...Certificate[]];
  key: KeyObject;
}

/** The same names, signed by a CA that nobody knows. */
export async function ofUnknownCa({ chain: [leaf], key }: Model, now: Date): Promise<TlsPair> {
  const { authority, own } = await keysLike(key);
  const issuer = encodeName([{ type: oid.commonName, value: `Stranger ${randomBytes(8).toString('hex')}` }]);
  const template = {
    ...lookAlike(leaf, own, now),
    issuer,
    authorityKeyIdentifier: keyIdentifier(publicKeyDer(authority)),
  };
  return { chain: [buildCertificate(template, authority)], key: own };
}

/** The same subject and names, signed by its own key. */
export async function selfSigned({ chain: [leaf], key }: Model, now: Date): Promise<TlsPair> {
  const { own } = await keysLike(key);
  const template = { ...lookAlike(leaf, own, now), issuer: leaf.subject };
  return { chain: [buildCertificate(template, own)], key: own };
}

/**
 * The same names, under CAs that are called like the client's up to a root, which is sent along: a server that lets it in
 * compares names, or trusts what it is sent.
 */
export async function ofForeignCa({ chain, key }: Model, now: Date): Promise<TlsPair> {
  const [leaf, ...above] = chain;
  const names = above.map(({ subject }) => subject);
  const top = chain.at(-1) ?? leaf;
  if (!top.issuer.equals(top.subject)) names.push(top.issuer);
  const { authority, own } = await keysLike(key);
  // One key for all of them: who compares names looks at none.
  const authorities = names.map((subject, at) =>
    buildCertificate(
      {
        ...lookAlike(leaf, authority, now),
        subject,
        issuer: names[at + 1] ?? subject,
        basicConstraints: { ca: true, pathLength: undefined },
        keyUsage: ['keyCertSign', 'cRLSign'],
        extendedKeyUsage: [],
        names: [],
      },
      authority,
    ),
  );
  const template = { ...lookAlike(leaf, own, now), issuer: leaf.issuer };
  return { chain: [buildCertificate(template, authority), ...authorities], key: own };
}

/** Signed by the client's own certificate, which is no CA: its chain is sent along, and leads to a CA that is trusted. */
export async function ofNoCa({ chain, key }: Model, now: Date): Promise<TlsPair> {
  const [leaf] = chain;
  const { own } = await keysLike(key);
  const template = {
    ...lookAlike(leaf, own, now),
    issuer: leaf.subject,
    authorityKeyIdentifier: identifierOf(leaf),
  };
  return { chain: [buildCertificate(template, key), ...chain.map(({ der }) => der)], key: own };
}

/** An hour to both sides: what is to be refused is not its time. */
const halfLife = 3_600_000;

/** A client's certificate that says of its owner what `certificate` says, for another key. */
function lookAlike(certificate: Certificate, key: KeyObject, now: Date): Omit<CertificateTemplate, 'issuer'> {
  return {
    serial: randomSerial(),
    subject: certificate.subject,
    notBefore: new Date(now.getTime() - halfLife),
    notAfter: new Date(now.getTime() + halfLife),
    publicKey: publicKeyDer(key),
    basicConstraints: { ca: false, pathLength: undefined },
    keyUsage: ['digitalSignature'],
    extendedKeyUsage: [oid.clientAuth],
    names: decode(certificate).names ?? [],
    nameConstraints: undefined,
    authorityKeyIdentifier: undefined,
    crlUrls: [],
    ocspUrls: [],
    issuerUrls: [],
  };
}

function identifierOf(certificate: Certificate): Buffer {
  const found = extension(certificate, oid.subjectKeyIdentifier);
  return found ? readSubjectKeyIdentifier(found.value) : keyIdentifier(certificate.publicKey);
}

interface Keys {
  authority: KeyObject;
  own: KeyObject;
}

const known = new WeakMap<KeyObject, Promise<Keys>>();

/** Two keys serve all strangers of a client: who is to be refused needs none of its own, and RSA keys take their time. */
function keysLike(key: KeyObject): Promise<Keys> {
  const keys = known.get(key) ?? newKeysLike(key);
  known.set(key, keys);
  return keys;
}

async function newKeysLike(key: KeyObject): Promise<Keys> {
  const type = keyTypeOf(key) ?? 'ec-p256';
  const [authority, own] = await Promise.all([generateKey(type), generateKey(type)]);
  return { authority, own };
}
