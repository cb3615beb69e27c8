import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { blocksOf } from '../../support/page.ts';
import { freePort } from '../../support/ports.ts';
import { application, layOut } from '../../support/recipe.ts';
import { describeWith } from '../../support/tools.ts';

const page = 'docs/recipes/haproxy.md';

describeWith(['bash', 'haproxy', 'curl'], page, () => {
  it('shows each new certificate, and refuses who is revoked', async () => {
    const port = await freePort();
    const recipe = layOut(
      page,
      { 'bind :8443': `bind 127.0.0.1:${port}`, 8443: port, 8080: await application() },
      {
        'haproxy.service': {
          start: 'haproxy -W -D -f /etc/haproxy/haproxy.cfg -p /run/haproxy.pid',
          reload: 'haproxy -c -q -f /etc/haproxy/haproxy.cfg && kill -USR2 "$(cat /run/haproxy.pid)"',
          pidfile: '/run/haproxy.pid',
        },
      },
    );
    const said = await recipe.run(recipe.scripts[0] ?? '');
    expect(said).toMatch(/orders\.internal +deployed .*, seen at 127\.0\.0\.1:\d+/);
    expect(said).toMatch(/ok {2}client > server {2}the pair +accepted +accepted {2}HTTP 200/);
    expect(said).toMatch(/ok {2}client > server {2}no certificate +refused +refused/);
    expect(said).toMatch(/ok {2}client > server {2}a stranger's +refused +refused/);

    // The other way of telling it, as the page has it.
    const config = join(recipe.root, 'etc/certwright/certwright.yaml');
    const [, other] = blocksOf(page).filter(({ language }) => language === 'yaml');
    const bySignal = readFileSync(config, 'utf8').replace(
      /deploy:\n {6}systemd[^]*?confirm.*\n/,
      recipe.here(other?.text ?? ''),
    );
    expect(bySignal).toContain('USR2');
    writeFileSync(config, bySignal);
    const inside = (command: string): Promise<string> => recipe.run(`cd etc/certwright; ${command}`);
    expect(await inside('certwright rotate orders.internal --force')).toMatch(
      /orders\.internal +rotated .*, seen at/,
    );

    const ask = `curl -sS --fail --cert certs/billing.internal/current/fullchain.pem --key certs/billing.internal/current/key.pem \
      --cacert certs/_trust/default/current/ca.pem --connect-to ::127.0.0.1: https://orders.internal:${port}/`;
    expect(await inside(ask)).toBe('hello CN=billing.internal\n');
    await inside('certwright revoke billing.internal --yes');
    await inside(`until ! ${ask} 2> /dev/null; do sleep 0.1; done`);
  });
});
