import { epoch } from '../clock.ts';
import type { Call, Cloud } from '../cloud.ts';
import type { Json } from '../input.ts';
import { serialHex } from '../../../../src/pki/x509/certificate.ts';
import { caOf } from './arn.ts';
import { ownerOf, statusOf, type CertificateAuthority } from './certificate-authority.ts';

export function describeCertificateAuthority(call: Call): Json {
  return { CertificateAuthority: detailOf(call.cloud, caOf(call)) };
}

/** The CertificateAuthority structure of the API. */
export function detailOf(cloud: Cloud, ca: CertificateAuthority): Json {
  const { certificate, restorable } = ca;
  return {
    Arn: ca.arn,
    OwnerAccount: ownerOf(ca),
    CreatedAt: epoch(ca.createdAt),
    LastStateChangeAt: epoch(ca.changedAt),
    Type: ca.type,
    Status: statusOf(ca, cloud.clock.now()),
    ...(certificate && {
      Serial: serialHex(certificate.serial),
      NotBefore: epoch(certificate.notBefore),
      NotAfter: epoch(certificate.notAfter),
    }),
    CertificateAuthorityConfiguration: ca.configuration,
    RevocationConfiguration: {
      CrlConfiguration: ca.crl?.given ?? { Enabled: false },
      OcspConfiguration: ca.ocsp ?? { Enabled: false },
    },
    ...(restorable && { RestorableUntil: epoch(restorable.until) }),
    KeyStorageSecurityStandard: ca.keyStorage,
    UsageMode: ca.usageMode,
  };
}
