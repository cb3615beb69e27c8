import type { CaCertificate, CaCertificateOrder, CaMaker } from '../authorities/acm-pca/new-ca.ts';
import { isRefusal } from '../authorities/aws/failure.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { certificatesInPem } from '../authorities/aws/pem.ts';
import { orderOnce } from '../authorities/aws/placed-order.ts';
import { readCertificate } from '../x509/certificate.ts';
import { certificatePem } from '../x509/pem-writer.ts';
import type { LocalParent } from './pca-parent.ts';
import { keepProgress, signingOrders, tokenLife, tokenOf, wayOut, type Progress } from './pca-progress.ts';

/** A CA that waits for its certificate. */
interface Uncertified {
  maker: CaMaker;
  arn: string;
  progress: Progress;
  journal: string;
  /** Where it is not AWS that signs. */
  parent: LocalParent | undefined;
  /** Order once more what may have been ordered. */
  reissue: boolean;
  now: () => Date;
  connection: AwsConnection;
}

/** AWS rounds. */
const tolerance = 5 * 60_000;

/** Has its certificate signed, by its parent or by itself, unless that was done before. */
export async function certify(ca: Uncertified): Promise<CaCertificate> {
  const { maker, arn, progress, journal, parent } = ca;
  if (progress.certificate) return progress.certificate;
  const request = progress.signing?.request ?? (await maker.request(arn));
  progress.certificate = parent
    ? await signLocally(parent, request, progress, ca.now())
    : await signAtAws(request, ca);
  keepProgress(journal, progress);
  const ends = endOf(progress);
  if (Math.abs(Date.parse(ends) - Date.parse(progress.notAfter)) > tolerance)
    ca.connection.say(`its certificate ends ${ends}, and not ${progress.notAfter} as was asked`);
  return progress.certificate;
}

/** When its certificate ends, which is what whoever signed it made of it. */
export function endOf({ certificate, notAfter }: Progress): string {
  const [der] = certificatesInPem(certificate?.certificate ?? '');
  return der ? readCertificate(der).notAfter.toISOString() : notAfter;
}

async function signLocally(
  { issuer, key }: LocalParent,
  request: string,
  { pathLength, notAfter }: Progress,
  now: Date,
): Promise<CaCertificate> {
  const { signCa } = await import('../authorities/local/sign-ca.ts');
  const der = Buffer.from(request.replace(/-----[^-]+-----|\s/g, ''), 'base64');
  const signed = signCa(issuer, key, der, { pathLength, notAfter: new Date(notAfter) }, now);
  return {
    certificate: certificatePem(signed.certificate),
    chain: signed.chain.map((one) => certificatePem(one.der)).join(''),
  };
}

/** The order is written down before it is placed, its answer the moment it is known: it is billed. */
async function signAtAws(
  request: string,
  { maker, arn, progress, journal, reissue, now, connection }: Uncertified,
): Promise<CaCertificate> {
  const { order: ca, pathLength, notAfter } = progress;
  const issuer = progress.parent ?? arn;
  const { CertificateAuthorityConfiguration: signer } = await maker.describe(issuer);
  const orders = signingOrders(journal, progress);
  const { certificateArn } = await orderOnce<CaCertificateOrder>(orders, {
    now,
    tokenLife,
    reissue,
    wayOut,
    inDoubt: (at) => ({
      message: `the certificate of ${arn} was ordered at ${at} and its answer never came`,
      hint: '--reissue orders it, and pays, once more',
    }),
    place: () => {
      const order = {
        issuer,
        request,
        signingAlgorithm: signer?.SigningAlgorithm ?? ca.signingAlgorithm,
        template:
          ca.type === 'ROOT' ? 'RootCACertificate/V1' : `SubordinateCACertificate_PathLen${pathLength}/V1`,
        notAfter: Date.parse(notAfter) / 1000,
      };
      return { ...order, token: tokenOf(order, now()) };
    },
    send: (order, sending) => {
      connection.say(`ordering its certificate from ${issuer}, which is billed`);
      return maker.sign(order, sending);
    },
  });
  return maker.collect(issuer, certificateArn).catch((error: unknown) => {
    if (isRefusal(error, 'RequestFailedException')) orders.forget();
    throw error;
  });
}
