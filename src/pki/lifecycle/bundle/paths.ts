import type { Certificate } from '../../x509/certificate.ts';
import type { Crl } from '../../x509/crl.ts';
import type { Item } from '../../x509/document.ts';
import { Budget } from '../../x509/budget.ts';
import { isSelfSigned, relate } from '../../x509/relations.ts';
import { folderSignatureTime } from '../../x509/file-budget.ts';

export interface Standing {
  selfSigned: boolean;
  /** Leads to a root that is there. */
  rooted: boolean;
  /** CAs on the longest way up that is there, with itself. */
  depth: number;
}

/** Who certifies whom among certificates, and which of them have signed which CRLs. */
export class Paths {
  readonly #issuers = new Map<Certificate, Certificate[]>();
  readonly #signers = new Map<Crl, Certificate[]>();
  readonly #standings = new Map<Certificate, Standing>();

  constructor(certificates: readonly Certificate[], crls: readonly Crl[]) {
    const place = {
      container: 'der',
      block: undefined,
      label: undefined,
      offset: 0,
      friendlyName: undefined,
    } as const;
    const empty = { count: 0, first: undefined, last: undefined, reasons: new Map<string, number>() };
    const items: Item[] = [
      ...certificates.map(
        (certificate) => ({ kind: 'certificate', certificate, trust: undefined, place, notes: [] }) as const,
      ),
      ...crls.map((crl) => ({ kind: 'crl', crl, summary: empty, place, notes: [] }) as const),
    ].map((item) => ({ ...item, notes: [] }));
    const budget = new Budget(folderSignatureTime);
    for (const { type, from, to } of relate(items, budget).relations) {
      const [signed, issuer] = [items[from], items[to]];
      if (type !== 'issued-by' || issuer?.kind !== 'certificate') continue;
      if (signed?.kind === 'certificate') push(this.#issuers, signed.certificate, issuer.certificate);
      if (signed?.kind === 'crl') push(this.#signers, signed.crl, issuer.certificate);
    }
    for (const one of certificates) this.#walk(one, new Set(), budget);
  }

  of(certificate: Certificate): Standing {
    return this.#standings.get(certificate) ?? { selfSigned: false, rooted: false, depth: 1 };
  }

  signersOf(crl: Crl): readonly Certificate[] {
    return this.#signers.get(crl) ?? [];
  }

  /** CAs may certify one another in a circle. */
  #walk(certificate: Certificate, below: ReadonlySet<Certificate>, budget: Budget): Standing {
    const known = this.#standings.get(certificate);
    if (known) return known;
    const selfSigned = isSelfSigned(certificate, budget) === true;
    const path = new Set([...below, certificate]);
    const upper = selfSigned
      ? []
      : (this.#issuers.get(certificate) ?? [])
          .filter((one) => !path.has(one))
          .map((one) => this.#walk(one, path, budget));
    const standing = {
      selfSigned,
      rooted: selfSigned || upper.some(({ rooted }) => rooted),
      depth: 1 + Math.max(0, ...upper.map(({ depth }) => depth)),
    };
    this.#standings.set(certificate, standing);
    return standing;
  }
}

function push<K>(map: Map<K, Certificate[]>, key: K, value: Certificate): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
