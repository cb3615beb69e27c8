import { createHash, createPrivateKey } from 'node:crypto';
import { readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { writeNew } from '../src/pki/durable.ts';
import { encodeCrl, type RevocationReason, type RevokedEntry } from '../src/pki/x509/crl-writer.ts';
import { encodeName } from '../src/pki/x509/distinguished-name.ts';
import { keyIdentifier, publicKeyDer } from '../src/pki/x509/key.ts';
import { oid } from '../src/pki/x509/oid.ts';
import { pemPieces } from '../src/pki/x509/pem-writer.ts';

/*
 * A process of its own, whose memory is the encoder's and not a test runner's: `index COUNT` prints the facts as
 * openssl's index, `encode COUNT FOLDER` makes them in memory, then a CRL in FOLDER, and says how long that took.
 */

const reasons: readonly RevocationReason[] = [
  'superseded',
  'unspecified',
  'keyCompromise',
  'cessationOfOperation',
];
const newest = Date.UTC(2027, 0, 20);

/** The same serial numbers in each process: 20 octets that look like random ones. */
function* facts(count: number): Generator<RevokedEntry> {
  for (let at = 0; at < count; at += 1) {
    const digits = createHash('sha1').update(String(at)).digest('hex');
    yield {
      serial: `4${digits.slice(1)}`,
      revokedAt: newest - at * 30_000,
      reason: reasons[at % 4] ?? 'unspecified',
    };
  }
}

function printIndex(count: number): void {
  const opensslTime = (time: number): string =>
    new Date(time).toISOString().slice(2, 19).replaceAll(/[-:T]/g, '');
  let lines = '';
  for (const { serial, revokedAt, reason } of facts(count)) {
    const why = reason === 'unspecified' ? '' : `,${reason}`;
    lines += `R\t400101000000Z\t${opensslTime(revokedAt)}Z${why}\t${serial.toUpperCase()}\tunknown\t/CN=${serial}\n`;
    if (lines.length > 1_000_000) {
      writeSync(1, lines);
      lines = '';
    }
  }
  writeSync(1, lines);
}

function encode(count: number, folder: string): void {
  const key = createPrivateKey(readFileSync(join(folder, 'ca.key')));
  // A flat copy of each serial, as a folder's listing gives it: a slice would keep what it was cut from.
  const inMemory: RevokedEntry[] = [];
  for (const fact of facts(count)) {
    inMemory.push({ ...fact, serial: Buffer.from(fact.serial, 'latin1').toString('latin1') });
  }
  const start = performance.now();
  const pieces = encodeCrl(
    {
      issuer: encodeName([{ type: oid.commonName, value: 'Bench CA' }]),
      authorityKeyIdentifier: keyIdentifier(publicKeyDer(key)),
      number: 1,
      thisUpdate: new Date(newest),
      nextUpdate: new Date(newest + 30 * 86_400_000),
      entries: inMemory,
    },
    key,
  );
  const signedAfter = performance.now() - start;
  writeNew(join(folder, 'ours.der'), { data: pieces, mode: 0o644 });
  writeNew(join(folder, 'ours.pem'), { data: pemPieces('X509 CRL', pieces), mode: 0o644 });
  const onDiskAfter = performance.now() - start;
  const peak = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(JSON.stringify({ signedAfter, onDiskAfter, peak, facts: inMemory.length }));
}

const [mode, count, folder = '.'] = process.argv.slice(2);
if (mode === 'index') printIndex(Number(count));
else encode(Number(count), folder);
