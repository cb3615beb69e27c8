import type { Call, Operation } from '../cloud.ts';
import type { Json } from '../input.ts';
import { exportCertificate, getCertificate } from './collect.ts';
import { describeCertificate } from './describe.ts';
import { importCertificate } from './import.ts';
import {
  deleteCertificate,
  renewCertificate,
  resendValidationEmail,
  revokeCertificate,
  updateCertificateOptions,
} from './life.ts';
import { listCertificates } from './list.ts';
import { requestCertificate } from './request.ts';
import { searchCertificates } from './search.ts';
import { listTagsAs, removeTagsFromCertificate, tagAs, untagResource } from './tag.ts';

function putAccountConfiguration({ cloud, caller, input }: Call): Json {
  input.text('IdempotencyToken', { max: 32 });
  const days = input.optionalStructure('ExpiryEvents')?.optionalInteger('DaysBeforeExpiry', { min: 1 });
  if (days !== undefined) cloud.daysBeforeExpiry.set(`${caller.account} ${caller.region}`, days);
  return {};
}

const getAccountConfiguration = ({ cloud, caller }: Call): Json => ({
  ExpiryEvents: { DaysBeforeExpiry: cloud.daysBeforeExpiry.get(`${caller.account} ${caller.region}`) ?? 45 },
});

/** By the name in X-Amz-Target. The ACME server is missing. */
export const acmOperations: Readonly<Record<string, Operation>> = {
  AddTagsToCertificate: tagAs('CertificateArn'),
  DeleteCertificate: deleteCertificate,
  DescribeCertificate: describeCertificate,
  ExportCertificate: exportCertificate,
  GetAccountConfiguration: getAccountConfiguration,
  GetCertificate: getCertificate,
  ImportCertificate: importCertificate,
  ListCertificates: listCertificates,
  ListTagsForCertificate: listTagsAs('CertificateArn'),
  ListTagsForResource: listTagsAs('ResourceArn'),
  PutAccountConfiguration: putAccountConfiguration,
  RemoveTagsFromCertificate: removeTagsFromCertificate,
  RenewCertificate: renewCertificate,
  RequestCertificate: requestCertificate,
  ResendValidationEmail: resendValidationEmail,
  RevokeCertificate: revokeCertificate,
  SearchCertificates: searchCertificates,
  TagResource: tagAs('ResourceArn'),
  UntagResource: untagResource,
  UpdateCertificateOptions: updateCertificateOptions,
};
