import type { KeyObject } from 'node:crypto';
import type { Issued } from '../authorities/authority.ts';
import { PkiError } from '../errors.ts';
import type { StoredRequest } from '../store/request.ts';
import { readCertificate } from '../x509/certificate.ts';
import { parseName, type SubjectAlternativeName } from '../x509/subject-alternative-name.ts';
import { referenceTo } from './confirm.ts';
import type { Check, Direction } from './mtls-check.ts';
import { readPair, type Pair } from './pair.ts';
import { rehearseMtls } from './rehearse-mtls.ts';

/** A pair that is about to be switched to. */
export interface NewPair {
  store: string;
  request: StoredRequest;
  issued: Issued;
  key: KeyObject | undefined;
  now: Date;
}

/**
 * Lets a new pair and the one that `deploy.rehearse` names meet before the switch. What the new pair shows must be
 * accepted; what the other one shows only where it is accepted by the pair in use.
 * @throws PkiError `rehearsal-failed`
 */
export async function rehearseNew(rehearse: string, made: NewPair): Promise<void> {
  const { store, request } = made;
  const peer = await readPeer(rehearse, store);
  const inUse = await readPair({ ...ownReference(made), keyFile: undefined, flag: request.name }).catch(
    () => undefined,
  );
  const ours = newPair(made, inUse);
  const roles = { mtls: ['server', 'client'], server: ['server'], client: ['client'] } as const;
  let theirs: Check | undefined;
  for (const role of roles[request.usage]) {
    const checks = await meet(ours, peer, role, made);
    const own = checks.find(({ ok, direction }) => !ok && direction === directionOf(role));
    if (own) throw failed(`the new certificate of ${request.name} as ${role}`, rehearse, own);
    const other = checks.find(({ ok, direction }) => !ok && direction !== directionOf(role));
    // A peer that is only a server or only a client gets on in one role.
    if (!other) return;
    theirs = other;
    if (inUse && !(await meet(inUse, peer, role, made)).some((one) => isSame(one, other) && !one.ok)) break;
    // The pair in use refuses it too: that is no fault of the new one.
    if (inUse) return;
  }
  if (theirs) throw failed(`${rehearse}, to ${request.name} with its new certificate,`, rehearse, theirs);
}

const directionOf = (role: 'server' | 'client'): Direction =>
  role === 'server' ? 'server-to-client' : 'client-to-server';

const isSame = (a: Check, b: Check): boolean => a.direction === b.direction && a.probe === b.probe;

async function meet(
  ours: Pair,
  peer: Pair,
  role: 'server' | 'client',
  { request, now }: NewPair,
): Promise<Check[]> {
  const [server, client] = role === 'server' ? [ours, peer] : [peer, ours];
  const name = role === 'server' ? hostOf(request) : undefined;
  const trust = { serverTrust: undefined, clientTrust: undefined, crls: undefined };
  return (await rehearseMtls({ server, client, ...trust, name, now })).checks;
}

const hostOf = ({ names }: StoredRequest): SubjectAlternativeName | undefined =>
  names.map(parseName).find(({ kind }) => kind === 'dns' || kind === 'ip');

const ownReference = ({ store, request }: NewPair): ReturnType<typeof referenceTo> =>
  referenceTo(request.name, store);

/** The roots and CRLs beside it are those of its store. */
function newPair({ issued, key, request }: NewPair, inUse: Pair | undefined): Pair {
  if (!key) {
    throw new PkiError(
      'rehearsal-failed',
      `the key of ${request.name} is not here, and cannot be rehearsed`,
      {
        hint: 'leave deploy.rehearse out',
      },
    );
  }
  const [leaf, ...others] = [issued.certificate, ...issued.chain].map(readCertificate);
  if (!leaf) throw new PkiError('internal', 'an issued certificate is none');
  const anchors = issued.root ? [readCertificate(issued.root)] : (inUse?.anchors ?? []);
  return {
    source: `the new ${request.name}`,
    chain: [leaf, ...others],
    key,
    anchors,
    crls: inUse?.crls ?? [],
  };
}

/**
 * Whom a new pair will meet: looked for before an authority is asked, since what it issues may be paid for.
 * @throws PkiError `rehearsal-failed`
 */
export async function readPeer(rehearse: string, store: string): Promise<Pair> {
  try {
    return await readPair({ ...referenceTo(rehearse, store), keyFile: undefined, flag: 'deploy.rehearse' });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new PkiError('rehearsal-failed', `no rehearsal is possible: ${why}`, {
      hint: 'mend the pair that deploy.rehearse names, or name another one',
      cause,
    });
  }
}

function failed(who: string, rehearse: string, { evidence, probe, causes }: Check): PkiError {
  const [cause] = causes;
  const why = cause ? cause.message : `${probe}: ${evidence}`;
  return new PkiError('rehearsal-failed', `${who} is refused in a rehearsal with ${rehearse}: ${why}`, {
    hint: `nothing was switched; ${cause?.fix ?? '"certwright verify-mtls" shows more'}`,
  });
}
