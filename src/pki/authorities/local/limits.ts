import { PkiError } from '../../errors.ts';
import { extension, serialHex, type Certificate } from '../../x509/certificate.ts';
import { purposeName } from '../../x509/algorithm-names.ts';
import { commonName, readName } from '../../x509/distinguished-name.ts';
import { formatDuration } from '../../x509/duration.ts';
import { readExtendedKeyUsage, readNameConstraints, type NameConstraints } from '../../x509/extensions.ts';
import { checkNameConstraints, describeViolation, hostsInCommonName } from '../../x509/name-constraints.ts';
import { oid } from '../../x509/oid.ts';
import { extendedKeyUsageFor, subjectOf, type Profile, type Usage } from '../../x509/profile.ts';
import type { CaJson } from './ca-json.ts';
import type { LocalCa } from './open.ts';

/** What a CA in a folder would not sign: known without its key. */
export class CaLimits {
  readonly #ca: LocalCa;
  #read: NameConstraints[] | undefined;

  constructor(ca: LocalCa) {
    this.#ca = ca;
  }

  get defaults(): CaJson['defaults'] {
    return this.#ca.json.defaults;
  }

  get issuer(): Certificate {
    return this.#ca.active.certificate;
  }

  /** The time in which the whole chain is valid. */
  get validity(): { notBefore: Date; notAfter: Date } {
    const { certificate, chain } = this.#ca.active;
    const all = [certificate, ...chain];
    return {
      notBefore: new Date(Math.max(...all.map(({ notBefore }) => notBefore.getTime()))),
      notAfter: new Date(Math.min(...all.map(({ notAfter }) => notAfter.getTime()))),
    };
  }

  /**
   * @returns what peers are likely to refuse
   * @throws PkiError `outlives-issuer`, `not-permitted`
   */
  check(profile: Profile): readonly string[] {
    checkTimes(profile, this.validity, this.#name);
    const doubts = this.#checkUsage(profile);
    const subject = readName(subjectOf(profile));
    const hosts = profile.names.some(({ kind }) => kind === 'dns') ? [] : hostsInCommonName(subject);
    const violation = checkNameConstraints(this.#constraints, [...profile.names, ...hosts], subject);
    if (!violation) return doubts;
    throw new PkiError('not-permitted', `${this.#name} may not sign this: ${describeViolation(violation)}`, {
      hint: '"certwright ca show" shows its name constraints (RFC 5280 4.2.1.10); --ca names another CA',
    });
  }

  /** OpenSSL and others ask it of every certificate above, the root as well: what one is not for, nothing below it is for. */
  #checkUsage({ usage }: Profile): string[] {
    const { certificate, chain } = this.#ca.active;
    const doubts: string[] = [];
    for (const one of [certificate, ...chain]) {
      const found = extension(one, oid.extendedKeyUsage);
      if (!found) continue;
      const purposes = readExtendedKeyUsage(found.value);
      const allows = (wanted: Usage): boolean =>
        extendedKeyUsageFor(wanted).every((purpose) => purposes.includes(purpose));
      if (allows(usage)) continue;
      const who =
        one === certificate ? 'it' : JSON.stringify(commonName(one.subjectName) ?? serialHex(one.serial));
      // RFC 5280 4.2.1.12 lets it stand for all; OpenSSL asks a CA for the purpose itself.
      if (purposes.includes(oid.anyExtendedKeyUsage)) {
        doubts.push(
          `OpenSSL takes nothing of ${this.#name} for ${usage}: ${who} names ${purposes.map(purposeName).join(' and ')}`,
        );
        continue;
      }
      const less = (['server', 'client'] as const).find(allows);
      throw new PkiError(
        'not-permitted',
        `${this.#name} may not sign this for ${usage}: ${who} is only for ${purposes.map(purposeName).join(' and ')}`,
        {
          hint: `${less === undefined ? '' : `--usage ${less} is within it (RFC 5280 4.2.1.12); `}--ca names another CA`,
        },
      );
    }
    return doubts;
  }

  /** Whether DNS names are constrained. */
  get constrainsHosts(): boolean {
    return this.#constraints
      .flatMap(({ permitted, excluded }) => [...permitted, ...excluded])
      .some(({ kind }) => kind === 'dns');
  }

  get #constraints(): NameConstraints[] {
    const { certificate, chain } = this.#ca.active;
    this.#read ??= [certificate, ...chain].flatMap((one) => {
      const found = extension(one, oid.nameConstraints);
      return found ? [readNameConstraints(found.value)] : [];
    });
    return this.#read;
  }

  get #name(): string {
    const { certificate, id } = this.#ca.active;
    return `the CA ${JSON.stringify(commonName(certificate.subjectName) ?? id)}`;
  }
}

/** @throws PkiError `outlives-issuer` */
export function checkTimes(
  { notBefore, notAfter }: Pick<Profile, 'notBefore' | 'notAfter'>,
  limit: CaLimits['validity'],
  name: string,
): void {
  if (notAfter > limit.notAfter) {
    const beyond = formatDuration(notAfter.getTime() - limit.notAfter.getTime());
    throw new PkiError(
      'outlives-issuer',
      `the certificate would end ${notAfter.toISOString()}, ${beyond} after ${name}`,
      { hint: "ask for less with --lifetime, or cut it to the CA's end with --clamp" },
    );
  }
  if (notBefore < limit.notBefore) {
    throw new PkiError(
      'outlives-issuer',
      `the certificate would begin ${notBefore.toISOString()}, before ${name} does (${limit.notBefore.toISOString()})`,
      { hint: 'ask for a later --not-before' },
    );
  }
}
