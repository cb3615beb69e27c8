import type { Certificate } from '../../x509/certificate.ts';
import { serialHex } from '../../x509/certificate.ts';
import type { Crl } from '../../x509/crl.ts';
import { negativeSerial, type CrlSummary } from '../../x509/crl-summary.ts';
import { formatName } from '../../x509/distinguished-name.ts';
import { oid } from '../../x509/oid.ts';
import { nameOf } from './certificate-rules.ts';
import { beyond, fault, warning, type BundleFinding } from './finding.ts';
import type { Paths } from './paths.ts';
import type { CrlTarget, Target } from './targets.ts';

/** A CRL with what was counted in it. */
export interface CountedCrl {
  crl: Crl;
  summary: Pick<CrlSummary, 'count'>;
}

/** Every rule about the CRLs that go with a trust store. */
export function judgeCrls(
  crls: readonly CountedCrl[],
  certificates: readonly Certificate[],
  paths: Paths,
  target: Target,
  now: Date,
): BundleFinding[] {
  if (crls.length === 0) return [];
  const { crls: rules, title, withoutCrls = '' } = target;
  if (!rules) return [fault('no-crls', `${title} knows no CRLs`, withoutCrls)];
  const entries = crls.reduce((sum, { summary }) => sum + summary.count, 0);
  return [
    ...beyond(
      rules.lists,
      crls.length,
      'too-many',
      (most) => `${crls.length} CRLs; ${title} takes ${most}`,
      'leave out those of CAs that sign no clients',
    ),
    ...beyond(
      rules.entries,
      entries,
      'too-many',
      (most) => `${entries} revoked certificates in all; ${title} takes ${most}`,
      'have clients certified for a shorter time: what has ended leaves the CRL',
    ),
    ...crls.flatMap(({ crl }) => judgeOne(crl, paths, rules, title, now)),
    ...(rules.wantsAll ? missing(crls, certificates, paths, title) : []),
  ];
}

function judgeOne(crl: Crl, paths: Paths, rules: CrlTarget, title: string, now: Date): BundleFinding[] {
  const name = `the CRL of ${formatName(crl.issuerName)}`;
  const { thisUpdate, nextUpdate } = crl;
  const negative = rules.positiveSerials ? negativeSerial(crl) : undefined;
  const delta = crl.extensions.some(({ id }) => id === oid.deltaCrlIndicator);
  return [
    ...(nextUpdate && now > nextUpdate
      ? [
          fault(
            'crl-outdated',
            `${name} was due for another ${nextUpdate.toISOString()}`,
            'fetch it anew, or certwright ca crl',
          ),
        ]
      : []),
    ...(now < thisUpdate
      ? [
          fault(
            'crl-outdated',
            `${name} is not valid before ${thisUpdate.toISOString()}`,
            'look at the clocks',
          ),
        ]
      : []),
    ...(delta
      ? [fault('crl-kind', `${name} only adds to another (a delta CRL)`, 'name the complete one')]
      : []),
    ...(paths.signersOf(crl).length > 0 ? [] : [stranger(name, rules)]),
    ...(negative === undefined
      ? []
      : [
          fault(
            'crl-serial',
            `${name} lists a negative serial number (${serialHex(negative)}); ${title} refuses it`,
            'ask its CA for a CRL without it',
          ),
        ]),
  ];
}

/** OpenSSL passes over one that it does not need. */
function stranger(name: string, { wantsAll }: CrlTarget): BundleFinding {
  const say = wantsAll ? warning : fault;
  return say(
    'crl-stranger',
    `no certificate of the bundle has signed ${name}`,
    'add its CA, or leave it out',
  );
}

/** OpenSSL asks for the CRL of every CA in a chain once it has one, that of the root too. */
function missing(
  crls: readonly CountedCrl[],
  certificates: readonly Certificate[],
  paths: Paths,
  title: string,
): BundleFinding[] {
  const covered = crls
    .flatMap(({ crl }) => paths.signersOf(crl))
    .map(({ publicKey, subject }) => [publicKey, subject] as const);
  return certificates
    .filter(
      (one) => !covered.some(([key, subject]) => key.equals(one.publicKey) && subject.equals(one.subject)),
    )
    .map((one) =>
      fault(
        'crl-missing',
        `there is no CRL of ${nameOf(one)}, and with ssl_crl ${title} refuses every client below it`,
        'add its CRL with --crl, or give none at all',
      ),
    );
}

/** What is told of the file itself. */
export const judgeCrlFile = (
  file: Buffer,
  name: string,
  lists: number,
  { crls, title }: Target,
): BundleFinding[] => [
  ...beyond(
    crls?.size,
    file.length,
    'too-large',
    (most) => `${name} has ${file.length} bytes; ${title} takes ${most}`,
    'have clients certified for a shorter time: what has ended leaves the CRL',
  ),
  ...(crls?.oneAFile === true && lists > 1
    ? [
        warning(
          'crl-file',
          `${name} holds ${lists} CRLs`,
          `${title} is given one at a time: --crl-out writes a file each`,
        ),
      ]
    : []),
];
