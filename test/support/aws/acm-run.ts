import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { run, type Ran } from '../cli.ts';
import type { AcmCertificate } from './acm/certificate.ts';
import type { Emulator } from './emulator.ts';

/** What was asked of AWS, and paid for. */
export interface AcmCalls {
  requested: number;
  renewed: number;
  exported: number;
  billed: number;
}

/** What a test of ACM says and looks at, over one certificate in the store `certs` of a folder and one in ACM. */
export interface AcmRun {
  certwright: (...argv: string[]) => Promise<Ran>;
  /** What happened at AWS since. */
  counting: () => () => AcmCalls;
  inAcm: () => AcmCertificate;
  serialInAcm: () => string;
  /** A file's path in `current`. */
  current: (file: string) => string;
  serial: () => string;
  isPair: () => boolean;
}

/** @param place the folder that the commands run in, and the certificate's name, both as they are when asked for. */
export function acmRun(emulator: () => Emulator, place: () => { cwd: string; name: string }): AcmRun {
  const current = (file: string): string => join(place().cwd, 'certs', place().name, 'current', file);
  const leaf = (): X509Certificate => new X509Certificate(readFileSync(current('cert.pem')));
  const inAcm = (): AcmCertificate => {
    const [only, ...others] = emulator().cloud.certificates.values();
    expect(others).toEqual([]);
    return only!;
  };
  return {
    certwright: (...argv) =>
      run(argv, {
        cwd: place().cwd,
        now: () => emulator().clock.now(),
        env: { ...emulator().environment, AWS_MAX_ATTEMPTS: '1' },
      }),
    counting: () => {
      const before = callsAt(emulator());
      return () => {
        const now = callsAt(emulator());
        return {
          requested: now.requested - before.requested,
          renewed: now.renewed - before.renewed,
          exported: now.exported - before.exported,
          billed: now.billed - before.billed,
        };
      };
    },
    inAcm,
    serialInAcm: () => new X509Certificate(inAcm().certificate!.der).serialNumber,
    current,
    serial: () => leaf().serialNumber,
    isPair: () => leaf().checkPrivateKey(createPrivateKey(readFileSync(current('key.pem')))),
  };
}

function callsAt({ stats: { calls, billed } }: Emulator): AcmCalls {
  return {
    requested: calls['RequestCertificate'] ?? 0,
    renewed: calls['RenewCertificate'] ?? 0,
    exported: calls['ExportCertificate'] ?? 0,
    billed,
  };
}
