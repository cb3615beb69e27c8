import { createPrivateKey, X509Certificate } from 'node:crypto';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from 'vitest';
import { buildCertificate, randomSerial } from '../../src/pki/x509/certificate-builder.ts';
import { readCertificationRequest } from '../../src/pki/x509/certification-request.ts';
import { encodeName } from '../../src/pki/x509/distinguished-name.ts';
import { generateKey, keyIdentifier, publicKeyDer } from '../../src/pki/x509/key.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { certificatePem } from '../../src/pki/x509/pem-writer.ts';
import { eachOf, spread } from '../support/campaign.ts';
import { spawnProgram, temporaryFolderForSuite, type Ran } from '../support/cli.ts';
import { leftovers } from '../support/invariants.ts';
import { canTrace, diskCalls, disturb } from '../support/strace.ts';
import { describeWhere } from '../support/tools.ts';

interface Scenario {
  title: string;
  /** Which of the prepared folders it starts from. */
  from: string;
  argv: string[];
  /** What must hold after a kill, whenever it came. */
  holds: (cwd: string) => void;
  /** Whether the same command, run after one that was killed at its very end, may refuse: it is done already. */
  mayBeDone?: boolean;
}

const keysOf = (ca: string): string[] =>
  readdirSync(join(ca, 'issuers'))
    .map((id) => join(ca, 'issuers', id, 'key.pem'))
    .filter(existsSync);

/** A CA that is there can sign: a key in it is whole, under the old passphrase or the new one. */
function keysAreWhole(ca: string): void {
  for (const file of keysOf(ca)) {
    const key = readFileSync(file);
    const certificate = new X509Certificate(readFileSync(join(file, '../cert.pem')));
    const opened = createPrivateKey({ key, passphrase: 'secret' });
    expect(certificate.checkPrivateKey(opened)).toBe(true);
  }
}

const wholeOrAbsent = (cwd: string): void => {
  const ca = join(cwd, 'new');
  if (existsSync(ca)) expect(readdirSync(ca).sort()).toEqual(['active', 'ca.json', 'issuers']);
};

const scenarios: readonly Scenario[] = [
  {
    title: 'ca passwd',
    from: 'made',
    argv: ['ca', 'passwd', '--new-passphrase-file', 'pass', '--passphrase-file', 'pass'],
    holds: (cwd) => {
      keysAreWhole(join(cwd, 'ca'));
    },
  },
  {
    title: 'ca backup',
    from: 'made',
    argv: ['ca', 'backup', 'new.tar'],
    holds: () => undefined,
    mayBeDone: true,
  },
  {
    title: 'ca restore',
    from: 'made',
    argv: ['ca', 'restore', 'ca.tar', '--ca', 'new'],
    holds: wholeOrAbsent,
    mayBeDone: true,
  },
  {
    title: 'ca restore over a CA',
    from: 'made',
    argv: ['ca', 'restore', 'ca.tar', '--force'],
    holds: (cwd) => {
      const cas = readdirSync(cwd).filter((name) => /^ca($|\.replaced)/.test(name));
      expect(cas.length).toBeGreaterThan(0);
      for (const ca of cas) keysAreWhole(join(cwd, ca));
    },
  },
  {
    title: 'ca init --csr-out',
    from: 'made',
    argv: ['ca', 'init', '--ca', 'new', '--csr-out', 'new.csr'],
    holds: (cwd) => {
      if (existsSync(join(cwd, 'new')))
        expect(readdirSync(join(cwd, 'new')).sort()).toEqual(['ca.json', 'issuers', 'pending']);
    },
    mayBeDone: true,
  },
  {
    title: 'ca install-cert',
    from: 'waiting',
    argv: ['ca', 'install-cert', 'shop.pem'],
    holds: (cwd) => {
      const keys = [...keysOf(join(cwd, 'ca'))];
      const pending = join(cwd, 'ca/pending');
      if (existsSync(pending)) keys.push(...readdirSync(pending).map((id) => join(pending, id, 'key.pem')));
      expect(keys.length).toBeGreaterThan(0);
      for (const key of keys) createPrivateKey(readFileSync(key));
    },
  },
  {
    title: 'ca install-cert, once more',
    from: 'installed',
    argv: ['ca', 'install-cert', 'renewed.pem'],
    holds: (cwd) => {
      keysAreWhole(join(cwd, 'ca'));
    },
  },
];

describeWhere(
  canTrace(),
  'strace and the right to trace',
  'kill -9 before a system call that changes the disk',
  () => {
    const suite = temporaryFolderForSuite();
    const certwright = async (cwd: string, ...argv: string[]): Promise<Ran> => {
      const ran = await spawnProgram(argv, { cwd });
      expect({ argv, code: ran.code, stderr: ran.code === 0 ? '' : ran.stderr }).toEqual({
        argv,
        code: 0,
        stderr: '',
      });
      return ran;
    };

    beforeAll(async () => {
      for (const name of ['made', 'waiting', 'installed']) mkdirSync(join(suite(), name));
      const made = join(suite(), 'made');
      writeFileSync(join(made, 'pass'), 'secret\n');
      await certwright(made, 'ca', 'init', '--offline-root', 'root.pem');
      await certwright(made, 'issue', 'a.internal');
      await certwright(made, 'ca', 'backup', 'ca.tar');
      await certwright(made, 'issue', 'b.internal');
      const waiting = join(suite(), 'waiting');
      await certwright(waiting, 'ca', 'init', '--csr-out', 'shop.csr');
      await sign(waiting, 'shop.pem', 'renewed.pem');
      cpSync(waiting, join(suite(), 'installed'), { recursive: true, verbatimSymlinks: true });
      await certwright(join(suite(), 'installed'), 'ca', 'install-cert', 'shop.pem');
    });

    it.each(scenarios)('$title', async ({ from, argv, holds, mayBeDone }) => {
      const fresh = (): string => {
        const cwd = mkdtempSync(join(suite(), 'run-'));
        cpSync(join(suite(), from), cwd, { recursive: true, verbatimSymlinks: true });
        return cwd;
      };
      const { ran, calls } = await diskCalls(argv, fresh());
      expect(ran).toMatchObject({ code: 0 });
      const moments = calls.filter((call) => !call.reads && !['fsync', 'fchmod'].includes(call.name));
      expect(moments.length).toBeGreaterThan(2);
      await eachOf(spread(moments, 6), 2, async (call) => {
        const { cwd, hit } = await disturb(call, 'signal=SIGKILL', argv, fresh);
        const context = `killed before ${call.name} ${call.ordinal}: ${hit ?? 'nothing'}`;
        holds(cwd);
        const again = await spawnProgram(argv, { cwd });
        const done = mayBeDone === true && again.code === 2 && /not empty|there already/.test(again.stderr);
        expect({
          context,
          code: done ? 0 : again.code,
          said: again.code === 0 || done ? '' : again.stderr,
        }).toEqual({
          context,
          code: 0,
          said: '',
        });
        holds(cwd);
        const target = argv.includes('new') ? 'new' : 'ca';
        const doctor = await spawnProgram(['ca', 'doctor', target, '--fix'], { cwd });
        expect({ context, code: doctor.code, said: doctor.code === 0 ? '' : doctor.stdout }).toEqual({
          context,
          code: 0,
          said: '',
        });
        // A key that waits for its certificate is no leftover.
        const left = leftovers(join(cwd, target)).filter((path) => !path.startsWith('pending/'));
        expect({ context, left }).toEqual({ context, left: [] });
        rmSync(cwd, { recursive: true });
      });
    });
  },
);

/** Somebody else's root, and two certificates by it for the key that waits. */
async function sign(cwd: string, ...files: string[]): Promise<void> {
  const rootKey = await generateKey('ec-p256');
  const root = encodeName([{ type: oid.commonName, value: 'Corp Root' }]);
  const pem = readFileSync(join(cwd, 'shop.csr'), 'latin1').replace(/-----[^-]*-----|\s/g, '');
  const request = readCertificationRequest(Buffer.from(pem, 'base64'));
  const certify = (subject: Buffer, publicKey: Buffer, pathLength: number, years: number): string =>
    certificatePem(
      buildCertificate(
        {
          serial: randomSerial(),
          issuer: root,
          subject,
          notBefore: new Date(Math.floor(Date.now() / 1000) * 1000 - 60_000),
          notAfter: new Date(Math.floor(Date.now() / 1000) * 1000 + years * 365 * 86_400_000),
          publicKey,
          basicConstraints: { ca: true, pathLength },
          keyUsage: ['keyCertSign', 'cRLSign'],
          extendedKeyUsage: [],
          names: [],
          nameConstraints: undefined,
          authorityKeyIdentifier: keyIdentifier(publicKeyDer(rootKey)),
          crlUrls: [],
          ocspUrls: [],
          issuerUrls: [],
        },
        rootKey,
      ),
    );
  const rootPem = certify(root, publicKeyDer(rootKey), 1, 9);
  files.forEach((file, index) => {
    writeFileSync(join(cwd, file), certify(request.subject, request.publicKey, 0, 3 + index) + rootPem);
  });
}
