import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import * as write from '../../../../src/pki/x509/der-writer.ts';
import { encodeName } from '../../../../src/pki/x509/distinguished-name.ts';
import { oid } from '../../../../src/pki/x509/oid.ts';
import { parseName } from '../../../../src/pki/x509/subject-alternative-name.ts';
import { validateChain } from '../../../../src/pki/x509/validation/chain.ts';
import type { ChainInput } from '../../../../src/pki/x509/validation/chain-input.ts';
import type { Verdict } from '../../../../src/pki/x509/validation/verdict.ts';
import { authority, crlOf, days, issue, keyAtInfinity, noon, type Entity } from '../../../support/chains.ts';

const root = authority('root');
const lower = authority('lower', root);
const leaf = issue('orders.internal', lower);

function verdictOn(target: Entity, others: Partial<ChainInput> = {}): Verdict {
  return validateChain({
    leaf: target.certificate,
    intermediates: [lower.certificate],
    anchors: [root.certificate],
    time: noon,
    ...others,
  });
}

const certificates = (...entities: readonly Entity[]): Entity['certificate'][] =>
  entities.map(({ certificate }) => certificate);

/** The rules that speak against the best candidate, each with the place in the path. */
const faults = ({ candidates }: Verdict): string[] =>
  (candidates[0]?.findings ?? []).map(({ rule, index }) => `${rule}@${index}`);

/** `message: fix` of the first finding. */
function said({ candidates }: Verdict): string {
  const finding = candidates[0]?.findings[0];
  return finding ? `${finding.message}: ${finding.fix}` : '';
}

describe('a chain that holds', () => {
  test('comes with its path, leaf first, and says whose CRL is missing', () => {
    const verdict = verdictOn(leaf, { usage: 'server', names: [parseName('orders.internal')] });
    expect(verdict.valid).toBe(true);
    expect(verdict.path).toEqual(certificates(leaf, lower, root));
    expect(verdict.warnings.map(({ rule, subject }) => [rule, subject])).toEqual([
      ['no-crl', 'lower'],
      ['no-crl', 'root'],
    ]);
  });

  test('needs no CRL of anybody if all are there', () => {
    const crls = [crlOf(lower, []), crlOf(root, [])];
    expect(verdictOn(leaf, { crls, requireCrl: true })).toMatchObject({ valid: true, warnings: [] });
  });

  test('finds its way among intermediates in any order and strangers among them', () => {
    const middle = authority('middle', lower);
    const deep = issue('deep.internal', middle);
    const stranger = authority('stranger');
    const intermediates = certificates(stranger, middle, leaf, lower);
    expect(verdictOn(deep, { intermediates }).path).toEqual(certificates(deep, middle, lower, root));
  });

  test('goes round a cross-signed CA whose own root has expired', () => {
    const old = authority('old root', undefined, { notAfter: days(-1) });
    const { key } = lower;
    const cross = authority('lower', old, { key });
    for (const intermediates of [certificates(cross, lower), certificates(lower, cross)]) {
      const verdict = verdictOn(leaf, { intermediates, anchors: certificates(old, root) });
      expect(verdict.path).toEqual(certificates(leaf, lower, root));
    }
  });

  test('warns where key identifiers contradict it, since OpenSSL will refuse', () => {
    const odd = issue('odd.internal', lower, { authorityKeyIdentifier: Buffer.alloc(20, 7) });
    const verdict = verdictOn(odd);
    expect(verdict.valid).toBe(true);
    expect(verdict.warnings.map(({ rule }) => rule)).toContain('key-identifier');
  });

  test('compares names by RFC 5280 7.1, not by octets', () => {
    const { key } = lower;
    const shouting = encodeName([{ type: oid.commonName, value: '  LOWER ' }]);
    const other = authority('lower', root, { key, subject: shouting });
    expect(verdictOn(leaf, { intermediates: certificates(other) }).valid).toBe(true);
  });
});

describe('a chain that does not hold says why', () => {
  test('expired', () => {
    const old = issue('orders.internal', lower, { notAfter: days(-3) });
    expect(said(verdictOn(old))).toBe('orders.internal expired 3 days ago: rotate it');
  });

  test('not valid yet', () => {
    const early = issue('orders.internal', lower, { notBefore: days(2) });
    expect(faults(verdictOn(early))).toEqual(['not-yet-valid@0']);
  });

  test('an anchor that has expired', () => {
    expect(faults(verdictOn(leaf, { time: days(31) }))).toEqual(['expired@0', 'expired@1', 'expired@2']);
  });

  test('the issuing CA is missing', () => {
    const verdict = verdictOn(leaf, { intermediates: [] });
    expect(faults(verdict)).toEqual(['issuer-missing@0']);
    expect(said(verdict)).toContain('use fullchain.pem');
  });

  test('a root that nobody trusts', () => {
    const verdict = verdictOn(leaf, {
      intermediates: certificates(lower, root),
      anchors: certificates(authority('other')),
    });
    expect(faults(verdict)).toEqual(['not-trusted@2']);
  });

  test('trust that holds an intermediate only, until partial chains are allowed', () => {
    const anchors = certificates(lower);
    expect(said(verdictOn(leaf, { anchors }))).toMatch(/^the trust file holds an intermediate only: /);
    expect(verdictOn(leaf, { anchors, partialChain: true }).valid).toBe(true);
    // RFC 5280 asks for no root, so neither does whoever wants the path alone judged.
    expect(verdictOn(leaf, { anchors, strength: 'any' }).valid).toBe(true);
  });

  test('a signature by another key under the same name', () => {
    const impostor = authority('lower', root);
    expect(faults(verdictOn(leaf, { intermediates: certificates(impostor) }))).toEqual(['bad-signature@0']);
  });

  test('an issuer that is no CA', () => {
    const child = issue('child.internal', leaf);
    const verdict = verdictOn(child, { intermediates: certificates(leaf, lower) });
    expect(faults(verdict)).toEqual(['not-a-ca@1', 'key-usage@1']);
  });

  test('a CA below one that allows none', () => {
    const last = authority('last', root, { basicConstraints: { ca: true, pathLength: 0 } });
    const below = authority('below', last);
    const target = issue('x.internal', below);
    expect(faults(verdictOn(target, { intermediates: certificates(below, last) }))).toEqual([
      'path-length@2',
    ]);
  });

  test('more CAs than --max-depth allows', () => {
    expect(faults(verdictOn(leaf, { maxDepth: 0 }))).toEqual(['max-depth@1']);
    expect(verdictOn(leaf, { maxDepth: 1 }).valid).toBe(true);
  });

  test('a usage that the certificate or a CA above it is not for', () => {
    const agreement = issue('a.internal', lower, { keyUsage: ['keyAgreement'], extendedKeyUsage: [] });
    const client = issue('c.internal', lower, { extendedKeyUsage: [oid.clientAuth] });
    const narrow = authority('narrow', root, { extendedKeyUsage: [oid.emailProtection] });
    const below = issue('b.internal', narrow);
    expect(said(verdictOn(agreement, { usage: 'code-signing' }))).toContain('is a key agreement certificate');
    expect(said(verdictOn(client, { usage: 'server' }))).toMatch(/issue with --usage server$/);
    const intermediates = certificates(narrow);
    expect(faults(verdictOn(below, { usage: 'server', intermediates }))).toEqual(['extended-key-usage@1']);
    expect(verdictOn(below, { intermediates }).valid).toBe(true);
  });

  test('a name that it does not hold', () => {
    expect(faults(verdictOn(leaf, { names: [parseName('billing.internal')] }))).toEqual(['name-mismatch@0']);
    const names = ['orders.internal', 'billing.internal'].map(parseName);
    expect(faults(verdictOn(leaf, { names }))).toEqual(['name-mismatch@0']);
  });

  test('a name that its CA may not hand out', () => {
    const bound = authority('bound', root, {
      nameConstraints: { permitted: [{ kind: 'dns', value: 'shop.example' }], excluded: [] },
    });
    const target = issue('www.bank.example', bound);
    const verdict = verdictOn(target, { intermediates: certificates(bound) });
    expect(faults(verdict)).toEqual(['not-permitted@0']);
    expect(said(verdict)).toContain('dns:www.bank.example lies in no permitted subtree');
  });

  test('a key that is too weak, unless any strength will do', () => {
    const { privateKey: key } = generateKeyPairSync('rsa', { modulusLength: 1024 });
    const weak = issue('weak.internal', lower, { key });
    expect(faults(verdictOn(weak))).toEqual(['weak-key@0']);
    expect(verdictOn(weak, { strength: 'any' }).valid).toBe(true);
  });

  test('a key that is the point at infinity, whose details end the process that asks Node for them', () => {
    const bad = issue('bad.internal', lower, { publicKey: keyAtInfinity });
    expect(faults(verdictOn(bad))).toEqual(['unsupported-algorithm@0']);
    const anchor = authority('root', undefined, { publicKey: keyAtInfinity, key: root.key });
    expect(verdictOn(leaf, { anchors: certificates(anchor) }).valid).toBe(false);
  });

  test.each([
    ['an exponent of 1', 'ff'.repeat(256), '01'],
    ['an even exponent', 'ff'.repeat(256), '010000'],
    ['a modulus that OpenSSL does not compute with', 'ff'.repeat(2049), '010001'],
  ])('an RSA key with %s', (_what, modulus, exponent) => {
    const integer = (hex: string): Buffer => write.integer(Buffer.from(hex, 'hex'));
    const key = write.sequence(integer(modulus), integer(exponent));
    const algorithm = write.sequence(write.objectIdentifier(oid.rsaEncryption), write.nullValue());
    const publicKey = write.sequence(algorithm, write.bitString(key));
    expect(faults(verdictOn(issue('bad.internal', lower, { publicKey })))).toEqual(['weak-key@0']);
  });

  test('a DSA key whose details end the process that asks Node for them', () => {
    const negative = '301c301406072a8648ce380401300902011702010b020104030400020188';
    const damaged = issue('dsa.internal', lower, { publicKey: Buffer.from(negative, 'hex') });
    expect(faults(verdictOn(damaged))).toEqual(['weak-key@0']);
  });

  test('everything at once, from the least faulty candidate', () => {
    const bad = issue('bad.internal', lower, { notAfter: days(-1), extendedKeyUsage: [oid.clientAuth] });
    const verdict = verdictOn(bad, { usage: 'server', names: [parseName('good.internal')] });
    expect(faults(verdict)).toEqual(['expired@0', 'extended-key-usage@0', 'name-mismatch@0']);
    expect(verdict.candidates[0]?.path).toEqual(certificates(bad, lower, root));
  });
});

describe('revocation', () => {
  test('a certificate on the CRL does not hold', () => {
    const crls = [crlOf(lower, [leaf], { reason: 'keyCompromise' })];
    const verdict = verdictOn(leaf, { crls });
    expect(faults(verdict)).toEqual(['revoked@0']);
    expect(said(verdict)).toContain('its key was compromised');
  });

  test('nor does what a revoked CA issued', () => {
    expect(faults(verdictOn(leaf, { crls: [crlOf(root, [lower])] }))).toEqual(['revoked@1']);
  });

  test('a CRL that is given must be fresh and signed by its issuer', () => {
    const stale = crlOf(lower, [], { thisUpdate: days(-9), nextUpdate: days(-2) });
    const forged = crlOf({ ...root, certificate: lower.certificate }, []);
    expect(said(verdictOn(leaf, { crls: [stale] }))).toContain('the CRL of lower went stale 2 days ago');
    expect(said(verdictOn(leaf, { crls: [forged] }))).toContain('the CRL of lower was not signed by lower');
    expect(verdictOn(leaf, { crls: [stale, crlOf(lower, [])] }).valid).toBe(true);
  });

  test('what a newer CRL no longer lists is good again, though the older one is still fresh', () => {
    const held = crlOf(lower, [leaf], { reason: 'certificateHold', thisUpdate: days(-2) });
    const released = crlOf(lower, [], { number: 2 });
    expect(verdictOn(leaf, { crls: [held, released] }).valid).toBe(true);
    expect(verdictOn(leaf, { crls: [released, held] }).valid).toBe(true);
  });

  test.each([
    ['stale', () => crlOf(lower, [], { number: 3, thisUpdate: days(-1.5), nextUpdate: days(-1) })],
    ['signed by somebody else', () => crlOf({ ...root, certificate: lower.certificate }, [], { number: 3 })],
    ['newer by its time alone', () => crlOf(lower, [], { number: 1 })],
    ['newer by its number alone', () => crlOf(lower, [], { number: 3, thisUpdate: days(-3) })],
  ])('but not where the newer one is %s', (_, newer) => {
    const listed = crlOf(lower, [leaf], { number: 2, thisUpdate: days(-2) });
    expect(faults(verdictOn(leaf, { crls: [listed, newer()] }))).toEqual(['revoked@0']);
  });

  test('nor where the newer one is of another key of the same CA', () => {
    const rolled = authority('lower', root);
    const listed = crlOf(lower, [leaf], { thisUpdate: days(-2) });
    const verdict = verdictOn(leaf, {
      intermediates: certificates(lower, rolled),
      crls: [listed, crlOf(rolled, [], { number: 2 })],
    });
    expect(faults(verdict)).toContain('revoked@0');
  });

  test('an issuer without a CRL passes with a warning, unless every CRL is required', () => {
    const crls = [crlOf(lower, [])];
    expect(verdictOn(leaf, { crls }).warnings.map(({ subject }) => subject)).toEqual(['root']);
    expect(faults(verdictOn(leaf, { crls, requireCrl: true }))).toEqual(['crl-missing@1']);
  });

  test('a serial is found among a hundred thousand', () => {
    const template = issue('many.internal', lower);
    const many = Array.from({ length: 100_000 }, (_, at): Entity => {
      const serial = Buffer.alloc(9, 1);
      serial.writeUInt32BE(at, 4);
      return { ...template, certificate: { ...template.certificate, serial } };
    });
    const crl = crlOf(lower, [...many, leaf]);
    expect(faults(verdictOn(leaf, { crls: [crl] }))).toEqual(['revoked@0']);
    expect(verdictOn(template, { crls: [crl] }).valid).toBe(true);
  });
});
