import type { KeyObject } from 'node:crypto';
import { encodeExtension } from '../../../src/pki/x509/certificate-builder.ts';
import * as write from '../../../src/pki/x509/der-writer.ts';
import { encodeName } from '../../../src/pki/x509/distinguished-name.ts';
import { encodeGeneralName, type GeneralName } from '../../../src/pki/x509/general-name.ts';
import { publicKeyDer } from '../../../src/pki/x509/key.ts';
import { oid } from '../../../src/pki/x509/oid.ts';
import { encodePem } from '../../../src/pki/x509/pem-writer.ts';
import { signed } from '../../../src/pki/x509/signing.ts';

type Name = string | GeneralName;

/** A request for these names in PEM; the first DNS name is the common name too. */
export function csrPem(key: KeyObject, ...names: readonly Name[]): string {
  const first = names.find((name) => typeof name === 'string');
  return encodePem('CERTIFICATE REQUEST', csrDer(key, names, first));
}

/** A text is a DNS name. */
export function csrDer(key: KeyObject, names: readonly Name[], commonName?: string): Buffer {
  const all = names.map((name) =>
    typeof name === 'string' ? ({ kind: 'dns', value: name } as const) : name,
  );
  const subject = encodeName(commonName === undefined ? [] : [{ type: oid.commonName, value: commonName }]);
  const alternatives = encodeExtension(oid.subjectAltName, write.sequence(...all.map(encodeGeneralName)));
  const attribute = write.sequence(
    write.objectIdentifier(oid.extensionRequest),
    write.set(write.sequence(alternatives)),
  );
  return signed(key, () =>
    write.sequence(
      write.integer(0),
      subject,
      publicKeyDer(key),
      write.explicit(0, ...(all.length > 0 ? [attribute] : [])),
    ),
  );
}
