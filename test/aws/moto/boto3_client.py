"""What a user of boto3 does with AWS Private CA and ACM; prints one JSON document. argv: CA's ARN, file of a CSR."""

import json
import sys

import boto3
from botocore.exceptions import ClientError

ca, csr_file = sys.argv[1:]
with open(csr_file, 'rb') as file:
    csr = file.read()
pca = boto3.client('acm-pca')


def refused(call, **members):
    """The code of a refusal, as boto3 names it, and whether it has a class of its own."""
    try:
        call(**members)
    except ClientError as error:
        return [error.response['Error']['Code'], type(error).__name__]
    return None


described = pca.describe_certificate_authority(CertificateAuthorityArn=ca)['CertificateAuthority']
issued = pca.issue_certificate(
    CertificateAuthorityArn=ca,
    Csr=csr,
    SigningAlgorithm=described['CertificateAuthorityConfiguration']['SigningAlgorithm'],
    Validity={'Type': 'DAYS', 'Value': 3},
)
certificate = {'CertificateAuthorityArn': ca, 'CertificateArn': issued['CertificateArn']}
in_progress = refused(pca.get_certificate, **certificate)
pca.get_waiter('certificate_issued').wait(**certificate, WaiterConfig={'Delay': 0.05})
answer = pca.get_certificate(**certificate)

acm = boto3.client('acm')
arn = acm.request_certificate(
    DomainName='orders.internal', CertificateAuthorityArn=ca, KeyAlgorithm='EC_prime256v1'
)['CertificateArn']
while True:
    managed = acm.describe_certificate(CertificateArn=arn)['Certificate']
    if managed['Status'] != 'PENDING_VALIDATION':
        break
exported = acm.export_certificate(CertificateArn=arn, Passphrase=b'correct horse battery staple')
pages = acm.get_paginator('list_certificates').paginate(Includes={'keyTypes': ['EC_prime256v1']})
listed = [one['CertificateArn'] for page in pages for one in page['CertificateSummaryList']]

json.dump(
    {
        'status': described['Status'],
        'expires': described['NotAfter'].year,
        'inProgress': in_progress,
        'missing': refused(pca.get_certificate, **{**certificate, 'CertificateArn': f'{ca}/certificate/00'}),
        'malformed': refused(
            pca.issue_certificate,
            CertificateAuthorityArn=ca,
            Csr=b'no request',
            SigningAlgorithm='SHA256WITHECDSA',
            Validity={'Type': 'DAYS', 'Value': 3},
        ),
        'certificate': answer['Certificate'],
        'chain': answer['CertificateChain'],
        'managed': managed['Status'],
        'listed': listed == [arn],
        'exported': exported['Certificate'],
        'exportedKey': exported['PrivateKey'],
    },
    sys.stdout,
)
