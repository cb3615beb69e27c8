import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { temporaryFolderForSuite } from './support/cli.ts';

describe('what each command loads', () => {
  const folder = temporaryFolderForSuite();

  /** Source files that the start of each command loads, without what is imported on demand. */
  function modules(): Record<string, string[]> {
    const file = join(folder(), 'modules.json');
    execFileSync(process.execPath, ['build.mjs', '--modules', file]);
    return JSON.parse(readFileSync(file, 'utf8')) as Record<string, string[]>;
  }
  let known: Record<string, string[]> | undefined;
  const loadedWith = (command: string): string[] => (known ??= modules())[command] ?? [];
  const packagesOf = (command: string): string[] =>
    [
      ...new Set(
        loadedWith(command).flatMap((id) => /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(id)?.[1] ?? []),
      ),
    ].sort();

  it('help needs the names of the commands, and no PKI but the errors', () => {
    expect(packagesOf('main')).toEqual(['commander']);
    expect(loadedWith('main').filter((id) => id.startsWith('src/'))).toEqual([
      'src/commands/context.ts',
      'src/commands/exit-codes.ts',
      'src/commands/main.ts',
      'src/commands/plain-output.ts',
      'src/pki/errors.ts',
    ]);
  });

  it.each(['issue', 'rotate', 'config', 'ca', 'inspect', 'verify-mtls'])(
    '%s loads commander and chalk and nothing else of npm',
    (command) => {
      expect(packagesOf(command)).toEqual(['chalk', 'commander']);
    },
  );

  it.each(['issue', 'rotate', 'ca'])('%s loads no code of inspect', (command) => {
    expect(loadedWith(command).filter((id) => /inspect|pkcs12|pkcs7|rc2/.test(id))).toEqual([]);
  });

  it.each(['issue', 'rotate', 'config'])('%s reads no config file before there is one', (command) => {
    expect(loadedWith(command).filter((id) => /yaml|pki\/config\//.test(id))).toEqual([
      'src/pki/config/settings.ts',
    ]);
  });

  it.each(['issue', 'rotate'])(
    '%s loads no code that speaks to AWS without a certificate of AWS',
    (command) => {
      expect(
        loadedWith(command).filter((id) =>
          /authorities\/(acm|acm-pca)\/|aws\/(client|sending)|@aws-sdk/.test(id),
        ),
      ).toEqual([]);
    },
  );

  it('inspect loads no validator before it is asked for a verdict', () => {
    expect(
      loadedWith('inspect').filter((id) => /validation|inspect-trust|lifecycle\/trust/.test(id)),
    ).toEqual([]);
  });

  it('inspect loads no authority, no container format and no CRL reader before it meets one', () => {
    expect(loadedWith('inspect').filter((id) => /authorities|pkcs12|pkcs7|rc2|\/crl\.ts/.test(id))).toEqual(
      [],
    );
  });

  it.each(['main', 'issue', 'rotate', 'ca', 'inspect'])(
    '%s loads nothing of TLS before it meets a server',
    (command) => {
      expect(
        loadedWith(command).filter((id) => /pki\/tls\/|rehearse|verify-|lifecycle\/reach/.test(id)),
      ).toEqual([]);
    },
  );

  it.each(['list', 'import'])('%s loads no authority before it asks AWS', (command) => {
    // What a CA in a folder has on record as revoked are files, which anybody may look at.
    const records = /authorities\/(reference|local\/(layout|revocation-facts))\.ts$/;
    expect(
      loadedWith(command).filter((id) => /authorities\/|\/yaml\//.test(id) && !records.test(id)),
    ).toEqual([]);
  });

  it('verify-mtls loads no connection and no validator for its help', () => {
    expect(loadedWith('verify-mtls').filter((id) => /tls\/probe|validation/.test(id))).toEqual([]);
  });
});
