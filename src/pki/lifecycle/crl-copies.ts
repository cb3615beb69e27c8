import { resolve } from 'node:path';
import { PkiError } from '../errors.ts';
import { readRequest, type StoredRequest } from '../store/request.ts';
import { certificateFolder, storedNames } from '../store/store.ts';
import { referenceOf } from './authority-reference.ts';

/** A file that holds the CRL of an authority, for a service that `rotate` tells of it. */
export interface CrlCopy {
  /** Of the certificate that it is an output of. */
  name: string;
  /** Absolute. */
  path: string;
}

/** The outputs of a store that hold what an authority has revoked: `rotate` writes them, not whoever revokes. */
export function crlCopies(store: string, authority: string): CrlCopy[] {
  return storedNames(store).flatMap((name) => {
    const request = requestOf(store, name);
    if (!request || referenceOf(store, request) !== authority) return [];
    return request.outputs
      .filter(({ content, bundle }) => content === 'crl' && bundle === undefined)
      .map(({ path }) => ({ name, path: resolve(store, path) }));
  });
}

/** `undefined` also where it cannot be read, which its own commands say. */
function requestOf(store: string, name: string): StoredRequest | undefined {
  try {
    return readRequest(certificateFolder(store, name).requestFile)?.request;
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}
