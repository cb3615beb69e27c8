import { PkiError } from '../pki/errors.ts';
import {
  startTlsProtocols,
  tlsVersions,
  type StartTls,
  type TlsVersion,
  type Wanted,
} from '../pki/lifecycle/reach.ts';
import { parseDuration } from '../pki/x509/duration.ts';
import type { ConnectionFlags } from './connection-options.ts';
import type { Context } from './context.ts';
import { oneOf } from './options.ts';

/** @throws PkiError for a flag that makes no sense */
export function wanted(target: string, flags: ConnectionFlags, context: Context): Wanted {
  return {
    target,
    connect: flags.connect,
    servername: flags.servername,
    startTls: choice<StartTls>('--starttls', startTlsProtocols, flags.starttls),
    alpn: flags.alpn,
    version: choice<TlsVersion>('--tls', tlsVersions, flags.tls),
    proxy: flags.proxy,
    env: context.env,
    timeout: parseTimeout(flags.timeout ?? '10s'),
  };
}

const choice = <T extends string>(
  flag: string,
  all: readonly T[],
  value: string | undefined,
): T | undefined => (value === undefined ? undefined : oneOf(flag, all)(value));

function parseTimeout(text: string): number {
  const timeout = parseDuration(text, '--timeout');
  if (timeout > 0 && timeout <= 3_600_000) return timeout;
  throw new PkiError('usage', `--timeout ${JSON.stringify(text)} is no time to wait`, {
    hint: 'for example 10s',
  });
}
