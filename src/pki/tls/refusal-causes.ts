import type { Certificate } from '../x509/certificate.ts';
import { formatName, readName } from '../x509/distinguished-name.ts';
import { nameKey } from '../x509/name-comparison.ts';
import { publicKeyFacts } from '../x509/public-key-facts.ts';
import { describeSpan, displayName, type Finding, type Rule } from '../x509/validation/verdict.ts';
import type { CertificateRequest } from './handshake-message.ts';

/** One reason that a server may have had to refuse a client's certificate. */
export interface Cause {
  /** `found` where it was seen in the pair, `possible` where only the refusal speaks for it. */
  certainty: 'found' | 'possible';
  message: string;
  /** The way out, an imperative clause. */
  fix: string;
}

export interface Refused {
  /** AlertDescription; `undefined` for a close, a reset or an HTTP status. */
  alert: number | undefined;
  chain: readonly [Certificate, ...Certificate[]];
  /** What our validator finds wrong with the pair as a client's, against the roots at hand. */
  findings: readonly Finding[];
  request: CertificateRequest | undefined;
  now: Date;
  /** The server's clock, where it showed one. */
  serverTime: Date | undefined;
}

interface Weighed extends Cause {
  weight: number;
}

/** What an alert speaks of, in OpenSSL's and NSS's use of RFC 8446 6.2; Go and Java send one alert for everything. */
const rulesOfAlert: Readonly<Record<number, readonly Rule[]>> = {
  42: ['not-yet-valid', 'bad-signature', 'weak-key', 'weak-signature', 'malformed-extension'],
  43: ['extended-key-usage', 'key-usage', 'not-a-ca'],
  44: ['revoked'],
  45: ['expired'],
  46: ['crl-missing', 'crl-unusable'],
  48: ['issuer-missing', 'not-trusted', 'anchor-not-root', 'not-a-ca', 'path-length'],
};

/** Clocks nearer to each other than this do not matter, in milliseconds. */
const skewThatMatters = 30_000;

/** A certificate younger than this meets clocks that are behind, in milliseconds. */
const young = 5 * 60_000;

/** Why the server refused this pair: what the pair itself shows first, in the light of the alert. */
export function refusalCauses(refused: Refused): Cause[] {
  const causes: Weighed[] = [
    ...findingCauses(refused),
    ...issuerCauses(refused),
    ...schemeCauses(refused),
    ...clockCauses(refused),
    ...serverCauses(refused),
  ];
  causes.sort((a, b) => b.weight - a.weight);
  // Where the pair explains the refusal, guesses at the server only distract.
  const clear = (causes[0]?.weight ?? 0) >= 90;
  return causes
    .filter(({ certainty }) => !clear || certainty === 'found')
    .map(({ certainty, message, fix }) => ({ certainty, message, fix }));
}

function findingCauses({ findings, alert }: Refused): Weighed[] {
  const spoken = (alert === undefined ? undefined : rulesOfAlert[alert]) ?? [];
  return findings.map(({ rule, message, fix }) => ({
    certainty: 'found',
    message,
    fix,
    weight: weightOf(rule, spoken.includes(rule)),
  }));
}

/** Whom a server trusts is known from the CAs that it names, rather than from the roots at hand. */
function weightOf(rule: Rule, spoken: boolean): number {
  if (isAboutTrust(rule)) return spoken ? 92 : 40;
  return spoken ? 100 : 80;
}

const isAboutTrust = (rule: Rule): boolean =>
  rule === 'issuer-missing' || rule === 'not-trusted' || rule === 'anchor-not-root';

/** Does the chain that was sent lead to a CA that the server named? */
function issuerCauses({ request, chain, alert, findings }: Refused): Weighed[] {
  const wanted = readNames(request?.authorities ?? []);
  if (wanted.length === 0) return [];
  const keys = new Set(wanted.map(nameKey));
  if (
    chain.some(
      ({ issuerName, subjectName }) => keys.has(nameKey(issuerName)) || keys.has(nameKey(subjectName)),
    )
  )
    return [];
  const last = chain.at(-1) ?? chain[0];
  const list = wanted.slice(0, 3).map(formatName).join('; ');
  const more = wanted.length > 3 ? ` and ${wanted.length - 3} more` : '';
  const weight = alert === 48 ? 95 : 70;
  const issuer = formatName(last.issuerName);
  const cause: Weighed = {
    certainty: 'found',
    message: `the server takes certificates of ${list}${more}, and what was sent ends at ${issuer}`,
    fix: `let the server trust ${issuer}, or use a certificate of a CA that it names`,
    weight,
  };
  const incomplete = findings.some(({ rule }) => rule === 'issuer-missing');
  if (chain.length > 1 || !incomplete) return [cause];
  return [
    {
      certainty: 'found',
      message: `only the certificate itself was sent, and its issuer ${issuer} is none that the server names`,
      fix: 'present fullchain.pem, so that the server sees who stands between',
      weight: weight + 1,
    },
    cause,
  ];
}

const readNames = (names: readonly Buffer[]): ReturnType<typeof readName>[] =>
  names.flatMap((der) => {
    try {
      return [readName(der)];
    } catch {
      // A name that cannot be read is no name to compare with.
      return [];
    }
  });

/** SignatureSchemes that keys of each kind can sign with in TLS 1.2 and 1.3. */
const schemesOf: Readonly<Record<string, readonly number[]>> = {
  Ed25519: [0x0807],
  Ed448: [0x0808],
  RSA: [0x0401, 0x0501, 0x0601, 0x0804, 0x0805, 0x0806, 0x0201],
  'RSA-PSS': [0x0809, 0x080a, 0x080b],
  'P-256': [0x0403],
  'P-384': [0x0503],
  'P-521': [0x0603],
};

function schemeCauses({ request, chain }: Refused): Weighed[] {
  const { algorithm, curve } = publicKeyFacts(chain[0].publicKey);
  const kind = curve ?? algorithm;
  const mine = schemesOf[kind] ?? [];
  const theirs = request?.signatureSchemes ?? [];
  if (theirs.length === 0 || mine.some((scheme) => theirs.includes(scheme))) return [];
  return [
    {
      certainty: 'found',
      message: `the server verifies no signature of a key of the kind of ${displayName(chain[0])} (${kind})`,
      fix: 'issue it with a key that the server knows: --key-type ec-p256 or rsa-2048',
      weight: 90,
    },
  ];
}

function clockCauses({ serverTime, now, chain, alert }: Refused): Weighed[] {
  const [leaf] = chain;
  const name = displayName(leaf);
  if (serverTime) {
    const skew = serverTime.getTime() - now.getTime();
    if (Math.abs(skew) < skewThatMatters) return [];
    const early = serverTime < leaf.notBefore;
    const late = serverTime > leaf.notAfter;
    const effect = early
      ? `, and to it ${name} is not valid yet`
      : late
        ? `, and to it ${name} has expired`
        : '';
    const message = `the server's clock is ${describeSpan(Math.abs(skew))} ${skew < 0 ? 'behind' : 'ahead of'} this one${effect}`;
    return [{ certainty: 'found', message, fix: 'set the clocks (NTP)', weight: early || late ? 98 : 30 }];
  }
  const age = now.getTime() - leaf.notBefore.getTime();
  if (age < 0 || age > young || !(alert === undefined || alert === 42 || alert === 46)) return [];
  return [
    {
      certainty: 'possible',
      message: `${name} is valid for ${describeSpan(age)} only: to a server whose clock is behind it is not yet`,
      fix: 'wait a little, or issue with an earlier --not-before',
      weight: 35,
    },
  ];
}

/** What the server may have seen that cannot be seen from here. */
const atTheServer: Readonly<Record<number, readonly [message: string, fix: string]>> = {
  40: [
    'client and server agree on nothing that both support',
    'compare versions, cipher suites and kinds of keys on both sides',
  ],
  42: [
    'the server says no more than that it does not accept it (Go says this whatever the reason)',
    'look into its log',
  ],
  43: ['the server takes it for a certificate of another purpose', 'issue it with --usage client'],
  44: [
    'the server has a CRL or an OCSP response that lists it',
    'ask its CA, and issue a new one if it is revoked',
  ],
  45: [
    "the server's clock is ahead, or its CRL is out of date, which OpenSSL reports by the same alert",
    "look at the server's clock and at nextUpdate of its CRL",
  ],
  46: [
    'the server cannot find a CRL that it wants, or says no more (Java)',
    'give it a CRL of every CA in the chain',
  ],
  48: [
    'the server does not trust the CA that this chain ends in, or lacks a CRL of one of its CAs, which OpenSSL reports alike',
    "add that CA to the server's trust file, and its CRLs if it wants any, and reload it",
  ],
  49: [
    'the certificate is in order, and the server does not let its owner in',
    'look into its list of who may enter',
  ],
  51: [
    'the signature of the handshake does not verify with this certificate',
    'look whether key and certificate belong together',
  ],
  70: ['the server speaks no TLS 1.2 or 1.3, or not the version that --tls asks for', 'update the server'],
  71: [
    'the server finds the connection too weak',
    'compare cipher suites and the sizes of keys on both sides',
  ],
  80: ['the server failed for a reason of its own', 'look into its log'],
  86: ['the server takes it for a fallback to an older version', 'offer it the newest version'],
  112: ['the server does not know the name that was asked for', 'give its own name with --servername'],
  116: ['the server received no certificate', 'look whether something between ends TLS'],
  120: ['the server speaks none of the protocols offered', 'offer another with --alpn'],
};

function serverCauses({ alert, chain }: Refused): Weighed[] {
  const known = alert === undefined ? undefined : atTheServer[alert];
  if (known) return [{ certainty: 'possible', message: known[0], fix: known[1], weight: 20 }];
  const name = displayName(chain[0]);
  return [
    {
      certainty: 'possible',
      message: `the server does not trust the CA of ${name}, or has no usable CRL of it, or does not let its owner in`,
      fix: 'its log says which: look there',
      weight: 10,
    },
  ];
}
