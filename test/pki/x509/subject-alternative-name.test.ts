import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PkiError } from '../../../src/pki/errors.ts';
import { formatIp, parseIp } from '../../../src/pki/x509/general-name.ts';
import { nameText, parseName } from '../../../src/pki/x509/subject-alternative-name.ts';

const shown = (input: string): string => {
  const name = parseName(input);
  return `${name.kind} ${nameText(name)}`;
};

function refusal(input: string): string {
  try {
    return `accepted as ${shown(input)}`;
  } catch (error) {
    if (error instanceof PkiError && error.code === 'bad-name') return error.message;
    throw error;
  }
}

describe('a name is told by its form', () => {
  it.each([
    ['orders.internal', 'dns orders.internal'],
    ['Orders.Internal', 'dns orders.internal'],
    ['localhost', 'dns localhost'],
    ['*.orders.internal', 'dns *.orders.internal'],
    ['bücher.example', 'dns xn--bcher-kva.example'],
    ['xn--bcher-kva.example', 'dns xn--bcher-kva.example'],
    ['10.0.0.7', 'ip 10.0.0.7'],
    ['::1', 'ip ::1'],
    ['[::1]', 'ip ::1'],
    ['2001:DB8:0:0:0:0:0:7', 'ip 2001:db8::7'],
    ['1:0:0:2:0:0:0:3', 'ip 1:0:0:2::3'],
    ['::', 'ip ::'],
    ['::ffff:10.0.0.7', 'ip ::ffff:a00:7'],
    ['ops@corp.example', 'email ops@corp.example'],
    ['Ops.Team+x@Corp.Example', 'email Ops.Team+x@corp.example'],
    ['spiffe://corp/ns/shop/sa/orders', 'uri spiffe://corp/ns/shop/sa/orders'],
    ['urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6', 'uri urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6'],
    ['https://corp.example/a', 'uri https://corp.example/a'],
  ])('%s is %s', (input, expected) => {
    expect(shown(input)).toBe(expected);
    expect(shown(nameText(parseName(input)))).toBe(expected);
  });
});

describe('a name that breaks a rule is refused and the rule said', () => {
  it.each([
    ['', 'is empty'],
    ['../x', 'has an empty label'],
    ['a/b', 'holds a character that no host name has'],
    ['a b', 'holds a space or a control character'],
    ['a\u0000b', 'holds a space or a control character'],
    ['a_b.internal', 'holds a character that no host name has'],
    ['a..b', 'has an empty label'],
    ['-a.internal', 'begins or ends with a hyphen'],
    ['a.internal.', 'ends with a dot'],
    ['a.*.internal', 'wildcard elsewhere'],
    ['a*.internal', 'wildcard elsewhere'],
    ['*', 'wildcard elsewhere'],
    ['orders.internal:8443', 'holds a port'],
    ['10.0.0.0/8', 'is a network'],
    ['10.0.0.300', 'looks like an IP address but is none'],
    ['1.2.3', 'looks like an IP address but is none'],
    [`${'a'.repeat(64)}.internal`, 'at most 63 are allowed'],
    [`${'a.'.repeat(150)}internal`, 'at most 253 are allowed'],
    ['xn--zzzzzzzzz-.example', 'hyphen'],
    ['ab--cd.example', 'no valid A-label'],
    ['@corp.example', 'is no e-mail address'],
    ['a..b@corp.example', 'is no e-mail address'],
    ['ops@-corp.example', 'begins or ends with a hyphen'],
    ['spiffe://corp:8080/x', 'no valid trust domain'],
    ['spiffe://Corp/x', 'no valid trust domain'],
    ['spiffe://corp/a//b', 'path that SPIFFE does not allow'],
    ['spiffe://corp/a/../b', 'path that SPIFFE does not allow'],
    ['spiffe://corp/x?y', 'SPIFFE'],
    ['https:///path', 'has no host'],
    ['http://a b', 'holds a space'],
    ['http://ä/', 'is no URI'],
  ])('%j', (input, why) => {
    expect(refusal(input)).toContain(why);
  });

  it('shows a name of 5,000 characters cut', () => {
    expect(refusal('a'.repeat(5000)).length).toBeLessThan(200);
  });
});

describe('IP addresses in text', () => {
  const groups = fc.constantFrom(
    '0',
    '1',
    'a',
    'ffff',
    '0db8',
    '12345',
    'g',
    '',
    '10.0.0.1',
    '256.1.1.1',
    '1.2.3',
  );
  const addresses = fc.oneof(
    fc.ipV4(),
    fc.ipV6(),
    fc.array(groups, { minLength: 1, maxLength: 10 }).map((list) => list.join(':')),
    fc
      .tuple(fc.array(groups, { maxLength: 8 }), fc.array(groups, { maxLength: 8 }))
      .map((halves) => halves.map((list) => list.join(':')).join('::')),
    fc.stringMatching(/^[0-9a-f.:%]{0,20}$/),
  );

  it('are what node:net takes for one, but for zones', () => {
    fc.assert(
      fc.property(addresses, (text) => {
        const expected = text.includes('%') ? 0 : isIP(text);
        const octets = parseIp(text)?.length;
        expect(octets === undefined ? 0 : octets === 4 ? 4 : 6, text).toBe(expected);
      }),
      { numRuns: 5_000, seed: 20_270_101 },
    );
  });

  it('name the octets that a URL parser finds', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const octets = parseIp(text);
        expect(octets && `[${formatIp(octets)}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
      { numRuns: 2_000, seed: 20_270_102 },
    );
  });
});
