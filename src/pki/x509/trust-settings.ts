import { contextConstructed, DerReader, objectIdentifier, tag, text, type Element } from './der-reader.ts';

/** What OpenSSL keeps behind a certificate in a TRUSTED CERTIFICATE block (X509_CERT_AUX in its x_x509a.c). */
export interface TrustSettings {
  /** OIDs of purposes. */
  trusted: string[];
  /** OIDs of purposes. */
  rejected: string[];
  alias: string | undefined;
}

/** @throws DerError */
export function splitTrusted(der: Buffer): { certificate: Buffer; trust: TrustSettings | undefined } {
  const reader = new DerReader(der);
  const certificate = reader.expect(tag.sequence, 'a certificate').raw;
  if (reader.done) return { certificate, trust: undefined };
  const settings = reader.sequence('trust settings');
  reader.finish('trust settings');
  const trusted = purposes(settings.optional(tag.sequence, 'trusted purposes'));
  const rejected = purposes(settings.optional(contextConstructed(0), 'rejected purposes'));
  const alias = settings.optional(tag.utf8String, 'alias');
  return { certificate, trust: { trusted, rejected, alias: alias && text(alias) } };
}

const purposes = (list: Element | undefined): string[] =>
  list ? [...list.reader().all('a purpose')].map((element) => objectIdentifier(element, 'a purpose')) : [];
