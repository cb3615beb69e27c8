import { objectIdentifier, readSequence, tag, type DerReader } from './der-reader.ts';

export interface CertificatePolicy {
  id: string;
  /** Practice statements (CPS URIs). */
  cps: string[];
  /** OIDs of qualifiers that RFC 5280 does not define. */
  unknownQualifiers: string[];
}

/** RFC 5280 4.2.1.4; user notices are passed over. */
export function readCertificatePolicies(value: Buffer): CertificatePolicy[] {
  const what = 'certificate policies';
  const reader = readSequence(value, what);
  const policies: CertificatePolicy[] = [];
  do {
    const policy = reader.sequence('a certificate policy');
    const id = objectIdentifier(policy.expect(tag.oid, 'a policy identifier'), 'a policy identifier');
    const qualifiers = policy.optional(tag.sequence, 'policy qualifiers');
    policy.finish('a certificate policy');
    policies.push({ id, ...readQualifiers(qualifiers?.reader()) });
  } while (!reader.done);
  return policies;
}

const cpsQualifier = '1.3.6.1.5.5.7.2.1';
const userNoticeQualifier = '1.3.6.1.5.5.7.2.2';

function readQualifiers(qualifiers: DerReader | undefined): Omit<CertificatePolicy, 'id'> {
  const cps: string[] = [];
  const unknownQualifiers: string[] = [];
  while (qualifiers?.done === false) {
    const qualifier = qualifiers.sequence('a policy qualifier');
    const id = objectIdentifier(qualifier.expect(tag.oid, 'a qualifier OID'), 'a qualifier OID');
    const body = qualifier.done ? undefined : qualifier.next('a qualifier');
    if (id === cpsQualifier && body?.tag === tag.ia5String) cps.push(body.content.toString('latin1'));
    if (id !== cpsQualifier && id !== userNoticeQualifier) unknownQualifiers.push(id);
  }
  return { cps, unknownQualifiers };
}
