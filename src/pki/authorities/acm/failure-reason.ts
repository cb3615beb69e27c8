/**
 * What helps against a FailureReason of ACM
 * (https://docs.aws.amazon.com/acm/latest/APIReference/API_CertificateDetail.html).
 */
const remedies: Readonly<Record<string, string>> = {
  NO_AVAILABLE_CONTACTS: 'no e-mail address of the domain could be found: validate by DNS',
  ADDITIONAL_VERIFICATION_REQUIRED: 'Amazon looks at this domain by hand: ask AWS Support',
  DOMAIN_NOT_ALLOWED: 'the domain is on a list of unsafe ones: ask AWS Support',
  INVALID_PUBLIC_DOMAIN: 'a name of the request is no public domain',
  DOMAIN_VALIDATION_DENIED: 'the validation was denied by e-mail: ask anew',
  CAA_ERROR:
    'a CAA record of the domain forbids Amazon: allow amazon.com, amazontrust.com, awstrust.com or amazonaws.com',
  PCA_LIMIT_EXCEEDED: 'the private CA has issued as many certificates as its quota allows: raise it',
  PCA_INVALID_ARN: 'the ARN of the private CA is not valid',
  PCA_INVALID_STATE: 'the private CA is not ACTIVE: enable it, or install its certificate',
  PCA_REQUEST_FAILED: 'the private CA could not do it: ask anew',
  PCA_NAME_CONSTRAINTS_VALIDATION: "a name lies outside the private CA's name constraints",
  PCA_RESOURCE_NOT_FOUND: 'the private CA is not there, or not in this region',
  PCA_INVALID_ARGS: 'the private CA does not take this request: is the key of the same family as its own?',
  PCA_INVALID_DURATION:
    "ACM's 13 months outlive the private CA: issue from it directly, with --ca ARN and a --lifetime",
  PCA_ACCESS_DENIED:
    'the private CA has not permitted ACM: aws acm-pca create-permission --certificate-authority-arn CA_ARN --principal acm.amazonaws.com --actions IssueCertificate GetCertificate ListPermissions',
  SLR_NOT_FOUND:
    'a CA shared with this account needs the service-linked role of ACM: aws iam create-service-linked-role --aws-service-name acm.amazonaws.com',
  OTHER: 'ACM does not say more: ask anew',
};

/** @param ca ARN of the private CA, where it is known */
export const remedyFor = (reason: string, ca = 'ARN'): string =>
  (remedies[reason] ?? 'ask anew, or ask AWS Support').replace('CA_ARN', ca);
