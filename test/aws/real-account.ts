import { ACMPCAClient } from '@aws-sdk/client-acm-pca';
import { certificatesBought, smokeChecks } from '../support/aws/smoke-checks.ts';

/*
 * Asks a real account whether AWS does what the emulator takes it to do. No test runs this: it costs money.
 *
 *   npx tsx test/aws/real-account.ts arn:aws:acm-pca:REGION:ACCOUNT:certificate-authority/ID --yes
 *
 * It needs a CA that is ACTIVE (which AWS bills by the month, https://aws.amazon.com/private-ca/pricing), buys at most
 * two certificates of one hour from it, and revokes the first. Permissions: acm-pca:DescribeCertificateAuthority,
 * IssueCertificate, GetCertificate, RevokeCertificate. Exits with 1 where AWS differs.
 */
const [ca = '', yes] = process.argv.slice(2);
const region = /^arn:[\w-]+:acm-pca:([\w-]+):\d{12}:certificate-authority\/[\w-]+$/.exec(ca)?.[1];
if (region === undefined || yes !== '--yes') {
  process.stderr.write(
    `usage: real-account.ts CA-ARN --yes\nbuys up to ${certificatesBought} certificates, see https://aws.amazon.com/private-ca/pricing\n`,
  );
  process.exit(2);
}

for await (const { what, expected, found } of smokeChecks(new ACMPCAClient({ region }), ca)) {
  const same = JSON.stringify(expected) === JSON.stringify(found);
  process.stdout.write(
    same
      ? `as expected: ${what}\n`
      : `DIFFERS: ${what}: ${JSON.stringify(found)}, not ${JSON.stringify(expected)}\n`,
  );
  if (!same) process.exitCode = 1;
}
