import type { Certificate } from './certificate.ts';
import type { Crl } from './crl.ts';
import type { Item } from './document.ts';
import { readAuthorityKeyIdentifier, readSubjectKeyIdentifier } from './extensions.ts';
import { extension } from './certificate.ts';
import { nameKey, sameName } from './name-comparison.ts';
import { oid } from './oid.ts';
import { PkiError } from '../errors.ts';
import { subjectPublicKeyBits } from './subject-public-key.ts';
import { checkSignature } from './validation/signature.ts';

export const relationTypes = ['key-of', 'public-key-of', 'request-of', 'issued-by'] as const;

/** Two things that belong together; `from` and `to` count in the list of items. */
export interface Relation {
  type: (typeof relationTypes)[number];
  from: number;
  to: number;
}

/** A file may hold ten thousand certificates of one name: this many signatures are checked, then it is good. */
const mostChecks = 2000;

/**
 * Which items belong together: keys and requests to certificates by the public key, certificates and CRLs to their
 * issuer by name, key identifier and signature.
 */
export function relate(items: readonly Item[]): Relation[] {
  return [...relateKeys(items), ...relateIssuers(items)];
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

type Signed = Certificate | Crl;

function relateIssuers(items: readonly Item[]): Relation[] {
  const bySubject = new Map<string, number[]>();
  items.forEach((item, index) => {
    if (item.kind !== 'certificate') return;
    const key = nameKey(item.certificate.subjectName);
    const list = bySubject.get(key);
    if (list) list.push(index);
    else bySubject.set(key, [index]);
  });
  let checks = 0;
  const found: Relation[] = [];
  items.forEach((item, from) => {
    const signed =
      item.kind === 'certificate' ? item.certificate : item.kind === 'crl' ? item.crl : undefined;
    if (!signed) return;
    const seen = new Set<string>();
    for (const to of bySubject.get(nameKey(signed.issuerName)) ?? []) {
      const issuer = items[to];
      if (to === from || issuer?.kind !== 'certificate' || checks >= mostChecks) continue;
      const id = issuer.certificate.der.toString('base64');
      if (seen.has(id) || issuer.certificate.der.equals(signed.der)) continue;
      seen.add(id);
      if (!identifiersAgree(signed, issuer.certificate)) continue;
      checks += 1;
      if (checkSignature(signed, issuer.certificate) === 'good') found.push({ type: 'issued-by', from, to });
    }
  });
  return found;
}

/** Where both name a key, it must be the same one (RFC 5280 4.2.1.1). */
function identifiersAgree(signed: Signed, issuer: Certificate): boolean {
  const authority = read(extension(signed, oid.authorityKeyIdentifier)?.value, readAuthorityKeyIdentifier);
  const subject = read(extension(issuer, oid.subjectKeyIdentifier)?.value, readSubjectKeyIdentifier);
  return !authority?.keyIdentifier || !subject || authority.keyIdentifier.equals(subject);
}

function read<T>(value: Buffer | undefined, reader: (value: Buffer) => T): T | undefined {
  try {
    return value && reader(value);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}

/** `undefined` where the algorithm or the key is none that can be checked. */
export function isSelfSigned(certificate: Certificate): boolean | undefined {
  if (!sameName(certificate.issuerName, certificate.subjectName)) return false;
  const check = checkSignature(certificate, certificate);
  return check === 'good' ? true : check === 'bad' ? false : undefined;
}
