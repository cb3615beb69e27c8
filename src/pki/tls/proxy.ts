import type { Proxy } from '../proxy-environment.ts';
import { quoted, type PlainTalk } from './plain-talk.ts';
import { endpointText, type Endpoint } from '../endpoint.ts';

/** CONNECT (RFC 9110 9.3.6): asks the proxy for a tunnel. */
export async function openTunnel(target: Endpoint, proxy: Proxy, talk: PlainTalk): Promise<void> {
  const authority = endpointText(target);
  const authorization =
    proxy.credentials === undefined
      ? ''
      : `Proxy-Authorization: Basic ${Buffer.from(proxy.credentials, 'utf8').toString('base64')}\r\n`;
  talk.send(`CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\n${authorization}\r\n`);
  const status = await talk.line();
  const code = /^HTTP\/1\.[01] (\d{3})\b/.exec(status)?.[1];
  if (code === undefined) throw talk.fail(`the proxy does not speak HTTP: ${quoted(status)}`);
  if (!code.startsWith('2')) throw talk.fail(`the proxy refuses the tunnel: ${quoted(status)}`);
  while ((await talk.line()) !== '');
  // STARTTLS servers greet at once: what is there already is theirs.
  talk.passOn();
}
