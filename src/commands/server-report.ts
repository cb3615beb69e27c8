import type { ServerFacts } from '../pki/lifecycle/server-facts.ts';
import { describeServer } from '../pki/lifecycle/server-facts.ts';

/** What a server showed, as JSON has it. */
export const serverDocument = (server: ServerFacts): object => describeServer(server);

/** The same in one line. */
export function serverSummary(server: ServerFacts): string {
  const { protocol, cipher, group, alpn } = server;
  return [protocol, cipher, group, alpn === undefined ? undefined : `ALPN ${alpn}`]
    .filter((part) => part !== undefined)
    .join(', ');
}
