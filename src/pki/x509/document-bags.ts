import { PkiError } from '../errors.ts';
import { readCertificate } from './certificate.ts';
import { readCrl } from './crl.ts';
import { summariseEntries } from './crl-summary.ts';
import { isFull, problem, type Document, type Item, type Place } from './document.ts';
import { refuseHuge } from './file-budget.ts';
import { derive, type AskPassphrase } from './key-file.ts';
import { openPkcs12, type Bag } from './pkcs12.ts';
import { readSignedData } from './pkcs7.ts';

/*
 * The two containers that hold several things: each of them is read by itself, so that a broken one hides no other.
 */

interface Source {
  place: Place;
  notes: string[];
}

interface Reading {
  document: Document;
  ask: AskPassphrase;
}

export async function readPkcs7(der: Buffer, source: Source, { document }: Reading): Promise<void> {
  const { certificates, crls, signers } = readSignedData(der);
  if (certificates.length + crls.length === 0) {
    throw new PkiError('malformed', 'expected certificates in the PKCS#7, found none');
  }
  const place: Place = { ...source.place, container: 'pkcs7' };
  const notes = [...source.notes, ...(signers > 0 ? ['beside a signature that is not checked'] : [])];
  for (const one of certificates) {
    if (isFull(document)) return;
    add(document, place, () => certificateItem(one, { place, notes }, document));
  }
  for (const one of crls) {
    if (isFull(document)) return;
    add(document, place, () => crlItem(one, { place, notes }));
  }
}

export async function readPkcs12(der: Buffer, source: Source, { document, ask }: Reading): Promise<void> {
  const place: Place = { ...source.place, container: 'pkcs12' };
  const file = await openPkcs12(der, ask, document.budget);
  if (!file) {
    document.items.push({
      kind: 'foreign',
      place,
      notes: source.notes,
      locked: true,
      what: 'PKCS#12 under a passphrase',
      advice: '--passphrase-file FILE opens it',
    });
    return;
  }
  const notes = [
    ...source.notes,
    ...(file.open ? ['the PKCS#12 file has no passphrase'] : []),
    ...(file.integrity === 'mac' ? [] : ['nothing proves that the PKCS#12 file is whole']),
  ];
  if (file.bags.length === 0) throw new PkiError('malformed', 'expected certificates or keys, found none');
  for (const bag of file.bags) {
    if (isFull(document)) return;
    const own = { ...place, friendlyName: bag.friendlyName };
    add(document, own, () => bagItem(bag, { place: own, notes }, document));
  }
}

function add(document: Document, place: Place, read: () => Item): void {
  try {
    document.items.push(read());
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    document.problems.push(problem(error, place));
  }
}

function bagItem({ kind, der, encrypted }: Bag, source: Source, document: Document): Item {
  const { place, notes } = source;
  switch (kind) {
    case 'certificate':
      return certificateItem(der, source, document);
    case 'crl':
      return crlItem(der, source);
    case 'key': {
      const facts = derive('pkcs8', der, document.budget.keys);
      der.fill(0);
      return { kind: 'private-key', place, notes, format: 'pkcs8', encrypted, ...facts };
    }
    case 'other':
      return {
        kind: 'foreign',
        place,
        notes,
        locked: false,
        what: 'a bag of another kind',
        advice: 'it is not shown',
      };
  }
}

function certificateItem(der: Buffer, { place, notes }: Source, { budget }: Document): Item {
  refuseHuge(der, 'a certificate', budget);
  return { kind: 'certificate', place, notes, certificate: readCertificate(der), trust: undefined };
}

function crlItem(der: Buffer, { place, notes }: Source): Item {
  const crl = readCrl(der);
  return { kind: 'crl', place, notes, crl, summary: summariseEntries(crl) };
}
