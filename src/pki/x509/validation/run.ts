import type { Certificate } from '../certificate.ts';
import { nameKey } from '../name-comparison.ts';
import { Budget } from '../budget.ts';
import { defaultBudget, signatureCost } from './budget.ts';
import type { ChainInput } from './chain-input.ts';
import { indexCrl, type CrlIndex } from './crl-index.ts';
import { decode } from './decoded.ts';
import { checkSignature, keyFactsOf, type SignatureCheck, type Signed } from './signature.ts';

type Index<T> = ReadonlyMap<string, readonly T[]>;

/** One verdict in the making: what was handed in, indexed; what is known already; what may still be spent. */
export class Run {
  readonly input: ChainInput;
  readonly time: Date;
  readonly budget: Budget;
  readonly #anchors: Index<Certificate>;
  readonly #intermediates: Index<Certificate>;
  readonly #crls: Index<CrlIndex>;
  readonly #checked = new Map<Signed, Map<string, SignatureCheck>>();

  constructor(input: ChainInput) {
    this.input = input;
    this.time = input.time;
    this.budget = new Budget(input.budget ?? defaultBudget);
    this.#anchors = indexBySubject(input.anchors);
    this.#intermediates = indexBySubject(input.intermediates);
    this.#crls = indexBy((input.crls ?? []).map(indexCrl), ({ crl }) => nameKey(crl.issuerName));
  }

  /** Checks a signature once for each key. */
  checkSignature(object: Signed, signer: Certificate): SignatureCheck {
    let byKey = this.#checked.get(object);
    if (!byKey) this.#checked.set(object, (byKey = new Map<string, SignatureCheck>()));
    const key = signer.publicKey.toString('latin1');
    let result = byKey.get(key);
    if (result === undefined) {
      // What cannot be afforded is not good; the search ends with too much work in any case.
      const affordable = this.budget.spend(signatureCost(keyFactsOf(signer)));
      result = affordable ? checkSignature(object, signer) : 'bad';
      byKey.set(key, result);
    }
    return result;
  }

  isTrusted(certificate: Certificate): boolean {
    return this.anchorsNamed(certificate).some((anchor) => anchor.der.equals(certificate.der));
  }

  /** Anchors and others that bear this certificate's subject. */
  namesakesOf(certificate: Certificate): Certificate[] {
    const key = nameKey(certificate.subjectName);
    return [...(this.#anchors.get(key) ?? []), ...(this.#intermediates.get(key) ?? [])];
  }

  /** Whoever bears the issuer's name, the most promising first. The order guides the search and decides nothing. */
  issuersOf(certificate: Certificate): Certificate[] {
    const key = nameKey(certificate.issuerName);
    const anchors = this.#anchors.get(key) ?? [];
    const others = (this.#intermediates.get(key) ?? []).filter(
      (one) => !anchors.some((a) => a.der.equals(one.der)),
    );
    const score = (one: Certificate): number =>
      (anchors.includes(one) ? 4 : 0) + keyIdentifierScore(certificate, one) + (this.isCurrent(one) ? 2 : 0);
    const all = [...anchors, ...others];
    if (all.length < 2) return all;
    return all
      .map((one) => [score(one), one] as const)
      .sort(([a], [b]) => b - a)
      .map(([, one]) => one);
  }

  crlsOf(issuer: Certificate): readonly CrlIndex[] {
    return this.#crls.get(nameKey(issuer.subjectName)) ?? [];
  }

  private anchorsNamed({ subjectName }: Certificate): readonly Certificate[] {
    return this.#anchors.get(nameKey(subjectName)) ?? [];
  }

  private isCurrent({ notBefore, notAfter }: Certificate): boolean {
    return notBefore <= this.time && this.time <= notAfter;
  }
}

/** Anchors are often the same hundred roots again and again: they are indexed once. */
const indexes = new WeakMap<readonly Certificate[], Index<Certificate>>();

function indexBySubject(certificates: readonly Certificate[]): Index<Certificate> {
  let index = indexes.get(certificates);
  if (!index) {
    index = indexBy(certificates, ({ subjectName }) => nameKey(subjectName));
    indexes.set(certificates, index);
  }
  return index;
}

function indexBy<T>(items: readonly T[], keyOf: (item: T) => string): Index<T> {
  const index = new Map<string, T[]>();
  for (const item of items) {
    const key = keyOf(item);
    const list = index.get(key);
    if (list) list.push(item);
    else index.set(key, [item]);
  }
  return index;
}

/** Whether the identifiers agree: 3, contradict: -3, or say nothing (RFC 4158 3.5.12). */
export function keyIdentifierScore(certificate: Certificate, issuer: Certificate): number {
  const { authorityKeyIdentifier: authority } = decode(certificate);
  const own = decode(issuer).subjectKeyIdentifier;
  if (authority?.serial && !authority.serial.equals(issuer.serial)) return -3;
  if (!authority?.keyIdentifier || !own) return 0;
  return authority.keyIdentifier.equals(own) ? 3 : -3;
}
