import type { KeyObject } from 'node:crypto';
import { caExtensions, encodeExtension, type CertificateTemplate } from './certificate-builder.ts';
import * as write from './der-writer.ts';
import { encodeGeneralName } from './general-name.ts';
import { publicKeyDer } from './key.ts';
import { oid } from './oid.ts';
import { subjectOf, type Profile } from './profile.ts';
import { signed } from './signing.ts';

/**
 * A PKCS#10 request (RFC 2986) for a profile's subject and names, signed by its key. Usages are left out: the
 * authorities that take requests set them by a template.
 */
export function buildCertificationRequest(
  profile: Pick<Profile, 'names' | 'subject'>,
  key: KeyObject,
): Buffer {
  const names = write.sequence(...profile.names.map(encodeGeneralName));
  return request(subjectOf(profile), [encodeExtension(oid.subjectAltName, names)], key);
}

/**
 * The same for a CA: it asks for what its certificate must say. Whoever signs may set that anew.
 * @param subject encoded Name
 */
export function buildCaRequest(
  subject: Buffer,
  wishes: Pick<CertificateTemplate, 'basicConstraints' | 'keyUsage' | 'nameConstraints'>,
  key: KeyObject,
): Buffer {
  return request(subject, caExtensions(wishes), key);
}

const request = (subject: Buffer, extensions: readonly Buffer[], key: KeyObject): Buffer =>
  signed(key, () =>
    write.sequence(
      write.integer(0),
      subject,
      publicKeyDer(key),
      write.explicit(
        0,
        write.sequence(
          write.objectIdentifier(oid.extensionRequest),
          write.set(write.sequence(...extensions)),
        ),
      ),
    ),
  );
