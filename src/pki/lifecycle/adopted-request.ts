import type { KeyObject } from 'node:crypto';
import { PkiError } from '../errors.ts';
import type { StoredRequest } from '../store/request.ts';
import { extension, type Certificate } from '../x509/certificate.ts';
import { commonName, formatName } from '../x509/distinguished-name.ts';
import { readAlternativeNames, readExtendedKeyUsage } from '../x509/extensions.ts';
import { formatGeneralName } from '../x509/general-name.ts';
import { keyTypeOf, type KeyType } from '../x509/key.ts';
import { oid } from '../x509/oid.ts';
import { subjectOf, type Usage } from '../x509/profile.ts';
import { parseName, nameText } from '../x509/subject-alternative-name.ts';

/** The parts of a request that a certificate answers, and where its likeness ends. */
export interface Likeness {
  request: Pick<StoredRequest, 'names' | 'usage' | 'keyType' | 'lifetime' | 'subject'>;
  /** What a successor would have otherwise, one clause each. */
  unlike: string[];
}

const hour = 3_600_000;
const day = 24 * hour;

/**
 * The request that would have a certificate like this one made.
 * @throws PkiError `unsupported` for one that no request here asks for: a CA's, or one without a name.
 */
export function likenessOf(certificate: Certificate, key: KeyObject): Likeness {
  const unlike: string[] = [];
  const names = namesOf(certificate, unlike);
  return {
    request: {
      names,
      usage: usageOf(certificate, unlike),
      keyType: typeOf(key, unlike),
      lifetime: lifetimeText(certificate),
      subject: subjectText(certificate, names),
    },
    unlike,
  };
}

function namesOf(certificate: Certificate, unlike: string[]): string[] {
  const found = extension(certificate, oid.subjectAltName);
  const common = commonName(certificate.subjectName);
  const names: string[] = [];
  for (const name of found ? readAlternativeNames(found.value) : []) {
    const shown = formatGeneralName(name);
    const text = shown.replace(/^(dns|ip|email|uri):/, '');
    if (isName(text) && text !== shown) names.push(text);
    else unlike.push(`its successor would not have the name ${shown}`);
  }
  if (names.length === 0 && common !== undefined && isName(common)) names.push(common);
  if (names.length === 0) {
    throw new PkiError('unsupported', 'the certificate has no name that certwright can ask for', {
      hint: 'host names, IP addresses, e-mail addresses and URIs are names',
    });
  }
  // The common name stands first, as it does in what is issued here.
  return [...new Set([...names.filter((name) => name === common), ...names])];
}

function isName(text: string): boolean {
  try {
    return nameText(parseName(text)) !== '';
  } catch (error) {
    if (error instanceof PkiError) return false;
    throw error;
  }
}

function usageOf(certificate: Certificate, unlike: string[]): Usage {
  const found = extension(certificate, oid.extendedKeyUsage);
  const purposes = found ? readExtendedKeyUsage(found.value) : [oid.serverAuth, oid.clientAuth];
  const more = purposes.filter((id) => id !== oid.serverAuth && id !== oid.clientAuth);
  if (more.length > 0) unlike.push(`its successor would not be for ${more.join(', ')}`);
  const isServer = purposes.includes(oid.serverAuth);
  const isClient = purposes.includes(oid.clientAuth);
  if (!found)
    unlike.push('it says nothing of its purpose: its successor would be for TLS servers and clients alone');
  return isServer === isClient ? 'mtls' : isServer ? 'server' : 'client';
}

function typeOf(key: KeyObject, unlike: string[]): KeyType {
  const type = keyTypeOf(key);
  if (type === undefined)
    unlike.push('the key of its successor would be ec-p256: keys of this kind are not made here');
  return type ?? 'ec-p256';
}

/** Backdated by a minute here and by an hour elsewhere, and a second short in many places: what was meant. */
function lifetimeText({ notBefore, notAfter }: Certificate): string {
  const life = notAfter.getTime() - notBefore.getTime();
  const days = Math.round(life / day);
  if (days >= 2 && Math.abs(life - days * day) <= 2 * hour) return `${days}d`;
  const hours = Math.round(life / hour);
  if (hours >= 1 && Math.abs(life - hours * hour) <= 5 * 60_000) return `${hours}h`;
  return `${Math.max(1, Math.round(life / 60_000))}m`;
}

/** `undefined` where it is the one that the names give. */
function subjectText(certificate: Certificate, names: readonly string[]): string | undefined {
  const usual = subjectOf({ names: names.map(parseName), subject: undefined });
  if (certificate.subject.equals(usual)) return undefined;
  const text = formatName(certificate.subjectName);
  return text === '' ? undefined : text;
}
