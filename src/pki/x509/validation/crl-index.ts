import type { Crl } from '../crl.ts';
import { PkiError } from '../../errors.ts';
import { DerReader, integerBytes, tag, time } from '../der-reader.ts';
import {
  readCrlNumber,
  readExtensions,
  readIssuingDistributionPoint,
  readReasonCode,
  type IssuingDistributionPoint,
} from '../extensions.ts';
import { oid } from '../oid.ts';
import { SerialTable } from './serial-table.ts';

/** What validation wants to know of a CRL beside its head. */
export interface CrlIndex {
  crl: Crl;
  number: Buffer | undefined;
  /** The number of the complete CRL that a delta CRL builds on; `undefined` for a complete one. */
  deltaBase: Buffer | undefined;
  scope: IssuingDistributionPoint | undefined;
  /** The encoded scope: a delta CRL must have the same one (RFC 5280 5.2.4). */
  scopeDer: Buffer | undefined;
  /** Why it is of no use to anybody, a verb first. */
  fault: string | undefined;
  /** Built at the first question, since most CRLs that are handed in are never asked. */
  entries: () => SerialTable;
}

export interface RevokedEntry {
  revokedAt: Date;
  /** CRLReason (RFC 5280 5.3.1); 0 where none is given. */
  reason: number;
}

const cache = new WeakMap<Crl, CrlIndex>();

/** Decodes the extensions of a CRL once for its life. A malformed one is data, not an exception. */
export function indexCrl(crl: Crl): CrlIndex {
  let index = cache.get(crl);
  if (!index) {
    index = buildIndex(crl);
    cache.set(crl, index);
  }
  return index;
}

function buildIndex(crl: Crl): CrlIndex {
  let table: SerialTable | undefined;
  const { contentStart = 0, end = 0 } = crl.revoked ?? {};
  const entries = (): SerialTable => (table ??= new SerialTable(crl.der, contentStart, end, crl.version));
  const nothing = { number: undefined, deltaBase: undefined, scope: undefined, scopeDer: undefined };
  try {
    return { crl, ...readHead(crl), fault: headFault(crl), entries };
  } catch (error) {
    if (error instanceof PkiError)
      return { crl, ...nothing, fault: `has a malformed extension ${error.message}`, entries };
    throw error;
  }
}

function readHead({ extensions }: Crl): Pick<CrlIndex, 'number' | 'deltaBase' | 'scope' | 'scopeDer'> {
  const value = (id: string): Buffer | undefined => extensions.find((one) => one.id === id)?.value;
  const [number, base, scopeDer] = [oid.crlNumber, oid.deltaCrlIndicator, oid.issuingDistributionPoint].map(
    value,
  );
  return {
    number: number && readCrlNumber(number),
    deltaBase: base && readCrlNumber(base),
    scope: scopeDer && readIssuingDistributionPoint(scopeDer),
    scopeDer,
  };
}

/** Critical ones that are acted upon (RFC 5280 5.2.4, 5.2.5). */
const understood: ReadonlySet<string> = new Set([oid.issuingDistributionPoint, oid.deltaCrlIndicator]);

/** RFC 5280 5.2.5 forbids an empty scope, 5.1.2.6 an empty list. */
const emptySequence = Buffer.from([tag.sequence, 0]);

function headFault({
  signatureAlgorithm,
  innerSignatureAlgorithm,
  extensions,
  revoked,
}: Crl): string | undefined {
  if (!signatureAlgorithm.raw.equals(innerSignatureAlgorithm.raw))
    return 'names two different signature algorithms';
  const unknown = extensions.find(({ id, critical }) => critical && !understood.has(id));
  if (unknown) return `has the critical extension ${unknown.id}, which nothing here understands`;
  if (revoked?.raw.equals(emptySequence) === true) return 'has an empty list of revoked certificates';
  const scope = extensions.find(({ id }) => id === oid.issuingDistributionPoint);
  if (scope?.value.equals(emptySequence) === true) return 'has an empty scope';
  const twice = new Set(extensions.map(({ id }) => id)).size < extensions.length;
  return twice ? 'has an extension twice' : undefined;
}

/**
 * The entry for a serial number (RFC 5280 5.1.2.6), if there is one.
 * @throws PkiError where the entry is malformed.
 */
export function findRevoked({ crl, entries }: CrlIndex, serial: Buffer): RevokedEntry | undefined {
  const offset = entries().find(serial);
  if (offset === undefined) return undefined;
  const entry = new DerReader(crl.der, offset).sequence('a revoked certificate');
  integerBytes(entry.expect(tag.integer, 'a serial number'), 'a serial number');
  const revokedAt = time(entry.next('revocationDate'), 'revocationDate');
  const extensions = entry.done ? [] : readExtensions(entry.sequence('crlEntryExtensions'), 'a CRL entry');
  const reason = extensions.find(({ id }) => id === oid.reasonCode);
  return { revokedAt, reason: reason ? readReasonCode(reason.value) : 0 };
}
