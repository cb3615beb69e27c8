import { describe, expect, it } from 'vitest';
import { buildCertificate, randomSerial } from '../../../src/pki/x509/certificate-builder.ts';
import { readCertificate } from '../../../src/pki/x509/certificate.ts';
import { differences } from '../../../src/pki/x509/compare-issued.ts';
import type { Profile } from '../../../src/pki/x509/profile.ts';
import { authority, issue, type Entity } from '../../support/chains.ts';

const root = authority('root');
const lower = authority('lower', root);
const leaf = issue('a.internal', lower);

const profile: Profile = {
  names: [{ kind: 'dns', value: 'a.internal' }],
  usage: 'mtls',
  subject: undefined,
  keyType: 'ec-p256',
  notBefore: leaf.certificate.notBefore,
  notAfter: leaf.certificate.notAfter,
  publicKey: leaf.certificate.publicKey,
  crlUrls: [],
  ocspUrls: [],
  issuerUrls: [],
};

/** What is wrong with the signatures of a chain. */
const broken = async (...upwards: Entity[]): Promise<string[]> => {
  const [certificate = Buffer.alloc(0), ...above] = upwards.map((one) => one.certificate.der);
  const issued = { certificate, chain: above.slice(0, -1), root: above.at(-1), asked: undefined };
  return (await differences(profile, issued)).filter((one) => one.startsWith('chain'));
};

describe('a chain that was issued', () => {
  it('must be signed link by link, also where it was seen before', async () => {
    const impostor = authority('lower', authority('root'));
    for (let again = 0; again < 2; again += 1) {
      expect(await broken(leaf, lower, root)).toEqual([]);
      expect(await broken(leaf, impostor, root)).toEqual([
        'chain: certificate 1 is not signed by certificate 2',
        'chain: certificate 2 is not signed by certificate 3',
      ]);
      expect(await broken(leaf, lower, authority('root'))).toEqual([
        'chain: certificate 2 is not signed by certificate 3',
      ]);
    }
  });

  it('may have what nobody here would trust high above it', async () => {
    const { certificate } = lower;
    const template = {
      serial: randomSerial(),
      issuer: root.certificate.subject,
      subject: certificate.subject,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
      publicKey: certificate.publicKey,
      basicConstraints: { ca: true, pathLength: undefined },
      keyUsage: ['keyCertSign' as const],
      extendedKeyUsage: [],
      names: [],
      nameConstraints: undefined,
      authorityKeyIdentifier: undefined,
      crlUrls: [],
      ocspUrls: [],
      issuerUrls: [],
    };
    const old = { ...lower, certificate: readCertificate(buildCertificate(template, root.key, 'sha1')) };
    expect(await broken(leaf, old, root)).toEqual([]);
    expect(await broken(leaf, old, authority('root'))).toHaveLength(1);
  });
});
