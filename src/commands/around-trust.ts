import type { Config } from '../pki/lifecycle/config.ts';
import { hasBundles, isDeclared } from '../pki/lifecycle/has-bundles.ts';
import type { AwsFlags } from './aws-options.ts';
import { loadConfig, type ConfigFlags } from './config-file.ts';
import type { Context } from './context.ts';
import { storePath, type StoreFlags } from './options.ts';
import type { Output } from './output.ts';
import { TrustRows } from './trust-report.ts';
import { deployingWorldOf, type InstanceFlags } from './world.ts';

/** What a command says about the bundles that it keeps beside its own work. */
interface AroundTrust {
  store: string;
  config: Config | undefined;
  /** Only those that trust this authority. */
  of?: string;
  flags: AwsFlags & InstanceFlags & { passphraseFile?: string };
  rows: TrustRows;
}

/**
 * Brings trust bundles up to date before `work`: a new root must reach peers before the first certificate under it. What
 * could not be done then, since the work makes the CA, is tried once more behind it.
 */
export async function aroundTrust<T>(
  around: AroundTrust,
  context: Context,
  output: Output,
  work: () => Promise<T>,
): Promise<T> {
  const late = await keepBundles(around, [], context, output, 'before');
  const result = await work();
  if (late.length > 0) await keepBundles(around, late, context, output, 'after');
  return result;
}

/** Says what would be brought up to date, and touches nothing. */
export async function lookAtBundles(
  { store, config, flags, rows }: AroundTrust,
  context: Context,
  output: Output,
): Promise<void> {
  const { lookAtTrust } = await import('../pki/lifecycle/look-at-trust.ts');
  const { trustReach } = await import('./trust-reach.ts');
  const declared = config && { bundles: config.trust, file: config.file };
  await lookAtTrust(
    { store, declared, names: [], lockTimeout: 0 },
    trustReach(flags, context, output),
    deployingWorldOf(flags, context, output),
    (looked) => rows.add(looked, context.cwd, output, isDeclared(looked.name, store, config?.trust)),
  );
}

/** @returns the bundles that could not be brought up to date, and were not reported yet */
async function keepBundles(
  { store, config, of, flags, rows }: AroundTrust,
  names: readonly string[],
  context: Context,
  output: Output,
  when: 'before' | 'after',
): Promise<string[]> {
  if (!hasBundles(store, config?.trust)) return [];
  const { keepTrust } = await import('../pki/lifecycle/keep-trust.ts');
  const { trustReach } = await import('./trust-reach.ts');
  const declared = config && { bundles: config.trust, file: config.file };
  const order = { store, declared, names, of, lockTimeout: 30_000 };
  const late: string[] = [];
  await keepTrust(
    order,
    trustReach(flags, context, output),
    deployingWorldOf(flags, context, output),
    (kept) => {
      if (when === 'before' && kept.state === 'stale') late.push(kept.name);
      else rows.add(kept, context.cwd, output);
    },
  );
  return late;
}

/** The bundles that trust an authority, whose CRLs have changed. */
export async function bundlesOf(
  of: string,
  flags: StoreFlags & ConfigFlags & { passphraseFile?: string },
  context: Context,
  output: Output,
): Promise<TrustRows> {
  const rows = new TrustRows();
  const config = await loadConfig(flags, context);
  const around = { store: storePath(flags, context), config, of, flags, rows };
  await keepBundles(around, [], context, output, 'after');
  return rows;
}
