import { lstatSync, readdirSync, readFileSync, readlinkSync, renameSync, type Stats } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { isThere, orIoError, pointLink, removeAll, syncFolder, temporaryBeside } from '../../durable.ts';
import { activeLink, crlFolder, issuersFolder } from '../../authorities/local/layout.ts';
import { entriesOf } from './access.ts';
import type { Examined } from './finding.ts';

/** `active` and each `crl/current`: links that some ways of copying turn into folders, into files or into nothing. */
export function examineLinks({ folder, findings }: Examined): void {
  const issuers = entriesOf(issuersFolder(folder));
  // One that waits for its certificate, or has lost all, has nothing to point to.
  if (issuers.length === 0) return;
  examineLink(
    activeLink(folder),
    issuers.map((id) => join('issuers', id)),
    findings,
    () => onlyIssuing(folder, issuers),
  );
  for (const id of issuers) {
    const crls = crlFolder(join(issuersFolder(folder), id));
    const numbers = entriesOf(crls).filter((name) => /^\d+$/.test(name));
    const highest = numbers.sort((a, b) => Number(b) - Number(a))[0];
    if (highest === undefined) continue;
    const current = join(crls, 'current');
    examineLink(current, [highest], findings, () => highest);
    const target = linkTarget(current);
    if (target !== undefined && /^\d+$/.test(target) && Number(target) < Number(highest)) {
      findings.wrong(
        'link',
        current,
        `points to CRL ${target}, and ${highest} is there`,
        pointIt(highest),
        () => {
          point(current, highest);
        },
      );
    }
  }
}

/** @param targets where it may point to. @param guess where it surely pointed to, if that can be told. */
function examineLink(
  link: string,
  targets: readonly string[],
  findings: Examined['findings'],
  guess: () => string | undefined,
): void {
  const status = lstatSync(link, { throwIfNoEntry: false });
  const target = linkTarget(link);
  if (target !== undefined) {
    if (isThere(join(dirname(link), target))) return;
  }
  const found = whatItIs(status, target);
  const meant = meantTarget(link, status, targets) ?? guess();
  if (meant === undefined) {
    const fix = `look which of ${targets.join(', ')} it was, and: ln -sfn TARGET ${link}`;
    findings.wrong('link', link, `${found}, and nothing tells where it pointed to`, fix);
    return;
  }
  if (status?.isDirectory() === true && !isCopy(link, join(dirname(link), meant))) {
    findings.wrong(
      'link',
      link,
      `${found}, and holds what ${meant} lacks`,
      `move what is missing into ${meant}, remove the folder, and: ln -s ${meant} ${link}`,
    );
    return;
  }
  findings.wrong('link', link, found, pointIt(meant), () => {
    point(link, meant);
  });
}

const pointIt = (target: string): string =>
  `point it to ${target} (--fix does); copy CAs with "cp -a" or "tar"`;

function whatItIs(status: Stats | undefined, target: string | undefined): string {
  if (target !== undefined) return `points to ${target}, which is not there`;
  if (!status) return 'is not there';
  return status.isDirectory()
    ? 'is a folder instead of a symbolic link'
    : 'is a file instead of a symbolic link';
}

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

/** Of a folder: whose copy it is. Of a file: where it says that it pointed to, as some systems write links. */
function meantTarget(
  link: string,
  status: Stats | undefined,
  targets: readonly string[],
): string | undefined {
  if (status?.isFile() === true && status.size < 200) {
    const text = orIoError('read', link, () => readFileSync(link, 'utf8')).trim();
    return targets.find((target) => target === text);
  }
  if (status?.isDirectory() !== true) return undefined;
  const mark = ['cert.pem', 'crl.der'].find((name) => isThere(join(link, name)));
  if (mark === undefined) return undefined;
  const content = orIoError('read', link, () => readFileSync(join(link, mark)));
  return targets.find((target) => {
    const original = join(dirname(link), target, mark);
    return isThere(original) && readFileSync(original).equals(content);
  });
}

/** Whether everything in a folder stands in the other as well: nothing is lost where it is removed. */
function isCopy(copy: string, original: string): boolean {
  return readdirSync(copy, { withFileTypes: true }).every((entry) => {
    const [one, other] = [join(copy, entry.name), join(original, entry.name)];
    if (entry.isDirectory()) return entry.name === 'current' || isCopy(one, other);
    if (!entry.isFile()) return true;
    const status = lstatSync(other, { throwIfNoEntry: false });
    return status?.isFile() === true && readFileSync(one).equals(readFileSync(other));
  });
}

function onlyIssuing(folder: string, issuers: readonly string[]): string | undefined {
  const issuing = issuers.filter((id) => {
    const chain = lstatSync(join(issuersFolder(folder), id, 'chain.pem'), { throwIfNoEntry: false });
    return (chain?.size ?? 0) > 0;
  });
  const [only] = issuing.length === 0 && issuers.length === 1 ? issuers : issuing;
  return only !== undefined && issuing.length <= 1 ? join('issuers', only) : undefined;
}

/** A folder in its place goes out of the way first; where this dies in between, the next one finds no link and makes it. */
function point(link: string, target: string): void {
  const status = lstatSync(link, { throwIfNoEntry: false });
  if (status?.isDirectory() !== true) {
    pointLink(link, target);
    syncFolder(dirname(link));
    return;
  }
  const aside = temporaryBeside(join(dirname(link), basename(link)));
  orIoError('move', link, () => {
    renameSync(link, aside);
  });
  pointLink(link, target);
  syncFolder(dirname(link));
  removeAll(aside);
}
