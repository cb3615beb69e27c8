import type { KeyObject } from 'node:crypto';
import { encodeExtension } from './certificate-builder.ts';
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
  const extensions = write.sequence(encodeExtension(oid.subjectAltName, names));
  return signed(key, () =>
    write.sequence(
      write.integer(0),
      subjectOf(profile),
      publicKeyDer(key),
      write.explicit(0, write.sequence(write.objectIdentifier(oid.extensionRequest), write.set(extensions))),
    ),
  );
}
