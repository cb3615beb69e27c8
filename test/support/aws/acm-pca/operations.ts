import type { Operation } from '../cloud.ts';
import {
  createCertificateAuthorityAuditReport,
  describeCertificateAuthorityAuditReport,
} from './audit-report.ts';
import { getCertificate, getCertificateAuthorityCertificate } from './collect.ts';
import { createCertificateAuthority } from './create.ts';
import { describeCertificateAuthority } from './describe.ts';
import { getCertificateAuthorityCsr, importCertificateAuthorityCertificate } from './install.ts';
import { issueCertificate } from './issue.ts';
import {
  deleteCertificateAuthority,
  restoreCertificateAuthority,
  updateCertificateAuthority,
} from './life.ts';
import { listCertificateAuthorities } from './list.ts';
import { createPermission, deletePermission, listPermissions } from './permission.ts';
import { deletePolicy, getPolicy, putPolicy } from './policy.ts';
import { revokeCertificate } from './revoke.ts';
import { listTags, tagCertificateAuthority, untagCertificateAuthority } from './tag.ts';

/** All 23, by the name in X-Amz-Target. */
export const acmPcaOperations: Readonly<Record<string, Operation>> = {
  CreateCertificateAuthority: createCertificateAuthority,
  CreateCertificateAuthorityAuditReport: createCertificateAuthorityAuditReport,
  CreatePermission: createPermission,
  DeleteCertificateAuthority: deleteCertificateAuthority,
  DeletePermission: deletePermission,
  DeletePolicy: deletePolicy,
  DescribeCertificateAuthority: describeCertificateAuthority,
  DescribeCertificateAuthorityAuditReport: describeCertificateAuthorityAuditReport,
  GetCertificate: getCertificate,
  GetCertificateAuthorityCertificate: getCertificateAuthorityCertificate,
  GetCertificateAuthorityCsr: getCertificateAuthorityCsr,
  GetPolicy: getPolicy,
  ImportCertificateAuthorityCertificate: importCertificateAuthorityCertificate,
  IssueCertificate: issueCertificate,
  ListCertificateAuthorities: listCertificateAuthorities,
  ListPermissions: listPermissions,
  ListTags: listTags,
  PutPolicy: putPolicy,
  RestoreCertificateAuthority: restoreCertificateAuthority,
  RevokeCertificate: revokeCertificate,
  TagCertificateAuthority: tagCertificateAuthority,
  UntagCertificateAuthority: untagCertificateAuthority,
  UpdateCertificateAuthority: updateCertificateAuthority,
};
