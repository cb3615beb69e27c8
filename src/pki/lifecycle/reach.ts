import { PkiError } from '../errors.ts';
import { tlsVersions, type ProbeOrder, type TlsVersion } from '../tls/probe.ts';
import { applications, type Application } from '../tls/prove.ts';
import { proxyFor } from '../proxy-environment.ts';
import { startTlsProtocols, type StartTls } from '../tls/starttls.ts';
import { parseEndpoint, readEndpoint } from '../endpoint.ts';
import { parseName, type SubjectAlternativeName } from '../x509/subject-alternative-name.ts';

export { applications, startTlsProtocols, tlsVersions, type Application, type StartTls, type TlsVersion };

/** How a server is to be reached, in words. */
export interface Wanted {
  /** `HOST:PORT` */
  target: string;
  /** Another `HOST:PORT` to connect to, while the name stays that of the target. */
  connect: string | undefined;
  servername: string | undefined;
  startTls: StartTls | undefined;
  /** Protocols, with commas between. */
  alpn: string | undefined;
  version: TlsVersion | undefined;
  /** URL; empty for none, `undefined` for the environment's. */
  proxy: string | undefined;
  env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds for each step. */
  timeout: number;
}

export type Reach = Omit<ProbeOrder, 'pair' | 'application'>;

/** @throws PkiError `usage` for whatever is no place or no proxy */
export function reach(wanted: Wanted): Reach {
  const target = parseEndpoint(wanted.target, 'target');
  const endpoint = wanted.connect === undefined ? target : parseEndpoint(wanted.connect, '--connect');
  return {
    endpoint,
    servername: wanted.servername === undefined ? target.host : hostName(wanted.servername),
    proxy: proxyFor(endpoint, wanted.proxy, wanted.env),
    startTls: wanted.startTls,
    alpn: wanted.alpn === undefined ? [] : protocols(wanted.alpn),
    version: wanted.version,
    timeout: wanted.timeout,
  };
}

/** What could be the host of a target, which need not be a name that a certificate may hold. */
function hostName(name: string): string {
  if (readEndpoint(`${name.includes(':') ? `[${name}]` : name}:443`)) return name;
  throw new PkiError('usage', `--servername ${JSON.stringify(name)} is no host`, {
    hint: 'for example orders.internal, without a port',
  });
}

function protocols(list: string): string[] {
  const names = list.split(',').map((name) => name.trim());
  if (names.some((name) => name === '' || Buffer.byteLength(name) > 255)) {
    throw new PkiError('usage', `--alpn ${JSON.stringify(list)} is no list of protocols`, {
      hint: 'for example h2,http/1.1',
    });
  }
  return names;
}

/** The name that a server's certificate must hold: a host that is no proper host name matches none. */
export function nameOfHost(host: string): SubjectAlternativeName {
  const bare = host.replace(/%.*$/, '');
  try {
    return parseName(bare);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return { kind: 'dns', value: bare.toLowerCase() };
  }
}
