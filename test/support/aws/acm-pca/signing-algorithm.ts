import { generateKeyPair, sign, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';
import * as write from '../../../../src/pki/x509/der-writer.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { invalidArgs } from '../refusal.ts';

export const keyAlgorithms = [
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'EC_prime256v1',
  'EC_secp384r1',
  'EC_secp521r1',
] as const;
export type KeyAlgorithm = (typeof keyAlgorithms)[number];

const ecdsa = (id: string): Buffer => write.sequence(write.objectIdentifier(id));
const rsa = (id: string): Buffer => write.sequence(write.objectIdentifier(id), write.nullValue());

/** RSASSA-PSS, ML-DSA and SM2, which newer versions of the API have, are missing here. */
const schemes = {
  SHA256WITHECDSA: { family: 'EC', digest: 'sha256', identifier: ecdsa(oid.ecdsaWithSha256) },
  SHA384WITHECDSA: { family: 'EC', digest: 'sha384', identifier: ecdsa(oid.ecdsaWithSha384) },
  SHA512WITHECDSA: { family: 'EC', digest: 'sha512', identifier: ecdsa(oid.ecdsaWithSha512) },
  SHA256WITHRSA: { family: 'RSA', digest: 'sha256', identifier: rsa(oid.sha256WithRsa) },
  SHA384WITHRSA: { family: 'RSA', digest: 'sha384', identifier: rsa(oid.sha384WithRsa) },
  SHA512WITHRSA: { family: 'RSA', digest: 'sha512', identifier: rsa(oid.sha512WithRsa) },
} as const;
export type SigningAlgorithm = keyof typeof schemes;
export const signingAlgorithms = Object.keys(schemes) as SigningAlgorithm[];

/** The signature must fit the CA's key, whatever the request's key is. */
export function checkSigningAlgorithm(algorithm: SigningAlgorithm, key: KeyAlgorithm): void {
  const fitting = signingAlgorithms.filter((name) => key.startsWith(schemes[name].family));
  if (fitting.includes(algorithm)) return;
  throw invalidArgs(
    `Signing algorithm ${algorithm} cannot be used with key type ${key}. Valid signing algorithms are: ${fitting.join(', ')}`,
  );
}

/** As `signed` of the program's own code, which chooses the algorithm by the key. */
export function signedAs(
  algorithm: SigningAlgorithm,
  key: KeyObject,
  tbs: (identifier: Buffer) => Buffer,
): Buffer {
  const { identifier, digest } = schemes[algorithm];
  const body = tbs(identifier);
  return write.sequence(body, identifier, write.bitString(sign(digest, body, key)));
}

export async function generateKeyOf(algorithm: KeyAlgorithm): Promise<KeyObject> {
  const [family = '', size = ''] = algorithm.split('_');
  const pair =
    family === 'RSA'
      ? await promisify(generateKeyPair)('rsa', { modulusLength: Number(size) })
      : await promisify(generateKeyPair)('ec', { namedCurve: size });
  return pair.privateKey;
}
