import { readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CertificateFolder, type GenerationFile } from '../../../src/pki/store/generation.ts';
import { readRequest, type StoredRequest } from '../../../src/pki/store/request.ts';
import { succeed, temporaryFolder } from '../../support/cli.ts';

const access = { ownership: { uid: -1, gid: -1 }, keyMode: 0o600 };

const filesOf = (run: string): GenerationFile[] => [
  { name: 'key.pem', data: `key of ${run}`, secret: true },
  { name: 'cert.pem', data: `certificate of ${run}`, secret: false },
  { name: 'version.json', data: JSON.stringify({ schema: 1, serial: run }), secret: false },
];

async function certificate(): Promise<{ folder: CertificateFolder; request: StoredRequest }> {
  const cwd = temporaryFolder();
  await succeed(['issue', 'a.internal', '--create-ca'], { cwd });
  const folder = new CertificateFolder(join(cwd, 'certs/a.internal'));
  return { folder, request: readRequest(folder.requestFile)!.request };
}

const textsIn = (folder: CertificateFolder): string[] => {
  const path = join(folder.path, readlinkSync(folder.currentPath));
  return readdirSync(path)
    .sort()
    .map((name) => readFileSync(join(path, name), 'utf8'));
};

describe('a generation that two runs are at, since one has lost its lock', () => {
  it.each(['first', 'second'])('is that of the %s one alone, whole', async (winner) => {
    const { folder, request } = await certificate();
    const first = folder.begin(request);
    const one = await first.assemble(filesOf('first'), access);
    const second = folder.pending()!;
    expect(second.key()?.toString()).toBe('key of first');
    const other = await second.assemble(filesOf('second'), access);
    const claims = [() => first.claim(one, request), () => second.claim(other, request)];
    if (winner === 'second') claims.reverse();
    expect(await claims[0]!()).toBe(true);
    expect(await claims[1]!()).toBe(false);
    expect(textsIn(folder)).toEqual(
      filesOf(winner)
        .map(({ data }) => data)
        .sort((a, b) => (a < b ? -1 : 1)),
    );
    expect(folder.pending()).toBeUndefined();
    folder.sweep();
    expect(folder.isAtRest).toBe(true);
  });

  it("is nobody's where a third one has dropped it", async () => {
    const { folder, request } = await certificate();
    const first = folder.begin(request);
    const one = await first.assemble(filesOf('first'), access);
    folder.discardPending();
    expect(await first.claim(one, request)).toBe(false);
    expect(folder.current()).toBe(1);
  });
});

it('a generation that cannot be claimed is there for the next run', async () => {
  const { folder, request } = await certificate();
  const pending = folder.begin(request);
  const assembled = await pending.assemble(filesOf('one'), access);
  const versions = join(folder.path, 'versions');
  renameSync(versions, `${versions}.aside`);
  writeFileSync(versions, 'in the way');
  await expect(pending.claim(assembled, request)).rejects.toMatchObject({ code: 'io' });
  rmSync(versions);
  renameSync(`${versions}.aside`, versions);
  const next = folder.pending()!;
  expect(next.key()?.toString()).toBe('key of one');
  expect(next.assembled()).toMatchObject([{ serial: 'one' }]);
});
