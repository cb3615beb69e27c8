import { join } from 'node:path';
import { readCaJson } from '../../authorities/local/ca-json.ts';
import { currentCrl, holdsAllFacts, nextUpdateOf, publishCrl } from '../../authorities/local/crl.ts';
import { crlFolder } from '../../authorities/local/layout.ts';
import { withoutFact } from '../../authorities/local/lost-facts.ts';
import type { Issuer } from '../../authorities/local/open.ts';
import { readIfThere } from '../../durable.ts';
import { formatDuration } from '../../x509/duration.ts';
import { readCrl, type Crl } from '../../x509/crl.ts';
import { checkSignature } from '../../x509/validation/signature.ts';
import type { Examined } from './finding.ts';

/** Whether peers that get the issuer's CRL can use it, now and for a while. */
export function examineCrl(issuer: Issuer, examined: Examined): void {
  const { now, findings, keys } = examined;
  const file = join(crlFolder(issuer.folder), 'current', 'crl.der');
  const key = keys.get(issuer.id);
  const sign =
    key &&
    ((): void => {
      publishCrl({ ...issuer, key }, now, nextUpdateOf(issuer, readCaJson(examined.folder), now));
    });
  const fix = sign ? 'sign a new one (--fix does)' : 'sign a new one: its key is needed';
  const wrong = (message: string): void => {
    findings.wrong('crl', file, message, fix, sign);
  };
  // After the end of its issuer nobody asks for it.
  if (issuer.certificate.notAfter < now) return;
  const crl = findings.look('crl', file, () => {
    const current = currentCrl(issuer.folder);
    return current && readCrl(current.der);
  });
  if (!crl) {
    if (!readIfThere(file)) wrong('there is no CRL: peers that check revocation refuse everybody');
    else wrong('peers that check revocation refuse everybody');
    return;
  }
  if (!crl.issuer.equals(issuer.certificate.subject) || checkSignature(crl, issuer.certificate) !== 'good') {
    wrong('is not signed by this issuer');
    return;
  }
  examineTimes(crl, now, wrong, (message) => {
    findings.note('crl', file, message, fix, sign);
  });
  if (findings.look('crl', file, () => holdsAllFacts(issuer.folder)) === false)
    wrong(differenceOf(crl, issuer.folder));
  const pem = readIfThere(join(file, '..', 'crl.pem'))?.toString('latin1') ?? '';
  const base64 = pem.replace(/-----[^-]*-----|\s/g, '');
  if (!Buffer.from(base64, 'base64').equals(crl.der)) wrong('crl.pem beside it holds something else');
}

function differenceOf(crl: Crl, issuer: string): string {
  const lost = withoutFact(crl, issuer).length;
  return lost === 0
    ? 'does not hold all that is on record as revoked'
    : `lists ${lost} that ${lost === 1 ? 'is' : 'are'} not on record as revoked: facts were lost; the next one takes them up`;
}

function examineTimes(
  { thisUpdate, nextUpdate }: Crl,
  now: Date,
  wrong: (message: string) => void,
  note: (message: string) => void,
): void {
  if (thisUpdate > now) {
    wrong(`was made in the future, ${thisUpdate.toISOString()}: look at this machine's clock`);
    return;
  }
  if (!nextUpdate) return;
  const left = nextUpdate.getTime() - now.getTime();
  if (left <= 0) wrong(`lapsed ${formatDuration(left)} ago: peers that check revocation refuse everybody`);
  else if (left < (nextUpdate.getTime() - thisUpdate.getTime()) / 2) {
    note(`lapses in ${formatDuration(left)}, and more than half of its life is gone`);
  }
}
