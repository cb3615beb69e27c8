import { join } from 'node:path';
import type { Occasion } from '../deploy/world.ts';
import type { CertificateFolder } from '../store/generation.ts';
import { fingerprint, serialHex } from '../x509/certificate.ts';
import type { Standing } from './standing.ts';

/** Why a service is told. */
export type DeployEvent = 'deploy' | 'rollback';

/** A certificate that a service is told about. */
export interface Told {
  name: string;
  folder: CertificateFolder;
  /** What it is to serve. */
  standing: Standing;
  /** What it served before, where that is known. */
  previous: Standing | undefined;
}

/** Linux takes no longer variable than 128 KiB. */
const longestVariable = 100_000;

/** What a hook learns: all of it as JSON, and in variables what fits there. */
export function occasionFor(
  told: readonly Told[],
  event: DeployEvent,
  store: string,
  instance: string,
): Occasion {
  const [only, other] = told;
  const names = told.map(({ name }) => name).join('\n');
  return {
    cwd: store,
    variables: {
      CERTWRIGHT_EVENT: event,
      CERTWRIGHT_STORE: store,
      CERTWRIGHT_INSTANCE: instance,
      CERTWRIGHT_COUNT: String(told.length),
      ...(names.length <= longestVariable ? { CERTWRIGHT_NAMES: names } : {}),
      ...(only && !other ? variablesOf(only) : {}),
    },
    document: {
      schema: 'certwright.deploy/1',
      event,
      store,
      instance,
      certificates: told.map(documentOf),
    },
  };
}

function variablesOf(told: Told): Record<string, string> {
  const { name, folder, standing, previous } = told;
  const path = folder.versionPath(standing.generation);
  return {
    CERTWRIGHT_NAME: name,
    CERTWRIGHT_CURRENT: folder.currentPath,
    CERTWRIGHT_GENERATION: String(standing.generation),
    CERTWRIGHT_GENERATION_PATH: path,
    CERTWRIGHT_KEY: join(path, 'key.pem'),
    CERTWRIGHT_CERT: join(path, 'cert.pem'),
    CERTWRIGHT_CHAIN: join(path, 'chain.pem'),
    CERTWRIGHT_FULLCHAIN: join(path, 'fullchain.pem'),
    CERTWRIGHT_CA_CERT: join(path, 'ca.pem'),
    CERTWRIGHT_SERIAL: serialHex(standing.certificate.serial),
    CERTWRIGHT_SHA256: fingerprint(standing.certificate.der),
    CERTWRIGHT_NOT_AFTER: standing.certificate.notAfter.toISOString(),
    CERTWRIGHT_PREVIOUS_GENERATION: previous ? String(previous.generation) : '',
    CERTWRIGHT_PREVIOUS_SERIAL: previous ? serialHex(previous.certificate.serial) : '',
    CERTWRIGHT_PREVIOUS_SHA256: previous ? fingerprint(previous.certificate.der) : '',
  };
}

const documentOf = ({ name, folder, standing, previous }: Told): object => ({
  name,
  current: folder.currentPath,
  path: folder.versionPath(standing.generation),
  ...factsOf(standing),
  previous: previous ? factsOf(previous) : null,
});

const factsOf = ({ generation, certificate }: Standing): object => ({
  generation,
  serial: serialHex(certificate.serial),
  sha256: fingerprint(certificate.der),
  notBefore: certificate.notBefore.toISOString(),
  notAfter: certificate.notAfter.toISOString(),
});
