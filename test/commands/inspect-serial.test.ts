import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { serialHex } from '../../src/pki/x509/certificate.ts';
import type { RevokedEntry } from '../../src/pki/x509/crl-writer.ts';
import { keyIdentifier } from '../../src/pki/x509/key.ts';
import { certificatePem, encodePem } from '../../src/pki/x509/pem-writer.ts';
import { authority, buildCrl, crlOf, days, noon, type Entity } from '../support/chains.ts';
import { run, temporaryFolder, type Ran } from '../support/cli.ts';
import { schemaErrors } from '../support/schemas.ts';

const ca = authority('Issuing CA');
const other = authority('Other CA');
const serial = '4d43059bda6e9429a0b45f2d0e720dca14c0e45f';

function crl(issuer: Entity, ...entries: Partial<RevokedEntry>[]): Buffer {
  return buildCrl(
    {
      issuer: issuer.certificate.subject,
      authorityKeyIdentifier: keyIdentifier(issuer.certificate.publicKey),
      number: 7,
      thisUpdate: days(-1),
      nextUpdate: days(6),
      entries: entries.map((entry) => ({
        serial,
        revokedAt: days(-2).getTime(),
        reason: 'keyCompromise',
        ...entry,
      })),
    },
    issuer.key,
  );
}

function inspect(file: string | Buffer, ...argv: string[]): Promise<Ran> {
  const cwd = temporaryFolder();
  writeFileSync(join(cwd, 'file'), file);
  return run(['inspect', 'file', ...argv], { cwd, now: () => noon });
}

describe('inspect --serial', () => {
  it.each([serial, serial.toUpperCase(), `0x${serial}`, `00${serial}`, serial.replace(/..(?=.)/g, '$&:')])(
    'finds %s in a CRL and says when, why and by whom it was revoked',
    async (text) => {
      const { code, stdout } = await inspect(crl(ca, {}), '--serial', text);
      expect(stdout).toContain(
        `serial ${serial} was revoked 2030-06-13T12:00:00Z by CN=Issuing CA: keyCompromise`,
      );
      expect(code).toBe(0);
    },
  );

  it('ends with 3 where it is not listed', async () => {
    const { code, stdout } = await inspect(crl(ca, {}), '--serial', '4d43');
    expect(stdout).toContain('serial 4d43 is not listed in this CRL');
    expect(code).toBe(3);
  });

  it('looks in each CRL of a PEM file, and its document follows the schema', async () => {
    const invalidityDate = days(-9).getTime();
    const pem = [crl(other, { serial: '01' }), crl(ca, { reason: 'certificateHold' }, { invalidityDate })]
      .map((der) => encodePem('X509 CRL', der))
      .join('');
    const { code, stdout } = await inspect(pem, '--serial', serial, '--json');
    expect(code).toBe(0);
    const document = JSON.parse(stdout) as { serial: unknown };
    expect(schemaErrors(stdout)).toEqual([]);
    const entry = {
      item: 1,
      issuer: 'CN=Issuing CA',
      revokedAt: days(-2).toISOString(),
      invalidityDate: null,
      delta: false,
    };
    expect(document.serial).toEqual({
      serial,
      listed: true,
      entries: [
        { ...entry, reason: 'certificateHold' },
        { ...entry, reason: 'keyCompromise', invalidityDate: days(-9).toISOString() },
      ],
    });
    const lines = (await inspect(pem, '--serial', serial)).stdout;
    expect(lines).toContain(`serial ${serial} is on hold since`);
    expect(lines).toContain('keyCompromise, invalid since 2030-06-06T12:00:00Z');
    expect((await inspect(pem, '--serial', '02')).stdout).toContain('not listed in any of 2 CRLs');
  });

  it('takes removeFromCRL for what it says', async () => {
    const { der } = crlOf(ca, [other], { reason: 'certificateHold' });
    der[der.indexOf(Buffer.from('0a0106', 'hex')) + 2] = 8;
    const { code, stdout } = await inspect(der, '--serial', serialHex(other.certificate.serial));
    expect(stdout).toContain('was released 2030-06-13T12:00:00Z by CN=Issuing CA');
    expect(code).toBe(3);
  });

  it('refuses a file without a CRL: that nothing lists a serial number would be no news', async () => {
    const { code, stderr } = await inspect(certificatePem(ca.certificate.der), '--serial', '01');
    expect(stderr).toContain('file holds no CRL to look for a serial number in');
    expect(code).toBe(2);
  });

  it.each(['', 'orders.internal', '4d4:3', '4d43:', '0x'])('refuses the serial number %j', async (text) => {
    const { code, stderr } = await inspect(crl(ca, {}), '--serial', text);
    expect(stderr).toContain('is no serial number');
    expect(code).toBe(2);
  });

  it('refuses what it does not go with', async () => {
    for (const flags of [['--check'], ['--pem'], ['--trust', 'ca.pem']]) {
      expect((await inspect(crl(ca, {}), '--serial', '01', ...flags)).code).toBe(2);
    }
    const { code, stderr } = await run(['inspect', '.', '--serial', '01'], { cwd: temporaryFolder() });
    expect(stderr).toContain('--serial is for a file');
    expect(code).toBe(2);
  });
});
