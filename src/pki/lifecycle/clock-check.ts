import { tellsTime, type Authority } from '../authorities/authority.ts';
import { PkiError, type ClockDifference } from '../errors.ts';
import type { StoredRequest } from '../store/request.ts';
import { readCrlTimes } from '../x509/crl-times.ts';
import { formatDuration } from '../x509/duration.ts';
import { pemCrls } from '../x509/pem-crls.ts';
import type { World } from './issue.ts';

/** What AWS itself lets a clock be off before it takes a request for an old one; so do others. */
const bearable = 5 * 60_000;

/** Clocks that are read over a network never agree to the second. */
const unnoticed = 2_000;

/** By how many milliseconds an authority's clock is ahead of this machine's, where it is known. */
const aheadOf = (authority: Authority): number | undefined =>
  tellsTime(authority) ? authority.ahead : undefined;

const differenceOf = (authority: Authority): ClockDifference | undefined => {
  const ahead = aheadOf(authority);
  return ahead === undefined ? undefined : { source: authority.reference, ahead };
};

/** A certificate of a store, and who looks at it. */
interface Watched {
  store: string;
  request: StoredRequest;
  world: Pick<World, 'now' | 'signal'>;
}

/** What a server that shows it says of the time, which is asked only where something is refused. */
const ofPeer = async ({ store, request, world }: Watched): Promise<ClockDifference | undefined> =>
  (await import('./peer-clock.ts')).peerClock(store, request, world);

/**
 * Refuses what is not valid yet: by this machine's clock, or by that of its authority, by which others go.
 * @throws PkiError `not-yet-valid`
 */
export async function refuseNotYetValid(watched: Watched, begin: Date, authority: Authority): Promise<void> {
  const { request, world } = watched;
  const now = world.now();
  const ahead = aheadOf(authority) ?? 0;
  const wait = begin.getTime() - now.getTime();
  const waitThere = wait - ahead;
  if (wait <= 0 && waitThere <= unnoticed) return;
  const [whose, time] = wait > 0 ? ["this machine's", wait] : ["the authority's", waitThere];
  const clock = differenceOf(authority) ?? (await ofPeer(watched));
  throw new PkiError(
    'not-yet-valid',
    `the certificate for ${JSON.stringify(request.name)} is not valid before ${begin.toISOString()}, in ${formatDuration(time)} by ${whose} clock${difference(clock)}`,
    {
      hint: 'nothing was switched; set the clock right, or run the same command then; --discard-pending begins anew',
      clock,
    },
  );
}

/**
 * Refuses to order by a clock that is far ahead of the authority's: all would be due, and what is made not valid yet for
 * anybody else.
 * @throws PkiError `not-yet-valid`
 */
export function refuseFastClock(authority: Authority): void {
  const ahead = aheadOf(authority) ?? 0;
  if (ahead >= -bearable) return;
  throw new PkiError(
    'not-yet-valid',
    `what is made by this machine's clock would not be valid yet: it is ${formatDuration(-ahead)} ahead of that of ${authority.reference}`,
    { hint: 'nothing was ordered; set the clock right', clock: differenceOf(authority) },
  );
}

/** The same for a first order, where nobody has said when it begins, nor its authority does. */
export function refuseFastOrder({ notBefore }: StoredRequest, authority: Authority): void {
  if (notBefore === undefined && !authority.fixesLifetime) refuseFastClock(authority);
}

/**
 * Refuses to leave in peace what is in use and not valid by this machine's clock for a while: that is wrong now, or was
 * when it was made. Only somebody who knows which can tell whether another one would be of use.
 * @throws PkiError `not-yet-valid`
 */
export async function refuseEarly(watched: Watched, notBefore: Date): Promise<void> {
  const { request, world } = watched;
  const { name } = request;
  const wait = notBefore.getTime() - world.now().getTime();
  if (wait <= bearable) return;
  const clock = await ofPeer(watched);
  throw new PkiError(
    'not-yet-valid',
    `the certificate in use for ${JSON.stringify(name)} is not valid before ${notBefore.toISOString()}, in ${formatDuration(wait)} by this machine's clock${difference(clock)}`,
    {
      hint: `set the clock right; if it is right now and was not then: "certwright rotate ${name} --force", or --rollback`,
      clock,
    },
  );
}

/**
 * The same for CRLs: peers refuse whatever a CRL is about that is not valid yet.
 * @param pem of one after the other
 * @throws PkiError `not-yet-valid`
 */
export function refuseEarlyCrls(pem: string, now: Date): void {
  for (const der of pemCrls(pem)) {
    const { thisUpdate } = readCrlTimes(der);
    const wait = thisUpdate.getTime() - now.getTime();
    if (wait <= bearable) continue;
    throw new PkiError(
      'not-yet-valid',
      `a CRL is not valid before ${thisUpdate.toISOString()}, in ${formatDuration(wait)} by this machine's clock`,
      {
        hint: 'set the clock right; if it is right now and was not then: "certwright ca crl --force"',
      },
    );
  }
}

/** `; it is 1 hour behind that of arn:…` */
function difference(clock: ClockDifference | undefined): string {
  if (clock === undefined) return '';
  const { source, ahead } = clock;
  if (Math.abs(ahead) <= unnoticed) return `; it agrees with that of ${source}`;
  const by = `${formatDuration(Math.abs(ahead))} ${ahead > 0 ? 'behind' : 'ahead of'}`;
  return `; this machine's is ${by} that of ${source}`;
}
