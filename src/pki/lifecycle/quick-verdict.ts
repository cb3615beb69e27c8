import type { Access, CertificateFolder } from '../store/generation.ts';
import { changesBetween, type StoredRequest } from '../store/request.ts';
import { readSealed } from '../store/seal.ts';
import { readLife, type Certificate, type CertificateLife } from '../x509/certificate.ts';
import { dueAt, type DuePolicy } from './due.ts';
import { earliestEnd, policyFor, type Rule, type Verdict } from './rotation-verdict.ts';
import { pemCertificates } from './standing.ts';

const endOfLeaf = '-----END CERTIFICATE-----';

/** The certificates above the leaf, and when the first of them ends. */
interface Upper {
  issuer: Buffer | undefined;
  end: number;
}

/**
 * Judges certificates that are as they were left, and not due, at the cost of reading their files: in a sweep over a
 * store almost all are.
 */
export class QuickVerdict {
  /** By their text: a store has few issuers. */
  readonly #uppers = new Map<string, Upper>();

  /**
   * @param request what is asked for, and what is stored.
   * @param issuer who would sign its successor, where that can be told without asking for it.
   * @returns what stands there; `undefined` where it takes `judge` to say.
   */
  notDue(
    folder: CertificateFolder,
    generation: number,
    { stored, wanted, access }: { stored: StoredRequest; wanted: StoredRequest; access: Access },
    issuer: Certificate | undefined,
    rule: Rule,
  ): Verdict | undefined {
    if (rule.force || folder.pending()) return undefined;
    if (stored !== wanted && changesBetween(stored, wanted).length > 0) return undefined;
    const sealed = readSealed(folder.versionPath(generation), access);
    if (!sealed) return undefined;
    const end = sealed.fullchain.indexOf(endOfLeaf) + endOfLeaf.length;
    const upper = this.#upperOf(sealed.fullchain.slice(end), sealed.ca);
    if (!upper || (issuer && upper.issuer?.equals(issuer.der) === false)) return undefined;
    const [, base64] = sealed.fullchain.slice(0, end).split('-----BEGIN CERTIFICATE-----');
    if (base64 === undefined) return undefined;
    const certificate = readLife(Buffer.from(base64.slice(0, -endOfLeaf.length), 'base64'));
    const due = earliestDue(certificate, upper, policyFor(wanted, rule), rule.instance);
    if (rule.now >= due) return undefined;
    return { due: false, standing: { generation, certificate, due } };
  }

  #upperOf(chainText: string, caText: string): Upper | undefined {
    const text = `${chainText}\n\n${caText}`;
    const known = this.#uppers.get(text);
    if (known) return known;
    const issuers = [chainText, caText].flatMap((pem) => pemCertificates(Buffer.from(pem, 'latin1')));
    const end = earliestEnd(issuers);
    if (end === undefined) return undefined;
    const upper = { issuer: issuers[0], end };
    this.#uppers.set(text, upper);
    return upper;
  }
}

/** When it is due itself, or the first of those above it that ends before it; what comes first. */
function earliestDue(
  { notBefore, notAfter }: CertificateLife,
  { end }: Upper,
  policy: DuePolicy,
  instance: string,
): Date {
  const own = dueAt({ notBefore, notAfter }, policy, instance);
  if (end >= notAfter.getTime()) return own;
  const cut = dueAt({ notBefore, notAfter: new Date(end) }, policy, instance);
  return cut < own ? cut : own;
}
