import { PkiError } from '../errors.ts';
import { readCertificate, type CertificateLife } from '../x509/certificate.ts';
import { dueAt, type DuePolicy } from './due.ts';
import { pemCertificates } from './standing.ts';

/** The certificates above a leaf, and when the first of them ends. */
export interface Above {
  /** DER of the leaf's issuer. */
  issuer: Buffer | undefined;
  end: number;
}

/** Decodes what stands above leaves, each chain once: a store of thousands has few issuers. */
export class IssuersAbove {
  readonly #known = new Map<string, Above | undefined>();
  #last: { chain: string; ca: string; above: Above | undefined } | undefined;

  /**
   * @param chain PEM of the intermediates, from the leaf's issuer upwards.
   * @param ca PEM of the root, where it is known.
   * @returns `undefined` where one of them is damaged.
   */
  of(chain: string, ca: string): Above | undefined {
    // Nearly always the same as of the one before.
    if (this.#last?.chain === chain && this.#last.ca === ca) return this.#last.above;
    const text = `${chain}\n\n${ca}`;
    if (!this.#known.has(text)) this.#known.set(text, decode(chain, ca));
    this.#last = { chain, ca, above: this.#known.get(text) };
    return this.#last.above;
  }
}

function decode(...pems: readonly string[]): Above | undefined {
  const issuers = pems.flatMap((pem) => pemCertificates(Buffer.from(pem, 'latin1')));
  const end = earliestEnd(issuers);
  return end === undefined ? undefined : { issuer: issuers[0], end };
}

/** `undefined` where one of them is damaged. */
export function earliestEnd(issuers: readonly Buffer[]): number | undefined {
  try {
    return Math.min(...issuers.map((der) => readCertificate(der).notAfter.getTime()));
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** When it is due itself, or the first of those above it that ends before it; what comes first. */
export function earliestDue(
  { notBefore, notAfter }: Pick<CertificateLife, 'notBefore' | 'notAfter'>,
  { end }: Above,
  policy: DuePolicy | undefined,
  instance: string,
): Date {
  const own = dueAt({ notBefore, notAfter }, policy, instance);
  if (end >= notAfter.getTime()) return own;
  const cut = dueAt({ notBefore, notAfter: new Date(end) }, policy, instance);
  return cut < own ? cut : own;
}
