import type { Certificate } from '../certificate.ts';
import type { PkiError } from '../../errors.ts';
import type { Crl } from '../crl.ts';
import type { SubjectAlternativeName } from '../subject-alternative-name.ts';
import type { Purpose } from './key-purpose.ts';
import type { OcspResponse } from './ocsp-response.ts';
import type { PolicyInputs } from './policies.ts';
import type { Strength } from './strength.ts';

/** What is asked of `validateChain`. */
export interface ChainInput extends Partial<PolicyInputs> {
  leaf: Certificate;
  /** In any order, with any others among them. */
  intermediates: readonly Certificate[];
  anchors: readonly Certificate[];
  crls?: readonly Crl[];
  ocsp?: readonly OcspResponse[];
  /** Where a server has shown the chain: what it stapled, which must answer for the leaf. */
  staple?: { response: OcspResponse | PkiError | undefined };
  /** What else is on record of a certificate: it was revoked then, for this reason (RFC 5280 5.3.1, its name). */
  onRecord?: ((certificate: Certificate) => { at: Date; reason: string } | undefined) | undefined;
  time: Date;
  usage?: Purpose;
  /** Names that the certificate must hold, all of them. */
  names?: readonly SubjectAlternativeName[];
  /** Every certificate but the anchor must be on the watch of a usable CRL. */
  requireCrl?: boolean;
  /** An anchor need not be a root. RFC 5280 never asks for one, so by default this holds where `strength` is `any`. */
  partialChain?: boolean;
  /** How many CAs may stand between the certificate and the anchor; self-issued ones do not count. */
  maxDepth?: number;
  strength?: Strength;
  /** Operations that the verdict may cost, each about a microsecond. */
  budget?: number;
}
