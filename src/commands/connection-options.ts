import type { Command } from 'commander';
import { PkiError } from '../pki/errors.ts';

/** Flags that say how a server is reached. */
export interface ConnectionFlags {
  connect?: string;
  servername?: string;
  starttls?: string;
  alpn?: string;
  tls?: string;
  proxy?: string;
  timeout?: string;
}

export function addConnectionOptions(command: Command): Command {
  return command
    .option('--connect <host:port>', 'connect there instead; the name stays that of the target')
    .option('--servername <name>', 'name to ask the server for (SNI), instead of the host')
    .option('--starttls <protocol>', `smtp, imap, pop3, ftp, ldap, postgres or mysql before TLS`)
    .option('--alpn <list>', 'protocols to offer: h2,http/1.1')
    .option('--tls <version>', 'only this version: 1.2 or 1.3')
    .option('--proxy <url>', 'HTTP proxy, "" for none (default HTTPS_PROXY and NO_PROXY)')
    .option('--timeout <time>', 'for each step of a connection (default 10s)');
}

const keys = [
  'connect',
  'servername',
  'starttls',
  'alpn',
  'tls',
  'proxy',
  'timeout',
] as const satisfies (keyof ConnectionFlags)[];

/** @throws PkiError where a flag speaks of a connection and there is none */
export function refuseWithoutServer(flags: ConnectionFlags): void {
  const stray = keys.find((key) => flags[key] !== undefined);
  if (stray === undefined) return;
  throw new PkiError('usage', `--${stray} is for a server`, {
    hint: 'a server is HOST:PORT, or tls://HOST:PORT',
  });
}
