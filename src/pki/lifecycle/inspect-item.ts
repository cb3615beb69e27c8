import {
  describePublicKey,
  type CertificateDescription,
  type PublicKeyDescription,
} from '../x509/describe-certificate.ts';
import type { CrlDescription, RequestDescription } from '../x509/describe-other.ts';
import type { Item } from '../x509/document.ts';

/** What is shown of a private key: never the key. */
export interface PrivateKeyDescription {
  kind: 'private-key';
  format: string;
  encrypted: boolean;
  /** `null` where the key stays closed or is of an unknown kind; `why` says which. */
  publicKey: PublicKeyDescription | null;
  why: string | null;
}

export type ItemDescription =
  | (CertificateDescription & {
      /** Its own key signed it; `null` where that cannot be checked. */
      selfSigned: boolean | null;
    })
  | RequestDescription
  | CrlDescription
  | PrivateKeyDescription
  | { kind: 'public-key'; publicKey: PublicKeyDescription }
  | { kind: 'foreign'; what: string; advice: string };

export function describeKeyItem(
  item: Exclude<Item, { kind: 'certificate' | 'request' | 'crl' }>,
): ItemDescription {
  switch (item.kind) {
    case 'private-key': {
      const { format, encrypted, publicKey, why } = item;
      return {
        kind: 'private-key',
        format,
        encrypted,
        publicKey: publicKey ? describePublicKey(publicKey) : null,
        why: why ?? null,
      };
    }
    case 'public-key':
      return { kind: 'public-key', publicKey: describePublicKey(item.publicKey) };
    case 'foreign':
      return { kind: 'foreign', what: item.what, advice: item.advice };
  }
}
