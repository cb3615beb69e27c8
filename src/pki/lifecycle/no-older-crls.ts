import { join } from 'node:path';
import { readIfThere } from '../durable.ts';
import { readCrl, readCrlIfWhole, type Crl } from '../x509/crl.ts';
import { readCrlNumber } from '../x509/extensions.ts';
import { oid } from '../x509/oid.ts';
import { pemCrls } from '../x509/pem-crls.ts';
import { encodePem } from '../x509/pem-writer.ts';

export const crlsIn = (pem: string): Crl[] => pemCrls(pem).map(readCrl);

/** The CRLs of a bundle as it stands; what is damaged is passed over. */
export function crlsInUse(bundle: string): Crl[] {
  const pem = readIfThere(join(bundle, 'current', 'crl.pem'))?.toString('latin1') ?? '';
  return pemCrls(pem).flatMap((der) => readCrlIfWhole(der) ?? []);
}

/**
 * What was fetched, but for what is newer in use: a cache on the way, or somebody who sends what was published long ago, would
 * take revocations back.
 */
export const noOlder = (fetched: string, inUse: readonly Crl[]): string =>
  crlsIn(fetched)
    .map((crl) => inUse.find((other) => isOfTheSame(other, crl) && numberOf(other) > numberOf(crl)) ?? crl)
    .map(({ der }) => encodePem('X509 CRL', der))
    .join('');

const valueIn = ({ extensions }: Crl, id: string): Buffer | undefined =>
  extensions.find((one) => one.id === id)?.value;

/** One CA may have followed another under its name, with a key of its own, and count from the beginning. */
const isOfTheSame = (a: Crl, b: Crl): boolean =>
  a.issuer.equals(b.issuer) &&
  [oid.authorityKeyIdentifier, oid.issuingDistributionPoint].every((id) =>
    (valueIn(a, id) ?? nothing).equals(valueIn(b, id) ?? nothing),
  );

const nothing = Buffer.alloc(0);

function numberOf(crl: Crl): bigint {
  const value = valueIn(crl, oid.crlNumber);
  return value ? BigInt(`0x${readCrlNumber(value).toString('hex')}`) : 0n;
}
