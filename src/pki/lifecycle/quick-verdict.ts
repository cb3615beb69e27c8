import type { Signer } from '../authorities/local/local-authority.ts';
import type { Access, CertificateFolder } from '../store/generation.ts';
import { changesBetween, type StoredRequest } from '../store/request.ts';
import { readSealed } from '../store/seal.ts';
import { readLife } from '../x509/certificate.ts';
import { earliestDue, IssuersAbove } from './issuers-above.ts';
import { policyFor, type Rule, type Verdict } from './rotation-verdict.ts';

const beginOfPem = '-----BEGIN CERTIFICATE-----';
const endOfPem = '-----END CERTIFICATE-----';

/** What stands there; `sealed` where the files are as they were left, and it takes `judge` to say the rest. */
export type Look = Extract<Verdict, { due: false }> | 'sealed' | 'unknown';

interface Asked {
  stored: StoredRequest;
  wanted: StoredRequest;
  access: Access;
  isBare: boolean;
}

/**
 * Judges certificates that are as they were left, and not due, at the cost of reading their files: in a sweep over a
 * store almost all are.
 */
export class QuickVerdict {
  readonly #above = new IssuersAbove();

  /**
   * @param asked what is stored, what is asked for, and whether the folder is known to be at rest
   * @param signer who would sign its successor, where that can be told without asking for it.
   */
  look(
    folder: CertificateFolder,
    generation: number,
    { stored, wanted, access, isBare }: Asked,
    signer: Signer | undefined,
    rule: Rule,
  ): Look {
    if (rule.force || !(isBare || folder.isAtRest)) return 'unknown';
    if (stored !== wanted && changesBetween(stored, wanted).length > 0) return 'unknown';
    const sealed = readSealed(folder.versionPath(generation), access);
    if (!sealed) return 'unknown';
    const above = this.#above.of(sealed.chain, sealed.ca);
    if (!above || signer?.isRevoked) return 'sealed';
    if (signer && above.issuer?.equals(signer.certificate.der) !== true) return 'sealed';
    const base64 = sealed.cert.slice(beginOfPem.length, sealed.cert.indexOf(endOfPem));
    const certificate = readLife(Buffer.from(base64, 'base64'));
    const due = earliestDue(certificate, above, policyFor(wanted, rule), rule.instance);
    if (rule.now >= due) return 'sealed';
    return { due: false, standing: { generation, certificate, due } };
  }
}
