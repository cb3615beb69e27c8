import { PkiError } from '../pki/errors.ts';
import type { Inspection } from '../pki/lifecycle/inspect.ts';
import { findListed, type Listed } from '../pki/lifecycle/find-listed.ts';
import type { ExitCode } from './exit-codes.ts';
import { report, type Look } from './inspect-report.ts';
import { counted, shorten, timeText } from './inspect-text.ts';
import type { Output } from './output.ts';

/** Lower-case hex of `4d43…`, `4D:43:…` or `0x4d43…`, without leading zeros. */
function parseSerial(text: string): string {
  const digits = text.replace(/^0x/i, '');
  if (!/^([0-9a-f]+|[0-9a-f]{1,2}(:[0-9a-f]{2})+)$/i.test(digits) || digits.length > 200) {
    throw new PkiError('usage', `--serial ${JSON.stringify(text)} is no serial number`, {
      hint: 'hexadecimal digits, with or without colons: 4d43059b or 4d:43:05:9b',
    });
  }
  const hex = digits
    .replaceAll(':', '')
    .toLowerCase()
    .replace(/^0+(?=.)/, '');
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

/** Reports a target with the answer to whether its CRLs list a serial number. */
export function answerSerial(
  { found, problems, related }: Inspection,
  text: string,
  look: Look,
  output: Output,
): ExitCode {
  const serial = parseSerial(text);
  const crls = found.filter(({ item }) => item.kind === 'crl').length;
  if (crls === 0 && problems.length === 0) refuseWithoutCrl(look.target);
  const entries = findListed(found, serial);
  const listed = entries.some(({ reason }) => reason !== 'removeFromCRL');
  const answer = {
    listed,
    document: { serial, listed, entries: entries.map(entryDocument) },
    lines:
      entries.length > 0
        ? entries.map((entry) => entryLine(serial, entry, output))
        : [notListed(serial, crls, output)],
  };
  return report(
    { found, problems, related },
    { stored: undefined, skipped: undefined, serial: answer },
    look,
    output,
  );
}

function refuseWithoutCrl(target: string): never {
  throw new PkiError('bad-input', `${target} holds no CRL to look for a serial number in`, {
    hint: 'name the file of a CRL, such as certs/_trust/default/current/crl.pem',
  });
}

const entryDocument = (entry: Listed): object => ({
  ...entry,
  revokedAt: entry.revokedAt.toISOString(),
  invalidityDate: entry.invalidityDate?.toISOString() ?? null,
});

const notListed = (serial: string, crls: number, { paint }: Output): string =>
  paint.green(
    `serial ${serial} is not listed in ${crls === 1 ? 'this CRL' : `any of ${counted(crls, 'CRL')}`}`,
  );

function entryLine(serial: string, entry: Listed, { paint }: Output): string {
  const { issuer, revokedAt, reason, invalidityDate, delta } = entry;
  const since = timeText(revokedAt.toISOString());
  const by = `by ${shorten(issuer) || 'an issuer without a name'}${delta ? ', in a delta CRL' : ''}`;
  if (reason === 'removeFromCRL') return paint.green(`serial ${serial} was released ${since} ${by}`);
  const invalid = invalidityDate ? `, invalid since ${timeText(invalidityDate.toISOString())}` : '';
  const what = reason === 'certificateHold' ? 'is on hold since' : 'was revoked';
  return paint.red(`serial ${serial} ${what} ${since} ${by}: ${reason}${invalid}`);
}
