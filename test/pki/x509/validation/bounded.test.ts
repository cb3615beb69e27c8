import { createPublicKey, generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readCertificate, type Certificate } from '../../../../src/pki/x509/certificate.ts';
import * as write from '../../../../src/pki/x509/der-writer.ts';
import { encodeName } from '../../../../src/pki/x509/distinguished-name.ts';
import { publicKeyDer } from '../../../../src/pki/x509/key.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { validateChain } from '../../../../src/pki/x509/validation/chain.ts';
import type { ChainInput } from '../../../../src/pki/x509/validation/chain-input.ts';
import type { Verdict } from '../../../../src/pki/x509/validation/verdict.ts';
import { authority, crlOf, issue, noon, type Entity } from '../../../support/chains.ts';
import { resign } from '../../../support/mutations.ts';
import { slowness } from '../../../support/slowness.ts';

const root = authority('root');
const lower = authority('lower', root);
const leaf = issue('orders.internal', lower);

const certificates = (...entities: readonly Entity[]): Certificate[] =>
  entities.map(({ certificate }) => certificate);

const newKey = (): KeyObject => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

/** A verdict and the processor time that it took, in milliseconds of the machine that the bounds are for. */
function timed(target: Entity, others: Partial<ChainInput>): { verdict: Verdict; milliseconds: number } {
  const before = slowness();
  const start = process.cpuUsage();
  const verdict = validateChain({
    leaf: target.certificate,
    intermediates: [lower.certificate],
    anchors: [root.certificate],
    time: noon,
    ...others,
  });
  const { user, system } = process.cpuUsage(start);
  return { verdict, milliseconds: (user + system) / 1000 / slowness(before) };
}

const rulesOf = ({ candidates }: Verdict): string[] =>
  (candidates[0]?.findings ?? []).map(({ rule }) => rule);

/** Every CA of a level is signed by every CA of the level above it, under the same names. */
function web(width: number, depth: number, top: Entity): { target: Entity; all: Entity[] } {
  const all: Entity[] = [];
  let above = [top];
  for (let level = 0; level < depth; level += 1) {
    const next: Entity[] = [];
    for (let at = 0; at < width; at += 1) {
      const key = newKey();
      for (const issuer of above) next.push(authority(`level ${level}`, issuer, { key }));
    }
    all.push(...next);
    above = next.filter((_, at) => at % above.length === 0);
  }
  return { target: issue('lost.internal', above[0]), all };
}

describe('certificates made to keep a validator busy end in a verdict within a second:', () => {
  it.each([
    [4, 7],
    [8, 5],
    [2, 30],
  ])('a web of CAs, %i wide and %i deep, that leads nowhere', (width, depth) => {
    const { target, all } = web(width, depth, authority('nobody'));
    const { verdict, milliseconds } = timed(target, { intermediates: certificates(...all) });
    expect(verdict.valid).toBe(false);
    expect(verdict.candidates.length).toBeGreaterThan(0);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('a web whose every path reaches the root and is revoked there', () => {
    const { target, all } = web(4, 7, root);
    const crls = [crlOf(root, all.slice(0, 4))];
    const { verdict, milliseconds } = timed(target, { intermediates: certificates(...all), crls });
    expect(verdict.valid).toBe(false);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('CAs that have signed each other in every direction', () => {
    const names = Array.from({ length: 16 }, (_, at) => ({ name: `loop ${at}`, key: newKey() }));
    const cas = names.map(({ name, key }) => authority(name, undefined, { key }));
    const all = cas.flatMap((issuer) => names.map(({ name, key }) => authority(name, issuer, { key })));
    const target = issue('lost.internal', cas[0]);
    const { verdict, milliseconds } = timed(target, { intermediates: certificates(...all) });
    expect(verdict.valid).toBe(false);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('a thousand CAs of one name, none of which has signed', () => {
    const impostors = Array.from({ length: 1000 }, () => authority('lower', root));
    const { verdict, milliseconds } = timed(leaf, { intermediates: certificates(...impostors) });
    expect(verdict.valid).toBe(false);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('keys whose every signature takes five milliseconds to refuse', () => {
    const slow = (): Buffer => {
      const [modulus, exponent] = [randomBytes(384), randomBytes(384)];
      for (const number of [modulus, exponent]) number[383]! |= 1;
      modulus[0]! |= 0xc0;
      exponent[0] = 0x7f;
      const [n, e] = [modulus, exponent].map((number) => number.toString('base64url'));
      return publicKeyDer(createPublicKey({ key: { kty: 'RSA', n, e } as never, format: 'jwk' }));
    };
    const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 3072 });
    const signedByRsa = issue('orders.internal', { ...lower, key });
    const impostors = Array.from({ length: 400 }, () => authority('lower', root, { publicKey: slow() }));
    const { verdict, milliseconds } = timed(signedByRsa, { intermediates: certificates(...impostors) });
    expect(rulesOf(verdict)).toEqual(['too-much-work']);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('three thousand names under three thousand constraints', () => {
    const names = Array.from(
      { length: 3000 },
      (_, at) => ({ kind: 'dns', value: `n${at}.example` }) as const,
    );
    const bomb = authority('bomb', root, { nameConstraints: { permitted: names, excluded: [] } });
    const target = issue('x.example', bomb, { names: names.toReversed() });
    const { verdict, milliseconds } = timed(target, { intermediates: certificates(bomb) });
    expect(rulesOf(verdict)).toContain('too-much-work');
    expect(milliseconds).toBeLessThan(1000);
  });

  it('policies that each map to all others, in a web of CAs', () => {
    const policies = Array.from({ length: 60 }, (_, at) => write.objectIdentifier(`1.2.3.${at}`));
    const mappings = policies.flatMap((from) => policies.map((to) => write.sequence(from, to)));
    const bomb = [
      [oid.certificatePolicies, write.sequence(...policies.map((policy) => write.sequence(policy)))],
      [oid.policyMappings, write.sequence(...mappings)],
    ] as const;
    const { target, all } = web(2, 12, root);
    const issuers = [root, ...all];
    const armed = all.map(({ certificate }) => {
      const extra = bomb.map(([id, value]) => ({ id, critical: false, value }));
      const changed = { ...certificate, extensions: [...certificate.extensions, ...extra] };
      const issuer = issuers.find((one) => isIssuer(one.certificate, certificate));
      return readCertificate(resign(changed, issuer ?? root));
    });
    const { verdict, milliseconds } = timed(target, {
      intermediates: armed,
      policies: ['1.2.4'],
      requireExplicitPolicy: true,
    });
    expect(verdict.valid).toBe(false);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('two thousand CRLs of one CA, each signed by another key of its name', () => {
    const impostors = Array.from({ length: 200 }, () => authority('lower', root));
    const crls = Array.from({ length: 2000 }, (_, at) =>
      crlOf({ ...lower, key: impostors[at % 200]!.key }, [], { number: at + 1 }),
    );
    const { verdict, milliseconds } = timed(leaf, {
      intermediates: certificates(lower, ...impostors),
      crls,
    });
    expect(verdict.valid).toBe(false);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('a CRL of three hundred thousand entries', () => {
    const many = Array.from({ length: 300_000 }, (_, at): Entity => {
      const serial = Buffer.alloc(9, 1);
      serial.writeUInt32BE(at, 4);
      return { key: leaf.key, certificate: { ...leaf.certificate, serial } };
    });
    const { verdict, milliseconds } = timed(leaf, { crls: [crlOf(lower, many)] });
    expect(verdict.valid).toBe(true);
    expect(milliseconds).toBeLessThan(1000);
  });

  it('names of a megabyte', () => {
    const subject = encodeName(
      Array.from({ length: 20_000 }, () => ({ type: oid.organizationalUnit, value: 'x'.repeat(50) })),
    );
    const { key } = lower;
    const cas = Array.from({ length: 20 }, () => authority('', root, { subject, key: newKey() }));
    const real = authority('', root, { subject, key });
    const target = issue('orders.internal', real);
    const { verdict, milliseconds } = timed(target, { intermediates: certificates(...cas, real) });
    expect(verdict.valid).toBe(true);
    expect(milliseconds).toBeLessThan(1000);
  });
});

const isIssuer = (issuer: Certificate, subject: Certificate): boolean =>
  issuer.subject.equals(subject.issuer) &&
  issuer.extensions.some(
    ({ id, value }) =>
      id === oid.subjectKeyIdentifier &&
      subject.extensions.some(
        (one) => one.id === oid.authorityKeyIdentifier && one.value.includes(value.subarray(2)),
      ),
  );
