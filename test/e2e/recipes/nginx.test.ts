import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { freePort } from '../../support/ports.ts';
import { application, layOut } from '../../support/recipe.ts';
import { describeWith, findTool } from '../../support/tools.ts';

describeWith(['bash', 'nginx', 'curl'], 'docs/recipes/nginx.md', () => {
  it('shows each new certificate, and refuses who is revoked', async () => {
    const port = await freePort();
    const recipe = layOut(
      'docs/recipes/nginx.md',
      { 'listen 8443': `listen 127.0.0.1:${port}`, 8443: port, 8080: await application() },
      {
        'nginx.service': {
          start: '/usr/sbin/nginx',
          reload: '/usr/sbin/nginx -s reload',
          pidfile: '/run/nginx.pid',
        },
      },
    );
    recipe.stub(
      '/usr/sbin/nginx',
      `exec '${findTool('nginx') ?? ''}' -p '${recipe.root}' -c etc/nginx/nginx.conf "$@"\n`,
    );
    // As distributions have it: a file that includes those of conf.d.
    const main = `pid /run/nginx.pid; error_log /var/log/nginx.log; events {}
      http { access_log off; include /etc/nginx/conf.d/*.conf; }`;
    writeFileSync(join(recipe.root, 'etc/nginx/nginx.conf'), recipe.here(main));

    const [script = ''] = recipe.scripts;
    const said = await recipe.run(script);
    expect(said).toMatch(/orders\.internal +deployed .*, seen at 127\.0\.0\.1:\d+/);
    expect(said).toMatch(/ok {2}client > server {2}the pair +accepted +accepted {2}HTTP 200/);
    expect(said).toMatch(/ok {2}client > server {2}no certificate +refused +refused/);
    expect(said).toMatch(/ok {2}client > server {2}a stranger's +refused +refused/);

    const inside = (command: string): Promise<string> => recipe.run(`cd etc/certwright; ${command}`);
    const ask = `curl -sS --fail --cert certs/billing.internal/current/fullchain.pem --key certs/billing.internal/current/key.pem \
      --cacert certs/_trust/default/current/ca.pem --connect-to ::127.0.0.1: https://orders.internal:${port}/`;
    expect(await inside(ask)).toBe('hello CN=billing.internal\n');
    expect(await inside('certwright rotate --force')).toMatch(/orders\.internal +rotated .*, seen at/);

    // A configuration that nginx would not load is said with nginx's own words, and nginx serves on.
    const site = join(recipe.root, 'etc/nginx/conf.d/broken.conf');
    writeFileSync(site, 'servr {}\n');
    const broken = await recipe.attempt('cd etc/certwright; certwright rotate orders.internal --force');
    expect(broken.code).toBe(1);
    expect(broken.stdout + broken.stderr).toContain('unknown directive "servr"');
    writeFileSync(site, '');
    expect(await inside('certwright rotate')).toMatch(/orders\.internal +deployed .*, seen at/);

    await inside('certwright revoke billing.internal --yes');
    await inside(`until ! ${ask} 2> /dev/null; do sleep 0.1; done`);
  });
});
