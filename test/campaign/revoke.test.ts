import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readCrl, revokedCertificates } from '../../src/pki/x509/crl.ts';
import { serialHex } from '../../src/pki/x509/certificate.ts';
import { eachOf, full, seed, seededRandom } from '../support/campaign.ts';
import { program, spawnProgram, temporaryFolder } from '../support/cli.ts';
import { leftovers, problemsIn } from '../support/invariants.ts';

/** A store with so many certificates of one CA. @returns their serials, by name */
async function storeWith(count: number): Promise<{ cwd: string; serials: Map<string, string> }> {
  const cwd = temporaryFolder();
  const names = Array.from({ length: count }, (_, index) => `n${index}.internal`);
  writeFileSync(
    join(cwd, 'certwright.yaml'),
    `certificates:\n${names.map((name) => `  ${name}: {}\n`).join('')}`,
  );
  expect(await spawnProgram(['ca', 'init', '--name', 'Campaign'], { cwd })).toMatchObject({ code: 0 });
  expect(await spawnProgram(['issue', '--all', '--quiet'], { cwd })).toMatchObject({ code: 0 });
  const serialOf = (name: string): string =>
    new X509Certificate(
      readFileSync(join(cwd, 'certs', name, 'current/cert.pem')),
    ).serialNumber.toLowerCase();
  return { cwd, serials: new Map(names.map((name) => [name, serialOf(name)])) };
}

const crlsOf = (cwd: string): string =>
  join(cwd, 'ca/issuers', readlinkSync(join(cwd, 'ca/active')).split('/').at(-1) ?? '', 'crl');

function listedIn(der: Buffer): Set<string> {
  return new Set([...revokedCertificates(readCrl(der))].map(({ serial }) => serialHex(serial)));
}

const lastCrl = (cwd: string): Set<string> => listedIn(readFileSync(join(crlsOf(cwd), 'current/crl.der')));

const bundleHasLast = (cwd: string): boolean =>
  readFileSync(join(cwd, 'certs/_trust/default/current/crl.pem'), 'utf8').includes(
    readFileSync(join(crlsOf(cwd), 'current/crl.pem'), 'utf8'),
  );

/** Looks where `current` leads, as often as it can, until it is told to stop. */
async function watchCurrent(crls: string, isOver: () => boolean): Promise<{ seen: number[]; looks: number }> {
  const seen: number[] = [];
  let looks = 0;
  while (!isOver()) {
    for (let burst = 0; burst < 50; burst += 1) {
      const number = Number(readlinkSync(join(crls, 'current')));
      looks += 1;
      if (number !== seen.at(-1)) seen.push(number);
    }
    await sleep(1);
  }
  return { seen, looks };
}

/** Milliseconds; in full, and on a busy machine, it takes its time. */
const patience = full ? 3_600_000 : 900_000;
const many = full ? 1000 : 40;

describe('revocations at once', () => {
  it(
    `ten processes at a time, ${many} certificates: all are in the last CRL, and current never goes back`,
    async () => {
      const { cwd, serials } = await storeWith(many);
      let isOver = false;
      const watching = watchCurrent(crlsOf(cwd), () => isOver);
      const failures: unknown[] = [];
      const start = performance.now();
      await eachOf([...serials.keys()], 10, async (name) => {
        const ran = await spawnProgram(['revoke', name, '--yes', '--json'], { cwd });
        if (ran.code !== 0) failures.push(ran);
        // Whoever was told so finds it in the CRL from then on.
        else if (!lastCrl(cwd).has(serials.get(name) ?? '')) failures.push(`${name} is not in the CRL`);
      }).finally(() => (isOver = true));
      console.log(`${many} revoked in ${Math.round((performance.now() - start) / 1000)} s`);
      const { seen, looks } = await watching;
      expect(failures).toEqual([]);
      expect(lastCrl(cwd)).toEqual(new Set(serials.values()));
      expect(bundleHasLast(cwd)).toBe(true);
      expect(seen).toEqual([...new Set(seen)].sort((a, b) => a - b));
      expect(looks).toBeGreaterThan(many);
      expect(leftovers(cwd)).toEqual([]);
      expect(problemsIn(cwd)).toEqual([]);
    },
    patience,
  );
});

const killed = full ? 500 : 30;

/** Ends the program with SIGKILL after a while. @returns whether it had said that it was done */
function killedRevoking(name: string, cwd: string, delay: number): Promise<boolean> {
  return new Promise((done) => {
    const child = spawn(process.execPath, [program, 'revoke', name, '--yes', '--json'], {
      cwd,
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    let said = '';
    child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString('utf8')));
    const timer = setTimeout(() => child.kill('SIGKILL'), delay);
    child.on('close', () => {
      clearTimeout(timer);
      done(said.includes('"state": "revoked"'));
    });
  });
}

describe(`kill -9 while revoking (seed ${seed})`, () => {
  it(
    `${killed} times, five at a time: nothing that was reported is missing from the CRL after the next command`,
    async () => {
      const { cwd, serials } = await storeWith(killed);
      const random = seededRandom(seed);
      const names = [...serials.keys()];
      const reported = new Set(names.slice(0, 5).map((name) => serials.get(name)));
      const start = performance.now();
      await eachOf(names.slice(0, 5), 5, async (name) => {
        expect(await spawnProgram(['revoke', name, '--yes'], { cwd })).toMatchObject({ code: 0 });
      });
      const length = performance.now() - start;
      await eachOf(names.slice(5), 5, async (name) => {
        // Half of it is start-up, before which there is nothing to kill.
        const isDone = await killedRevoking(name, cwd, length * (0.4 + random() * 0.8));
        if (isDone) reported.add(serials.get(name));
      });
      expect(await spawnProgram(['ca', 'crl'], { cwd })).toMatchObject({ code: 0 });
      const last = lastCrl(cwd);
      expect([...reported].filter((serial) => !last.has(serial ?? ''))).toEqual([]);
      // Nor is anything that was only written down.
      const facts = readdirSync(join(crlsOf(cwd), '../revoked')).filter((name) => name.endsWith('.json'));
      expect(facts.map((name) => name.split('.')[0]).filter((serial) => !last.has(serial ?? ''))).toEqual([]);
      expect(bundleHasLast(cwd)).toBe(true);
      // The same command does the rest.
      await eachOf([...serials.keys()], 5, async (name) => {
        const ran = await spawnProgram(['revoke', name, '--yes'], { cwd });
        expect({ name, code: ran.code }).toEqual({ name, code: 0 });
      });
      expect(lastCrl(cwd)).toEqual(new Set(serials.values()));
      expect(leftovers(cwd)).toEqual([]);
      expect(problemsIn(cwd)).toEqual([]);
      const half = facts.length - reported.size;
      console.log(`${reported.size} reported, ${half} only written down, of ${killed}`);
      expect(existsSync(join(cwd, 'certs'))).toBe(true);
    },
    patience,
  );
});
