import { join } from 'node:path';
import type { Material, Service } from '../authorities/acm/importable.ts';
import type { AwsConnection } from '../authorities/aws/options.ts';
import { regionOf } from '../authorities/aws/region.ts';
import { readIfThere } from '../durable.ts';
import { PkiError } from '../errors.ts';
import type { CertificateFolder } from '../store/generation.ts';
import {
  keepReplaced,
  readImportRecord,
  writeImportRecord,
  type AskedImport,
  type KnownImport,
} from '../store/import-record.ts';
import { withLock } from '../store/lock.ts';
import { certificateFolder } from '../store/store.ts';
import { fingerprint, serialHex, type Certificate } from '../x509/certificate.ts';
import { readPair } from './pair.ts';
import { readCertificateFiles } from './trust.ts';

export interface ImportOrder {
  store: string;
  name: string;
  /** To replace what is there. */
  arn: string | undefined;
  /** Import anew although an earlier import is known. */
  anew: boolean;
  service: Service | undefined;
  dryRun: boolean;
  lockTimeout: number;
}

export interface Imported {
  name: string;
  generation: number;
  region: string;
  /** `undefined` where it would be imported anew. */
  arn: string | undefined;
  action: 'imported' | 'replaced' | 'unchanged';
  /** Where the certificate that was replaced is kept. */
  kept: string | undefined;
  sha256: string;
  notAfter: Date;
  inUseBy: string[];
}

export interface ImportWorld {
  now: () => Date;
  pid: number;
  connection: AwsConnection;
}

/**
 * Brings a certificate of the store, and its key, into ACM, or under an ARN in the place of the one before it.
 * @throws PkiError as `importInput` and `checkReimport` refuse before anything is sent; `unreachable` where it may have
 * been done
 */
export async function importToAcm(order: ImportOrder, world: ImportWorld): Promise<Imported> {
  const { material, generation, folder } = await readMaterial(order);
  const { importInput, regionFor } = await import('../authorities/acm/importable.ts');
  const input = importInput(material, order.service, world.now());
  const region = chooseRegion(order, regionFor(order.service), world.connection);
  const { AcmImports } = await import('../authorities/acm/import-certificate.ts');
  const acm = new AcmImports(region, world.connection);
  const lock = { pid: world.pid, timeout: order.lockTimeout, signal: world.connection.signal };
  const { certificate } = material;
  const sha256 = fingerprint(certificate.der);
  const about = { name: order.name, generation, region, sha256, notAfter: certificate.notAfter };
  const record = (arn: string | undefined, held: 'ours' | undefined, asked?: AskedImport): void => {
    const at = world.now().toISOString();
    const known = held ? { generation, sha256 } : { generation: undefined, sha256: undefined };
    writeImportRecord(folder, { region, arn, ...known, asked, at });
  };

  return withLock(folder.lockFile, lock, async () => {
    const kept = readImportRecord(folder, region);
    const known = order.arn ?? (order.anew ? undefined : kept?.arn);
    const there = known === undefined ? await acm.find(certificate) : [];
    const arn = known ?? madeUnanswered(there, kept, sha256) ?? (order.anew ? undefined : there[0]);
    if (arn === undefined) {
      if (order.dryRun) return { ...about, arn, action: 'imported', kept: undefined, inUseBy: [] };
      record(undefined, undefined, { sha256, before: there });
      const made = await acm.importAnew(input, certificate, there);
      record(made, undefined);
      await acm.confirm(made, certificate);
      record(made, 'ours');
      return { ...about, arn: made, action: 'imported', kept: undefined, inUseBy: [] };
    }
    const held = await acm.held(arn);
    if (!held) throw isGone(arn, order, kept?.arn === arn);
    const { inUseBy } = held.facts;
    if (held.certificate.der.equals(certificate.der)) {
      if (!order.dryRun) record(arn, 'ours');
      return { ...about, arn, action: 'unchanged', kept: undefined, inUseBy };
    }
    const { checkReimport } = await import('../authorities/acm/reimport.ts');
    checkReimport(held.certificate, certificate);
    if (order.dryRun) return { ...about, arn, action: 'replaced', kept: undefined, inUseBy };
    const replaced = keepReplaced(folder, {
      arn,
      serial: serialHex(held.certificate.serial),
      certificate: held.out.certificate,
      chain: held.out.chain,
      facts: held.facts,
    });
    record(arn, undefined);
    await acm.replace(arn, input);
    await acm.confirm(arn, certificate);
    record(arn, 'ours');
    return { ...about, arn, action: 'replaced', kept: replaced, inUseBy };
  });
}

/** What an import of this very certificate has made whose answer never came, where that was the last thing done. */
function madeUnanswered(
  there: readonly string[],
  last: KnownImport | undefined,
  sha256: string,
): string | undefined {
  if (!last || last.arn !== undefined) return undefined;
  const { asked = { sha256, before: [] } } = last;
  return asked.sha256 === sha256 ? there.find((arn) => !asked.before.includes(arn)) : undefined;
}

const isGone = (arn: string, { name }: ImportOrder, wasThere: boolean): PkiError =>
  new PkiError('not-found', `ACM holds no ${arn}`, {
    hint: wasThere
      ? `${name} was imported there before: look at the account that is used, name another place ("certwright import ${name} --to acm --arn ARN"), import it anew (--anew), or remove imports/acm-REGION.json beside its request.json where ACM is to have it no longer`
      : 'check the ARN and the account',
  });

async function readMaterial({
  store,
  name,
}: ImportOrder): Promise<{ material: Material; generation: number; folder: CertificateFolder }> {
  const folder = certificateFolder(store, name);
  const generation = folder.current();
  if (generation === undefined) {
    throw new PkiError('not-found', `there is no certificate ${JSON.stringify(name)} in ${store}`, {
      hint: '"certwright list" shows what there is; --store DIR looks elsewhere',
    });
  }
  const ask = async (): Promise<never> => {
    throw new PkiError('passphrase', `the key of ${name} is encrypted, and ACM takes it open only`);
  };
  const reference = { kind: 'stored', store, name } as const;
  const pair = await readPair({ reference, keyFile: undefined, flag: 'NAME', ask });
  const [certificate, ...intermediates] = pair.chain;
  const chain = intermediates.length > 0 ? intermediates : await rootOf(folder, certificate);
  return { material: { certificate, chain, key: pair.key }, generation, folder };
}

/** ACM wants no root in a chain, but for what the root signed itself. */
async function rootOf(folder: CertificateFolder, certificate: Certificate): Promise<Certificate[]> {
  const file = join(folder.currentPath, 'ca.pem');
  if (certificate.issuer.equals(certificate.subject) || !readIfThere(file)?.length) return [];
  const roots = await readCertificateFiles([file], 'ca.pem');
  return roots.filter(({ subject }) => subject.equals(certificate.issuer)).slice(0, 1);
}

/** @throws PkiError `usage` where flags, environment and service name different ones, or none */
function chooseRegion(order: ImportOrder, wanted: string | undefined, connection: AwsConnection): string {
  const arnRegion = order.arn?.split(':')[3];
  const arn = arnRegion === undefined ? undefined : { region: arnRegion };
  const named = order.arn === undefined && connection.region === undefined && wanted !== undefined;
  const region = named ? wanted : regionOf(connection, arn);
  if (region === undefined) {
    throw new PkiError('usage', 'no region is named', { hint: 'give --region, AWS_REGION or --arn' });
  }
  if (wanted !== undefined && region !== wanted) {
    throw new PkiError(
      'usage',
      `${order.service ?? ''} takes certificates of ${wanted} only, not of ${region}`,
      {
        hint: `give --region ${wanted}`,
      },
    );
  }
  return region;
}
