import type { KeyObject } from 'node:crypto';
import { linkSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { foreignCode } from '../../errors.ts';
import {
  discard,
  ioError,
  isThere,
  makeFolder,
  orIoError,
  pointLink,
  removeAll,
  replace,
  syncFolder,
  temporaryBeside,
  writeNew,
} from '../../durable.ts';
import { sweepDrafts } from '../../sweep.ts';
import type { Certificate } from '../../x509/certificate.ts';
import { certificatesPem } from '../../x509/pem-writer.ts';
import { publishCrl, subjectKeyIdentifierOf } from './crl.ts';
import { activeLink, issuerFolder, issuerId, issuersFolder, pendingFolder } from './layout.ts';
import type { Issuer } from './open.ts';
import type { PendingIssuer } from './pending-ca.ts';

/** From the issuer itself upwards, the root last. */
export type Path = readonly [Certificate, ...Certificate[]];

/**
 * Makes an issuer of a key that waited: its folder appears whole, by one rename(2), then `active` points to it, then it waits no
 * longer. A run that died in between is gone on with by the same call.
 */
export function installIssuer(
  ca: string,
  pending: PendingIssuer,
  path: Path,
  key: KeyObject,
  nextUpdate: Date,
  now: Date,
): void {
  const [certificate] = path;
  const id = issuerId(subjectKeyIdentifierOf(certificate));
  const folder = issuerFolder(ca, id);
  makeFolder(issuersFolder(ca), 0o700);
  sweepDrafts(issuersFolder(ca));
  if (!isThere(folder)) appear(folder, pending, path, key, nextUpdate, now);
  sweepDrafts(ca);
  pointLink(activeLink(ca), join('issuers', id));
  syncFolder(ca);
  forget(pendingFolder(ca));
}

/** Out of sight in one step: half of a key that waits would be one that nobody can read. */
function forget(pending: string): void {
  const draft = temporaryBeside(pending);
  orIoError('remove', pending, () => {
    renameSync(pending, draft);
  });
  removeAll(draft);
}

function appear(
  folder: string,
  pending: PendingIssuer,
  path: Path,
  key: KeyObject,
  nextUpdate: Date,
  now: Date,
): void {
  const [certificate, ...chain] = path;
  const draft = temporaryBeside(folder);
  try {
    mkdirSync(draft, { mode: 0o700 });
    mkdirSync(join(draft, 'issued'), { mode: 0o700 });
    writeNew(join(draft, 'cert.pem'), { data: certificatesPem([certificate]), mode: 0o644 });
    writeNew(join(draft, 'chain.pem'), { data: certificatesPem(chain), mode: 0o644 });
    writeNew(join(draft, 'root.pem'), { data: certificatesPem(chain.slice(-1)), mode: 0o644 });
    linkSync(join(pending.folder, 'key.pem'), join(draft, 'key.pem'));
    publishCrl({ folder: draft, certificate, key }, now, nextUpdate);
    syncFolder(draft);
    renameSync(draft, folder);
  } catch (error) {
    discard(draft);
    // Two runs with the same certificate: the other one was first.
    if (['ENOTEMPTY', 'EEXIST'].includes(foreignCode(error) ?? '')) return;
    throw ioError(error, 'create', folder);
  }
  syncFolder(dirname(folder));
}

/**
 * Gives an issuer another certificate for the same key and name. cert.pem holds the whole path until chain.pem has followed: a run
 * that dies in between leaves the old path or the new.
 */
export function renewIssuer({ folder }: Issuer, path: Path): void {
  const [certificate, ...chain] = path;
  sweepDrafts(folder);
  replace(join(folder, 'cert.pem'), { data: certificatesPem(path), mode: 0o644 });
  replace(join(folder, 'chain.pem'), { data: certificatesPem(chain), mode: 0o644 });
  replace(join(folder, 'root.pem'), { data: certificatesPem(chain.slice(-1)), mode: 0o644 });
  replace(join(folder, 'cert.pem'), { data: certificatesPem([certificate]), mode: 0o644 });
}
