import { createHash } from 'node:crypto';
import type { StoredRequest } from '../store/request.ts';
import type { Certificate } from '../x509/certificate.ts';
import { parseRenewalPoint, placeIn } from '../x509/renewal-point.ts';
import { parseSpread } from '../x509/spread.ts';

/** Ten days, for whoever begins them a little before they are issued, since clocks differ. */
const shortLife = 10 * 86_400_000 + 3_600_000;

type Life = Pick<Certificate, 'notBefore' | 'notAfter'>;

/** Milliseconds. */
export const lifeOf = ({ notBefore, notAfter }: Life): number => notAfter.getTime() - notBefore.getTime();

/**
 * When a certificate should be replaced: at the point that was asked for, else with two thirds of its life gone, half
 * where it lives ten days or less. A point that would have the certificate replaced without end counts as not asked for.
 * @param point `66%`, `20d-before`
 */
export function renewAt(of: Life, point?: string): Date {
  const life = lifeOf(of);
  return new Date(
    of.notBefore.getTime() + (askedFor(life, point) ?? (life <= shortLife ? life / 2 : (life * 2) / 3)),
  );
}

function askedFor(life: number, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  return placeIn(life, parseRenewalPoint(text, 'renewAt'));
}

/** What a certificate says of when it is replaced. */
export type DuePolicy = Pick<StoredRequest, 'name' | 'renewAt' | 'spread'>;

/**
 * The same, spread over a fleet: earlier by a part of `spread` that instance and name decide, so that a run can be
 * foretold. Earlier and never later, for what was asked for is the latest time; and by no more than half the time up to
 * it, for a certificate that is due from its first day would be replaced without end.
 * @param instance which of the hosts this is.
 */
export function dueAt(life: Life, policy: DuePolicy | undefined, instance: string): Date {
  const due = renewAt(life, policy?.renewAt);
  if (policy?.spread === undefined) return due;
  const begin = life.notBefore.getTime();
  const spread = parseSpread(policy.spread, 'spread');
  const wanted = 'span' in spread ? spread.span : (life.notAfter.getTime() - begin) * spread.share;
  const span = Math.min(wanted, (due.getTime() - begin) / 2);
  return new Date(due.getTime() - Math.round(span * placeOf(instance, policy.name)));
}

/** Where an instance stands among all others: evenly spread over 0 to 1, and always the same. */
function placeOf(instance: string, name: string): number {
  const digest = createHash('sha256').update(`${instance}\0${name}`).digest();
  return digest.readUIntBE(0, 6) / 2 ** 48;
}
