import { isIP } from 'node:net';
import { ServerClock } from '../authorities/aws/server-clock.ts';
import { parseEndpoint } from '../endpoint.ts';
import type { ClockDifference } from '../errors.ts';
import type { StoredRequest } from '../store/request.ts';
import { httpDate } from '../tls/http-date.ts';
import { clientPair, hostIn } from './confirm.ts';
import type { World } from './issue.ts';

/** Milliseconds: it is asked only to say more of a refusal. */
const patience = 2_000;

/**
 * By how much the clock of a server that shows the certificate is ahead of this machine's: a TLS server tells no time, but
 * one that speaks HTTP does.
 * @returns `undefined` where none is named, or none tells
 */
export async function peerClock(
  store: string,
  request: StoredRequest,
  { now, signal }: Pick<World, 'now' | 'signal'>,
): Promise<ClockDifference | undefined> {
  const { confirm } = request.deploy ?? {};
  if (!confirm || confirm.startTls !== undefined) return undefined;
  const pair = await clientPair(confirm, store).catch(() => undefined);
  const asking = confirm.servers.map(async (server) => {
    const clock = new ServerClock(now);
    const endpoint = parseEndpoint(server, 'confirm');
    const name = confirm.name ?? hostIn(request) ?? endpoint.host;
    const servername = isIP(name) === 0 ? name : '';
    await clock.hear(async () => {
      const date = await httpDate(endpoint, servername, pair, patience, signal);
      return { response: { headers: { date } } };
    });
    return clock.ahead === undefined ? undefined : { source: server, ahead: clock.ahead };
  });
  const [told] = (await Promise.all(asking)).filter((one) => one !== undefined);
  return told;
}
