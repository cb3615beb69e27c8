import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { execute, temporaryFolder } from '../support/cli.ts';
import { examples, top, writeShim } from '../support/page.ts';
import { freePort } from '../support/ports.ts';
import { describeWith } from '../support/tools.ts';

/** Runs an example as it stands; `npx certwright` and `certwright` are this tree's program. */
function runExample(block: string, cwd: string): ReturnType<typeof execute> {
  const shim = join(cwd, 'shim');
  writeShim(shim);
  const script = `npx() { "${shim}" "$@"; }; certwright() { "${shim}" "$@"; }; export -f npx certwright\nset -e\n${block}`;
  return execute('bash', ['-c', script], { cwd });
}

describeWith(['bash', 'nginx', 'curl'], 'the README', () => {
  it('has one minute to a working mTLS pair that works as it stands', async () => {
    const block = examples('README.md').find((text) => text.includes('nginx.conf'));
    expect(block).toBeDefined();
    const { code, stdout, stderr } = await runExample(block ?? '', temporaryFolder());
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('mutual TLS works');
  });

  it('installs with the first command and tests with the second', () => {
    expect(examples('README.md').slice(0, 2)).toEqual([
      'npm ci && npx certwright issue orders.internal --create-ca\n',
      'npm ci && npm test\n',
    ]);
  });
});

describeWith(['bash', 'openssl'], 'the reference pages', () => {
  it.each([
    'docs/issue.md',
    'docs/rotate.md',
    'docs/revoke.md',
    'docs/outputs.md',
    'docs/config.md',
    'docs/ca.md',
    'docs/ca-life.md',
    'docs/inspect.md',
    'docs/bundle.md',
    'docs/trust.md',
    'docs/list.md',
    'docs/verify-mtls.md',
  ])('%s has examples that work as they stand', async (page) => {
    const cwd = temporaryFolder();
    for (const block of examples(page)) {
      const { code, stderr } = await runExample(block, cwd);
      expect({ block, code, stderr: code === 0 ? '' : stderr }).toEqual({ block, code: 0, stderr: '' });
    }
  });
});

it('the index of the recipes names each of them', () => {
  const index = readFileSync(join(top, 'docs/recipes/README.md'), 'utf8');
  const pages = readdirSync(join(top, 'docs/recipes')).filter((name) => name !== 'README.md');
  expect(pages.filter((name) => !index.includes(`](${name})`))).toEqual([]);
});

describeWith(['bash', 'openssl', 'curl'], 'docs/aws.md', () => {
  it('has an example with the emulator that works as it stands', async () => {
    const block = examples('docs/aws.md').find((text) => text.includes('aws-emulator')) ?? '';
    expect(block).toContain('4599');
    const cwd = temporaryFolder();
    // Another run may hold the port; and what fails must not leave the emulator behind.
    const script = `
      npm() { command npm --prefix '${top}' "$@"; }
      trap 'kill "$(node -p "require(\\"./emulator.json\\").pid")" 2>/dev/null || :' EXIT
      ${block.replaceAll('4599', String(await freePort()))}`;
    const { code, stdout, stderr } = await runExample(script, cwd);
    expect({ code, stderr: code === 0 ? '' : stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('template     arn:aws:acm-pca:::template/EndEntityCertificate/V1');
    expect(stdout).toContain('cert.pem: OK');
    expect(stdout).toMatch(/pending payments\.internal: waits for AWS to make arn:aws:acm-pca/);
    expect(stdout).toMatch(/issued payments\.internal[^]*issued shop\.example\.com/);
    expect(stdout).toContain('"IssueCertificate":2');
    expect(stdout).toContain('"billed":2');
  });
});
