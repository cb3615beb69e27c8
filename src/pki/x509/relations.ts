import type { Certificate } from './certificate.ts';
import type { Item } from './document.ts';
import { readAuthorityKeyIdentifier, readSubjectKeyIdentifier } from './extensions.ts';
import { extension } from './certificate.ts';
import { nameKey, sameName } from './name-comparison.ts';
import { oid } from './oid.ts';
import { PkiError } from '../errors.ts';
import { publicKeyFacts } from './public-key-facts.ts';
import { subjectPublicKeyBits } from './subject-public-key.ts';
import type { Budget } from './budget.ts';
import { checkSignature } from './validation/signature.ts';

/** Two things that belong together; `from` and `to` count in the list of items. */
export interface Relation {
  type: 'key-of' | 'public-key-of' | 'request-of' | 'issued-by';
  from: number;
  to: number;
}

export interface Relations {
  relations: Relation[];
  /** False where there were more signatures to check than the budget allows. */
  complete: boolean;
}

/**
 * Which items belong together: keys and requests to certificates by the public key, certificates and CRLs to their
 * issuer by name, key identifier and signature.
 */
export function relate(items: readonly Item[], budget: Budget): Relations {
  const issuers = relateIssuers(items, budget);
  return { relations: [...relateKeys(items), ...issuers.relations], complete: issuers.complete };
}

/** Of every public key: its bits. */
function keyOf(item: Item): string | undefined {
  const spki = spkiOf(item);
  return spki && subjectPublicKeyBits(spki).toString('base64');
}

function spkiOf(item: Item): Buffer | undefined {
  switch (item.kind) {
    case 'certificate':
      return item.certificate.publicKey;
    case 'request':
      return item.request.publicKey;
    case 'private-key':
    case 'public-key':
      return item.publicKey;
    default:
      return undefined;
  }
}

function relateKeys(items: readonly Item[]): Relation[] {
  const owners = new Map<string, number[]>();
  const others: [index: number, key: string][] = [];
  items.forEach((item, index) => {
    const key = keyOf(item);
    if (key === undefined) return;
    if (item.kind === 'certificate') owners.set(key, [...(owners.get(key) ?? []), index]);
    else others.push([index, key]);
  });
  return others.flatMap(([from, key]) => {
    const found = owners.get(key) ?? othersWith(key, from, others, items);
    return found.map((to) => ({ type: typeOf(items[from]), from, to }));
  });
}

/** Where no certificate has the key, it may still be a request's. */
function othersWith(
  key: string,
  from: number,
  others: readonly (readonly [number, string])[],
  items: readonly Item[],
): number[] {
  if (items[from]?.kind === 'request') return [];
  return others.filter(([to, other]) => other === key && items[to]?.kind === 'request').map(([to]) => to);
}

function typeOf(item: Item | undefined): Relation['type'] {
  if (item?.kind === 'private-key') return 'key-of';
  return item?.kind === 'request' ? 'request-of' : 'public-key-of';
}

/** A certificate that may have signed others. Of several that are the same, the first stands for all. */
interface Issuer {
  index: number;
  certificate: Certificate;
  keyIdentifier: Buffer | undefined;
}

function relateIssuers(items: readonly Item[], budget: Budget): Relations {
  const bySubject = issuersBySubject(items);
  const relations: Relation[] = [];
  for (const [from, item] of items.entries()) {
    const signed =
      item.kind === 'certificate' ? item.certificate : item.kind === 'crl' ? item.crl : undefined;
    if (!signed) continue;
    const wanted = read(
      extension(signed, oid.authorityKeyIdentifier)?.value,
      readAuthorityKeyIdentifier,
    )?.keyIdentifier;
    for (const { index, certificate, keyIdentifier } of bySubject.get(nameKey(signed.issuerName)) ?? []) {
      if (!budget.spend(1)) return { relations, complete: false };
      // Where both name a key, it must be the same one (RFC 5280 4.2.1.1).
      if (wanted && keyIdentifier && !wanted.equals(keyIdentifier)) continue;
      if (certificate.der.equals(signed.der)) continue;
      if (!budget.spend(signatureTime(certificate))) return { relations, complete: false };
      if (checkSignature(signed, certificate) === 'good')
        relations.push({ type: 'issued-by', from, to: index });
    }
  }
  return { relations, complete: true };
}

function issuersBySubject(items: readonly Item[]): Map<string, Issuer[]> {
  const bySubject = new Map<string, Issuer[]>();
  const seen = new Set<string>();
  items.forEach((item, index) => {
    if (item.kind !== 'certificate') return;
    const { certificate } = item;
    const id = certificate.der.toString('latin1');
    if (seen.has(id)) return;
    seen.add(id);
    const issuer: Issuer = {
      index,
      certificate,
      keyIdentifier: read(extension(certificate, oid.subjectKeyIdentifier)?.value, readSubjectKeyIdentifier),
    };
    const key = nameKey(certificate.subjectName);
    const list = bySubject.get(key);
    if (list) list.push(issuer);
    else bySubject.set(key, [issuer]);
  });
  return bySubject;
}

/** How long a signature by this key takes to check, in microseconds, rather too much than too little. */
function signatureTime({ publicKey }: Certificate): number {
  const { algorithm, bits = 0, exponent = '' } = publicKeyFacts(publicKey);
  const size = (bits / 2048) ** 2;
  switch (algorithm) {
    case 'RSA':
    case 'RSA-PSS':
      // Squares of the modulus, as many as the exponent has bits; a decimal digit is 3.3 of them.
      return 100 + 6 * size * (exponent.endsWith('bits') ? bits : 3.4 * exponent.length);
    case 'EC':
      return 150 + (bits / 64) ** 3;
    case 'DSA':
      return 150 + 300 * size;
    default:
      return 250;
  }
}

function read<T>(value: Buffer | undefined, reader: (value: Buffer) => T): T | undefined {
  try {
    return value && reader(value);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** `undefined` where the algorithm or the key is none that can be checked, or the budget is used up. */
export function isSelfSigned(certificate: Certificate, budget: Budget): boolean | undefined {
  if (!sameName(certificate.issuerName, certificate.subjectName)) return false;
  if (!budget.spend(signatureTime(certificate))) return undefined;
  const check = checkSignature(certificate, certificate);
  return check === 'good' ? true : check === 'bad' ? false : undefined;
}
