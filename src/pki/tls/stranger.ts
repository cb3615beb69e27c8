import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { buildCertificate, randomSerial } from '../x509/certificate-builder.ts';
import type { Certificate } from '../x509/certificate.ts';
import { encodeName } from '../x509/distinguished-name.ts';
import { keyIdentifier, publicKeyDer } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { decode } from '../x509/validation/decoded.ts';
import type { TlsPair } from './probe.ts';

/**
 * A pair that says the same of itself as another, from a CA that nobody knows: a server that lets it in looks at names and
 * not at who vouches for them.
 */
export function strangerLike(certificate: Certificate, now: Date): TlsPair {
  const authority = newKey();
  const own = newKey();
  const issuer = encodeName([{ type: oid.commonName, value: `Stranger ${randomBytes(8).toString('hex')}` }]);
  const der = buildCertificate(
    {
      serial: randomSerial(),
      issuer,
      subject: certificate.subject,
      notBefore: new Date(now.getTime() - 3_600_000),
      notAfter: new Date(now.getTime() + 3_600_000),
      publicKey: publicKeyDer(own),
      basicConstraints: { ca: false, pathLength: undefined },
      keyUsage: ['digitalSignature'],
      extendedKeyUsage: [oid.clientAuth],
      names: decode(certificate).names ?? [],
      nameConstraints: undefined,
      authorityKeyIdentifier: keyIdentifier(publicKeyDer(authority)),
      crlUrls: [],
      ocspUrls: [],
      issuerUrls: [],
    },
    authority,
  );
  return { chain: [der], key: own };
}

const newKey = (): ReturnType<typeof generateKeyPairSync>['privateKey'] =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
