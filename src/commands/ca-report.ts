import type { CaSummary, IssuerSummary } from '../pki/lifecycle/ca.ts';
import { formatDuration } from '../pki/x509/duration.ts';
import type { NameConstraints } from '../pki/x509/extensions.ts';
import { formatGeneralName } from '../pki/x509/general-name.ts';
import { distance } from './distance.ts';
import type { Paint } from './output.ts';
import { printable } from './printable.ts';

export const caDocument = (ca: CaSummary): object => ({
  schema: 'certwright.ca/1',
  folder: ca.folder,
  name: ca.name,
  created: ca.created,
  root: ca.root,
  issuers: ca.issuers.map((issuer) => ({
    ...issuer,
    notBefore: issuer.notBefore.toISOString(),
    notAfter: issuer.notAfter.toISOString(),
    pathLength: issuer.pathLength ?? null,
    nameConstraints: issuer.nameConstraints
      ? {
          permitted: issuer.nameConstraints.permitted.map(formatGeneralName),
          excluded: issuer.nameConstraints.excluded.map(formatGeneralName),
        }
      : null,
    extendedKeyUsage: issuer.extendedKeyUsage ?? null,
    crl: issuer.crl
      ? {
          path: issuer.crl.path,
          thisUpdate: issuer.crl.thisUpdate.toISOString(),
          nextUpdate: issuer.crl.nextUpdate.toISOString(),
        }
      : null,
  })),
});

export function caLines(ca: CaSummary, now: Date, paint: Paint): string[] {
  return ca.issuers.flatMap((issuer) => issuerLines(issuer, now, paint));
}

function issuerLines(issuer: IssuerSummary, now: Date, paint: Paint): string[] {
  const standing = issuer.revoked ? 'revoked' : issuer.active ? 'signs new certificates' : 'retired';
  const role = issuer.role === 'root' ? 'root' : `issuing, ${standing}`;
  const signs = issuer.role === 'root' ? 'issuing CAs' : 'certificates for servers and clients';
  const key = {
    here: 'in the folder, not encrypted',
    encrypted: 'in the folder, encrypted',
    elsewhere: 'kept elsewhere',
  };
  return [
    `${paint.bold(printable(issuer.subject))} (${role})`,
    `  valid        ${validity(issuer.notAfter, now, paint)}`,
    `  signs        ${signs}${constraintText(issuer.nameConstraints)}${purposeText(issuer.extendedKeyUsage)}`,
    `  key          ${key[issuer.key]}`,
    `  issued       ${issuer.issued} certificate${issuer.issued === 1 ? '' : 's'}`,
    `  CRL          ${issuer.crl ? `${issuer.crl.path}, ${crlText(issuer.crl.nextUpdate, now, paint)}` : 'none'}`,
    `  SHA-256      ${issuer.fingerprint}`,
    `  certificate  ${issuer.file}`,
  ];
}

const validity = (end: Date, now: Date, paint: Paint): string =>
  end < now
    ? paint.red(`ended ${distance(end, now)}, ${end.toISOString()}`)
    : `for ${formatDuration(end.getTime() - now.getTime())}, until ${end.toISOString()}`;

const crlText = (end: Date, now: Date, paint: Paint): string =>
  end < now
    ? paint.red(`lapsed ${distance(end, now)}, ${end.toISOString()}`)
    : `valid ${validity(end, now, paint)}`;

function constraintText(constraints: NameConstraints | undefined): string {
  if (!constraints) return '';
  const list = (names: NameConstraints['permitted']): string =>
    names.map(formatGeneralName).map(printable).join(', ');
  const only = constraints.permitted.length > 0 ? `; only ${list(constraints.permitted)}` : '';
  const never = constraints.excluded.length > 0 ? `; never ${list(constraints.excluded)}` : '';
  return only + never;
}

const purposeText = (purposes: readonly string[] | undefined): string =>
  purposes === undefined ? '' : `; only for ${purposes.join(' and ')}`;

/** How others come to trust the root. */
export function trustLines(ca: CaSummary): string[] {
  const root = ca.root;
  const name = printable(ca.name.replace(/[^A-Za-z0-9.-]+/g, '-'));
  return [
    'to trust it:',
    `  Debian, Ubuntu  sudo cp ${root} /usr/local/share/ca-certificates/${name}.crt && sudo update-ca-certificates`,
    `  Fedora, RHEL    sudo trust anchor --store ${root}`,
    `  macOS           sudo security add-trusted-cert -d -r trustRoot -k /Library/Keychains/System.keychain ${root}`,
    `  Node.js         NODE_EXTRA_CA_CERTS=${root} node app.js`,
    `  Java            keytool -importcert -noprompt -cacerts -alias ${name} -file ${root}`,
    `  Firefox         Settings, Privacy & Security, View Certificates, Authorities, Import`,
    `  Chrome, Edge    as the system does (Linux: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n ${name} -i ${root})`,
  ];
}
