import { BlockList, isIP } from 'node:net';
import { PkiError } from './errors.ts';

type Place = Pick<Proxy, 'host' | 'port'>;

/** An HTTP proxy that opens tunnels. */
export interface Proxy {
  /** IPv6 without brackets. */
  host: string;
  port: number;
  /** `user:password`; from the environment only. */
  credentials: string | undefined;
}

const namedBy = {
  https: ['https_proxy', 'HTTPS_PROXY', 'all_proxy', 'ALL_PROXY'],
  // In capitals, CGI would let whoever sends a request choose it: curl does not read that either.
  http: ['http_proxy', 'all_proxy', 'ALL_PROXY'],
} as const;

/**
 * The proxy for a target: the one that was asked for, else the environment's, as curl reads it. An empty `asked` means none.
 * @throws PkiError `usage`, `unsupported`
 */
export function proxyFor(
  target: Place,
  asked: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  scheme: keyof typeof namedBy = 'https',
): Proxy | undefined {
  if (asked !== undefined) return asked === '' ? undefined : parseProxy(asked, '--proxy');
  const name = namedBy[scheme].find((one) => env[one]);
  if (name === undefined || isExempt(target, env['no_proxy'] ?? env['NO_PROXY'] ?? '')) return undefined;
  return parseProxy(env[name] ?? '', name);
}

function parseProxy(text: string, source: string): Proxy {
  const address = text.includes('://') ? text : `http://${text}`;
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (!url || url.hostname === '') {
    // Its text may hold a password.
    throw new PkiError('usage', `${source} is no URL of a proxy`, {
      hint: 'for example http://proxy.internal:3128',
    });
  }
  if (url.protocol !== 'http:') {
    throw new PkiError('unsupported', `${source} names a proxy of kind ${url.protocol.replace(':', '')}`, {
      hint: 'only http:// proxies are spoken to; --proxy "" goes without one',
    });
  }
  const credentials = url.username === '' ? undefined : decodeURIComponent(`${url.username}:${url.password}`);
  if (credentials !== undefined && source === '--proxy') {
    throw new PkiError('usage', 'a password in --proxy would be seen by everybody on this machine', {
      hint: 'put the URL into the environment variable HTTPS_PROXY',
    });
  }
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 80 : Number(url.port),
    credentials,
  };
}

/** The header that opens a proxy which asks who comes. */
export const proxyAuthorization = ({ credentials }: Proxy): Record<string, string> =>
  credentials === undefined
    ? {}
    : { 'Proxy-Authorization': `Basic ${Buffer.from(credentials, 'utf8').toString('base64')}` };

/** NO_PROXY: `*`, names (with everything below them), addresses, networks; each with a port or without. */
function isExempt({ host, port }: Place, list: string): boolean {
  const name = host.toLowerCase();
  return list
    .split(/[\s,]+/)
    .filter((entry) => entry !== '')
    .some((entry) => {
      if (entry === '*') return true;
      const [, pattern = '', only] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(entry.toLowerCase()) ?? [];
      if (isIP(entry) !== 0) return entry === name;
      if (only !== undefined && Number(only) !== port) return false;
      if (pattern.includes('/')) return isInNetwork(name, pattern);
      const suffix = pattern.replace(/^\*?\./, '');
      return name === suffix || name.endsWith(`.${suffix}`);
    });
}

function isInNetwork(host: string, network: string): boolean {
  const [address = '', bits = ''] = network.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const most = family === 'ipv6' ? 128 : 32;
  if (isIP(address) === 0 || isIP(host) === 0 || !/^\d+$/.test(bits) || Number(bits) > most) return false;
  const list = new BlockList();
  list.addSubnet(address, Number(bits), family);
  return list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4');
}
