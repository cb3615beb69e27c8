import { mkdirSync, renameSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { foreignCode, PkiError } from '../../errors.ts';
import {
  discard,
  ioError,
  makeFolder,
  readIfThere,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../../durable.ts';
import { sweepDrafts } from '../../sweep.ts';
import { buildCaRequest } from '../../x509/certification-request-builder.ts';
import { readCertificationRequest } from '../../x509/certification-request.ts';
import { encodeName } from '../../x509/distinguished-name.ts';
import type { NameConstraints } from '../../x509/extensions.ts';
import { generateKey, keyIdentifier, publicKeyDer, type KeyType } from '../../x509/key.ts';
import { oid } from '../../x509/oid.ts';
import { encodePem } from '../../x509/pem-writer.ts';
import { caJsonText, type CaJson } from './ca-json.ts';
import { keyPem, occupied, refuseOccupied } from './init.ts';
import { caFile, issuerId, pendingFolder } from './layout.ts';

/** An issuing CA whose certificate somebody else is to sign. */
export interface NewPendingCa {
  name: string;
  keyType: KeyType;
  nameConstraints: NameConstraints | undefined;
  passphrase: Buffer | undefined;
  defaults: CaJson['defaults'];
  /** Of its CRLs: `7d`; `undefined` for 30 days. */
  crlLifetime: string | undefined;
}

/** A key that waits for its certificate. */
export interface PendingIssuer {
  folder: string;
  /** Encoded SubjectPublicKeyInfo. */
  publicKey: Buffer;
  /** PEM. */
  request: string;
}

/** What an issuing CA asks for: it signs certificates of servers and clients, and no further CA. */
export const issuingWishes = {
  basicConstraints: { ca: true, pathLength: 0 },
  keyUsage: ['keyCertSign', 'cRLSign'],
} as const;

export const requestPem = (der: Buffer): string => encodePem('CERTIFICATE REQUEST', der);

/**
 * Makes the key of an issuing CA and its request. The folder appears whole, by one rename(2), or not at all.
 * @throws PkiError `exists` where the folder holds anything.
 */
export async function createPendingCa(
  folder: string,
  wanted: NewPendingCa,
  now: Date,
): Promise<PendingIssuer> {
  refuseOccupied(folder);
  makeFolder(dirname(folder));
  sweepDrafts(dirname(folder), basename(folder));
  const key = await generateKey(wanted.keyType);
  const subject = encodeName([{ type: oid.commonName, value: `${wanted.name} Issuing CA` }]);
  const wishes = { ...issuingWishes, nameConstraints: wanted.nameConstraints };
  const request = requestPem(buildCaRequest(subject, wishes, key));
  const secret = await keyPem(key, wanted.passphrase);
  const id = issuerId(keyIdentifier(publicKeyDer(key)));
  const draft = temporaryBeside(folder);
  try {
    mkdirSync(draft, { mode: 0o700 });
    writeNew(caFile(draft), {
      data: caJsonText(wanted.name, now, wanted.defaults, wanted.crlLifetime),
      mode: 0o600,
    });
    mkdirSync(join(draft, 'issuers'), { mode: 0o700 });
    const pending = join(pendingFolder(draft), id);
    makeFolder(pending, 0o700, 'later');
    writeNew(join(pending, 'request.pem'), { data: request, mode: 0o644 });
    writeNew(join(pending, 'key.pem'), { data: secret, mode: 0o600 });
    for (const path of [pending, pendingFolder(draft), draft]) syncFolder(path);
    renameSync(draft, folder);
  } catch (error) {
    discard(draft);
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) throw occupied(folder);
    throw ioError(error, 'create', folder);
  }
  syncFolder(dirname(folder));
  return { folder: join(pendingFolder(folder), id), publicKey: publicKeyDer(key), request };
}

/** @throws PkiError `malformed` where it holds no request */
export function readPendingIssuer(folder: string): PendingIssuer {
  const file = join(folder, 'request.pem');
  const pem = readIfThere(file)?.toString('latin1') ?? '';
  try {
    const der = Buffer.from(pem.replace(/-----[^-]*-----|\s/g, ''), 'base64');
    return { folder, publicKey: readCertificationRequest(der).publicKey, request: pem };
  } catch (cause) {
    throw new PkiError('malformed', `${file} holds no request`, { hint: 'restore it from a backup', cause });
  }
}
