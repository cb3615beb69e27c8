import { statfsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { crlFolder, issuedFolder, issuersFolder } from '../../authorities/local/layout.ts';
import { abandonedDrafts, sweepDrafts } from '../../sweep.ts';
import { formatDuration } from '../../x509/duration.ts';
import { entriesOf } from './access.ts';
import type { Examined, Findings } from './finding.ts';

/** Clocks of two machines that share a CA may differ by so much. */
const tolerance = 5 * 60_000;

/** @param times when something was recorded, in milliseconds since 1970, and where. */
export function examineClock(
  times: readonly { path: string; time: number }[],
  { now, findings }: Examined,
): void {
  for (const { path, time } of times) {
    const ahead = time - now.getTime();
    if (ahead <= tolerance) continue;
    findings.wrong(
      'clock',
      path,
      `was written ${formatDuration(ahead)} in the future: this machine's clock is wrong now, or was then`,
      'set the clock (timedatectl); certificates that are issued by a wrong clock are refused by peers',
    );
  }
}

/** Room for a CRL of a million entries, and for the certificates of a busy day. */
const leastBytes = 128 * 1024 * 1024;
const leastFiles = 10_000;

export function examineDisk({ folder, findings }: Examined): void {
  const { bavail, bsize, files, ffree } = statfsSync(folder);
  judgeDisk(folder, { bytes: bavail * bsize, files: files === 0 ? Infinity : ffree }, findings);
}

/** @param free what an ordinary user may take; file systems without inodes have any number of files. */
export function judgeDisk(folder: string, free: { bytes: number; files: number }, findings: Findings): void {
  const fix = 'make room: a full disk stops issuing and revoking';
  if (free.bytes < leastBytes) {
    findings.wrong(
      'disk',
      folder,
      `${Math.floor(free.bytes / 1024 / 1024)} MiB are left on its file system`,
      fix,
    );
  }
  if (free.files < leastFiles) {
    findings.wrong('disk', folder, `${free.files} more files fit on its file system (inodes)`, fix);
  }
}

/** What runs that died have left. Of a new CA's draft, that may be keys. */
export function examineDrafts({ folder, findings }: Examined): void {
  const places: [folder: string, only?: string][] = [
    [dirname(folder), basename(folder)],
    [folder],
    [issuersFolder(folder)],
    ...entriesOf(issuersFolder(folder)).flatMap((id) => placesOf(join(issuersFolder(folder), id))),
  ];
  for (const [place, only] of places) {
    for (const draft of abandonedDrafts(place, only)) {
      findings.wrong('draft', draft, 'was left by a run that died', 'remove it (--fix does)', () => {
        sweepDrafts(place, only);
      });
    }
  }
}

function placesOf(issuer: string): [string][] {
  const months = entriesOf(issuedFolder(issuer)).map((month) => join(issuedFolder(issuer), month));
  const all = [issuer, issuedFolder(issuer), ...months, crlFolder(issuer), join(issuer, 'revoked')];
  return all.map((path): [string] => [path]);
}
