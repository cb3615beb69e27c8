import { readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { isThere } from '../../../src/pki/durable.ts';
import { freePort } from '../../support/ports.ts';
import { layOut, type Recipe } from '../../support/recipe.ts';
import { describeWhere, describeWith } from '../../support/tools.ts';

const page = 'docs/recipes/postgres.md';

/** Debian keeps the server's programs out of PATH, a folder a version. */
const programs = isThere('/usr/lib/postgresql')
  ? readdirSync('/usr/lib/postgresql').map((version) => `/usr/lib/postgresql/${version}/bin`)
  : [];
const server = programs.find((folder) => isThere(join(folder, 'postgres')));

/** A cluster as Debian lays it out, of the user postgres: the server refuses to be root. */
async function startPostgres({ root, run, here }: Recipe, port: number): Promise<void> {
  const main = `data_directory = '/var/lib/postgresql'\nhba_file = '/etc/postgresql/15/main/pg_hba.conf'
unix_socket_directories = '/run/postgresql'\nlisten_addresses = '127.0.0.1'\nport = ${port}\nfsync = off
include_dir = 'conf.d'\n`;
  writeFileSync(join(root, 'etc/postgresql/15/main/postgresql.conf'), here(main));
  await run(
    here(`install -d -o postgres /var/lib/postgresql /run/postgresql
      cd /var/lib/postgresql
      runuser -u postgres -- ${server ?? ''}/initdb --no-sync -D /var/lib/postgresql > /dev/null
      systemctl start postgresql`),
  );
}

describeWhere(process.getuid?.() === 0, 'to be root', page, () => {
  describeWith(['bash', 'runuser', 'psql'], 'with PostgreSQL', () => {
    describeWhere(server !== undefined, 'the server of PostgreSQL', 'that runs', () => {
      it('knows clients by their certificates, serves each new one, and refuses who is revoked', async () => {
        const port = await freePort();
        const recipe = layOut(
          page,
          { 5432: port },
          {
            'postgresql.service': {
              start: `runuser -u postgres -- ${server ?? ''}/pg_ctl -s -w -D /etc/postgresql/15/main -l /run/postgresql/log start`,
              reload: 'false',
              pidfile: '/var/lib/postgresql/postmaster.pid',
            },
          },
        );
        const run = (script: string): Promise<string> =>
          recipe.run(`export PGHOST=${recipe.root}/run/postgresql PGPORT=${port}\n${script}`);
        const [before = '', after = ''] = recipe.scripts;
        // What the page puts there between its two scripts.
        const conf = join(recipe.root, 'etc/postgresql/15/main/conf.d/tls.conf');
        renameSync(conf, `${conf}.later`);
        await startPostgres(recipe, port);
        await run(before);
        renameSync(`${conf}.later`, conf);
        const said = await run(after);
        expect(said).toMatch(/db\.internal +deployed .*, seen at 127\.0\.0\.1:\d+/);
        expect(said).toMatch(/ok {2}client > server {2}the pair +accepted +accepted/);
        expect(said).toMatch(/ok {2}client > server {2}a stranger's +refused +refused/);
        expect(said).toMatch(/^\/CN=app$/m);

        const inside = (command: string): Promise<string> =>
          run(`cd ${recipe.root}/etc/certwright; ${command}`);
        expect(await inside('certwright rotate --force')).toMatch(/db\.internal +rotated .*, seen at/);
        await inside('certwright revoke app.internal --yes');
        const connect = after.split('\n').filter((line) => /^(server|trust|pair)=|^psql/.test(line));
        await inside(
          `${connect.slice(0, 3).join('\n')}\nuntil ! ${connect[3] ?? ''} 2> /dev/null; do sleep 0.1; done`,
        );
      });
    });
  });
});
