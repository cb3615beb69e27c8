import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askResponder, lookInCrl, type Look } from '../../src/pki/lifecycle/look-up-revocation.ts';
import { encodeOcspRequest } from '../../src/pki/x509/ocsp-request.ts';
import { oid } from '../../src/pki/x509/oid.ts';
import { signed } from '../../src/pki/x509/signing.ts';
import { authority, crlOf, days, issue, noon, type Entity } from '../support/chains.ts';
import { encodeAnswer, encodeFailure, readRequest, type Answer } from '../support/ocsp-responder.ts';

const ca = authority('CA');
const leaf = issue('orders.internal', ca);
const another = issue('users.internal', ca);
const isResponder = { keyUsage: ['digitalSignature' as const], extendedKeyUsage: [oid.ocspSigning] };

/** What the server answers next; it hears the request. */
let answer: (body: Buffer) => Buffer | RequestListener = () => Buffer.alloc(0);
const heard: { method: string; url: string; host: string; authorization: string }[] = [];
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { method = '', url = '', headers } = request;
    const authorization = headers['proxy-authorization'] ?? '';
    heard.push({ method, url, host: headers.host ?? '', authorization });
    const said = answer(Buffer.concat(chunks));
    if (typeof said === 'function') said(request, response);
    else response.end(said);
  });
});
let port = 0;
let url = '';

beforeAll(async () => {
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  ({ port } = server.address() as AddressInfo);
  url = `http://127.0.0.1:${port}/`;
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const look = (changes: Partial<Look> = {}): Look => ({
  certificate: leaf.certificate,
  issuer: ca.certificate,
  env: {},
  time: 20_000,
  signal: new AbortController().signal,
  now: () => noon,
  ...changes,
});

/** A responder that says `revoked`, but for what is changed. */
const responding =
  (by: Entity, changes: Partial<Answer> = {}) =>
  (body: Buffer): Buffer =>
    encodeAnswer(
      {
        id: readRequest(body).der,
        status: days(-1),
        responder: by.certificate.publicKey,
        thisUpdate: days(-1),
        nextUpdate: days(1),
        ...changes,
      },
      (tbs) => signed(by.key, tbs),
    );

const idFor = ({ certificate }: Entity): Buffer =>
  readRequest(encodeOcspRequest(certificate, ca.certificate)).der;

describe('an OCSP responder is asked', () => {
  it('for the serial number of the issuer, and believed where the CA or its delegate has signed', async () => {
    answer = responding(ca);
    expect(await askResponder(url, look())).toBe('revoked');
    expect(heard.at(-1)).toMatchObject({ method: 'POST' });
    const delegate = issue('Responder', ca, isResponder);
    answer = responding(delegate, { certificates: [delegate.certificate.der] });
    expect(await askResponder(url, look())).toBe('revoked');
    // One that is always up to date says no end, and speaks of this moment.
    answer = responding(ca, { thisUpdate: noon, nextUpdate: undefined });
    expect(await askResponder(url, look())).toBe('revoked');
  });

  const stranger = authority('CA');
  const withoutUsage = issue('Responder', ca);
  const ofAnother = issue('Responder', stranger, isResponder);
  const ended = issue('Responder', ca, { ...isResponder, notAfter: days(-1) });
  const along = ({ certificate }: Entity): Partial<Answer> => ({ certificates: [certificate.der] });

  it.each<[string, string, (body: Buffer) => Buffer | RequestListener]>([
    ['good', 'its responder says good', responding(ca, { status: 'good' })],
    ['unknown', 'nobody knows this certificate', responding(ca, { status: 'unknown' })],
    ['stale', 'went stale', responding(ca, { nextUpdate: days(-0.5) })],
    ['old and without an end', 'went stale', responding(ca, { nextUpdate: undefined })],
    ['of tomorrow', 'is not valid yet', responding(ca, { thisUpdate: days(1), nextUpdate: days(2) })],
    [
      'of a stranger with the same name',
      'does not hold the certificate of its responder',
      responding(stranger),
    ],
    [
      'that names the CA and is signed by a stranger',
      'wrong signature',
      responding({ ...ca, key: stranger.key }),
    ],
    ['of one who is not for OCSP', 'who may not', responding(withoutUsage, along(withoutUsage))],
    ["of another CA's delegate", 'who may not', responding(ofAnother, along(ofAnother))],
    ['of a delegate whose time is over', 'who may not', responding(ended, along(ended))],
    ['for another certificate', 'is not for', (body) => responding(ca, { id: idFor(another) })(body)],
    ['tryLater', 'tryLater', () => encodeFailure(3)],
    ['no response', '', () => Buffer.from('<html>')],
    ['too large', 'too large', () => Buffer.alloc(300_000)],
    ['500', 'answers 500', () => (_, response) => response.writeHead(500).end()],
    ['moved', 'answers 302', () => (_, response) => response.writeHead(302, { location: '/' }).end()],
  ])('and what is %s does not count', async (_, words, said) => {
    answer = said;
    const found = await askResponder(url, look());
    expect(found).not.toBe('revoked');
    expect(found).toContain(words);
  });

  it('in vain where nobody knows who has signed the certificate, or nobody listens', async () => {
    expect(await askResponder(url, look({ issuer: undefined }))).toContain('is not known');
    expect(await askResponder('http://127.0.0.1:1/', look())).toContain('ECONNREFUSED');
  });

  it('and not for longer than there is time, however slowly it answers', async () => {
    answer = () => (_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write('0'), 20);
      response.on('close', () => {
        clearInterval(drip);
      });
    };
    expect(await askResponder(url, look({ time: 300 }))).toBe('no answer came in time');
  });

  it('until somebody ends it', async () => {
    const ending = new AbortController();
    answer = () => () => {
      ending.abort();
    };
    await expect(askResponder(url, look({ signal: ending.signal }))).rejects.toThrow(/abort/);
  });
});

describe('a CRL is fetched', () => {
  const crl = crlOf(ca, [leaf]);

  it('and its entry counts where the CA has signed it, and it has not ended', async () => {
    answer = () => crl.der;
    expect(await lookInCrl(url, look())).toBe('revoked');
    expect(await lookInCrl(url, look({ certificate: another.certificate }))).toContain(
      'does not list it yet',
    );
    answer = () => crlOf(authority('CA'), [leaf]).der;
    expect(await lookInCrl(url, look())).toBe('its CRL is not signed by that CA');
    answer = () => crlOf(authority('Other'), [leaf]).der;
    expect(await lookInCrl(url, look())).toBe('it is the CRL of another CA');
    answer = () => crlOf(ca, [leaf], { thisUpdate: days(-8), nextUpdate: days(-1) }).der;
    expect(await lookInCrl(url, look())).toContain('lapsed 2030-06-14');
  });

  it('through the proxy that http_proxy names, but for what NO_PROXY exempts', async () => {
    answer = () => crl.der;
    const proxy = `http://user:secret@127.0.0.1:${port}`;
    const named = 'http://crl.example.com/ca.crl';
    expect(await lookInCrl(named, look({ env: { http_proxy: proxy } }))).toBe('revoked');
    expect(heard.at(-1)).toEqual({
      method: 'GET',
      url: named,
      host: 'crl.example.com',
      authorization: `Basic ${Buffer.from('user:secret').toString('base64')}`,
    });
    const exempt = { http_proxy: 'http://127.0.0.1:1', NO_PROXY: '127.0.0.0/8' };
    expect(await lookInCrl(url, look({ env: exempt }))).toBe('revoked');
    // In capitals it is not the environment's alone to say (httpoxy).
    expect(await lookInCrl(url, look({ env: { HTTP_PROXY: 'http://127.0.0.1:1' } }))).toBe('revoked');
    expect(await lookInCrl(named, look({ env: { http_proxy: 'socks5://127.0.0.1' } }))).toContain('socks5');
  });
});
