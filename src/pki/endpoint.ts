import { PkiError } from './errors.ts';

/** Where a server listens. */
export interface Endpoint {
  /** A host name or an address; IPv6 without brackets. */
  host: string;
  port: number;
}

const pattern = /^(?:tls:\/\/)?(?:\[([0-9a-f:.]+(?:%[\w.-]+)?)\]|([^\s/:@[\]]+)):(\d{1,5})\/?$/i;

/** `HOST:PORT`, `[IPV6]:PORT`, `tls://HOST:PORT`; `undefined` for anything else. */
export function readEndpoint(text: string): Endpoint | undefined {
  const match = pattern.exec(text);
  if (!match) return undefined;
  const [, v6, name, digits] = match;
  const port = Number(digits);
  const host = v6 ?? name ?? '';
  if (port < 1 || port > 65_535 || host.length > 253 || (v6 !== undefined && !isIpv6(v6))) return undefined;
  return { host, port };
}

/** Without node:net, which takes milliseconds to load. A URL has no place for a zone. */
const isIpv6 = (text: string): boolean => URL.canParse(`http://[${text.replace(/%.*$/, '')}]/`);

/** @throws PkiError `usage` */
export function parseEndpoint(text: string, what: string): Endpoint {
  const endpoint = readEndpoint(text);
  if (endpoint) return endpoint;
  const v6 = /^[0-9a-f]*:[0-9a-f:]*:[0-9a-f]*$/i.test(text);
  throw new PkiError('usage', `${what} ${JSON.stringify(text)} is no HOST:PORT`, {
    hint: v6
      ? 'an IPv6 address stands in brackets: [::1]:443'
      : 'for example orders.internal:8443 or [::1]:443',
  });
}

export const endpointText = ({ host, port }: Endpoint): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
