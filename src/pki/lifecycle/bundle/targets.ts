import type { PublicKeyFacts } from '../../x509/public-key-facts.ts';

/*
 * What services take as a trust store for client certificates.
 * API Gateway: docs.aws.amazon.com/apigateway, "rest-api-mutual-tls" and its quotas.
 * Application Load Balancer: docs.aws.amazon.com/elasticloadbalancing, "mutual-authentication", "load-balancer-limits".
 * nginx: ssl_client_certificate and ssl_crl, which are OpenSSL's X509_STORE with CRLs asked for on the whole chain.
 */

export const targetNames = ['nginx', 'apigateway', 'alb'] as const;
export type TargetName = (typeof targetNames)[number];

/** An upper bound; AWS raises some of them on request. */
export interface Quota {
  most: number;
  adjustable: boolean;
}

export interface Target {
  title: string;
  /** Whether its PEM may hold nothing but blocks, and comments with `#` and without a hyphen. */
  strictPem: boolean;
  certificates?: Quota;
  /** Of the whole file, in bytes. */
  size?: Quota;
  /** Of one certificate in PEM, in bytes. */
  certificateSize?: Quota;
  /** CAs in one path, with the root. */
  depth?: Quota;
  keys: { take: (key: PublicKeyFacts) => boolean; words: string };
  /** Hashes of signatures; `ownSignatures`: also of a root's signature on itself, which nobody relies on. */
  digests: { take: readonly string[]; ownSignatures: boolean; words: string };
  /** Whether each CA must lead to a root that is in the file. */
  needsRoots: boolean;
  /** Whether of two CAs with the same subject both must have the same issuer and key. */
  oneIssuerPerSubject: boolean;
  /** `undefined`: it knows no CRLs. */
  crls?: CrlTarget;
  /** Instead of CRLs. */
  withoutCrls?: string;
}

export interface CrlTarget {
  size?: Quota;
  lists?: Quota;
  /** In all lists. */
  entries?: Quota;
  /** Where one CRL is given, that of every CA is asked for. */
  wantsAll: boolean;
  /** Each list is a file of its own. */
  oneAFile: boolean;
  /** Serial numbers below zero are refused. */
  positiveSerials: boolean;
}

const fixed = (most: number): Quota => ({ most, adjustable: false });
const raised = (most: number): Quota => ({ most, adjustable: true });
const rsa = (key: PublicKeyFacts, least: number, most: number): boolean =>
  key.algorithm === 'RSA' && (key.bits ?? 0) >= least && (key.bits ?? 0) <= most;
const ec = (key: PublicKeyFacts, ...curves: string[]): boolean =>
  key.algorithm === 'EC' && curves.includes(key.curve ?? '');
const sha2 = ['sha256', 'sha384', 'sha512'];

export const targets: Readonly<Record<TargetName, Target>> = {
  nginx: {
    title: 'nginx',
    strictPem: false,
    // OpenSSL's security level 2, which Debian and others set: 112 bits.
    keys: {
      take: (key) => !/^(RSA|DSA|EC)/.test(key.algorithm) || (key.strength ?? 112) >= 112,
      words: 'RSA from 2048 bits, EC from 224 bits, Ed25519',
    },
    digests: {
      take: [...sha2, 'sha224', 'sha512-256', 'sha3-256', 'sha3-384', 'sha3-512'],
      ownSignatures: false,
      words: 'SHA-256 and above',
    },
    needsRoots: true,
    oneIssuerPerSubject: false,
    crls: { wantsAll: true, oneAFile: false, positiveSerials: false },
  },
  apigateway: {
    title: 'API Gateway',
    strictPem: true,
    certificates: fixed(1000),
    size: fixed(1_000_000),
    depth: fixed(4),
    keys: {
      take: (key) => rsa(key, 2048, Infinity) || ec(key, 'P-256', 'P-384'),
      words: 'RSA from 2048 bits, P-256, P-384',
    },
    digests: { take: sha2, ownSignatures: true, words: 'SHA-256, SHA-384, SHA-512' },
    needsRoots: true,
    oneIssuerPerSubject: true,
    withoutCrls: 'let a Lambda authorizer refuse what is revoked',
  },
  alb: {
    title: 'Application Load Balancer',
    strictPem: true,
    certificates: raised(25),
    certificateSize: fixed(16_384),
    depth: fixed(4),
    keys: {
      take: (key) => rsa(key, 2048, 8192) || ec(key, 'P-256', 'P-384', 'P-521'),
      words: 'RSA of 2048 to 8192 bits, P-256, P-384, P-521',
    },
    digests: { take: sha2, ownSignatures: true, words: 'SHA-256, SHA-384, SHA-512' },
    needsRoots: false,
    oneIssuerPerSubject: false,
    crls: {
      size: fixed(50_000_000),
      lists: fixed(30),
      entries: raised(500_000),
      wantsAll: false,
      oneAFile: true,
      positiveSerials: true,
    },
  },
};
