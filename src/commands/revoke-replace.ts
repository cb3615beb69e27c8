import { PkiError } from '../pki/errors.ts';
import type { Config } from '../pki/lifecycle/config.ts';
import { replaceFirst } from '../pki/lifecycle/replace-first.ts';
import type { RevocationWish, Target } from '../pki/lifecycle/revoke.ts';
import type { Context } from './context.ts';
import type { Output } from './output.ts';
import { withoutWait } from './revoke-input.ts';
import type { RevokeFlags } from './revoke.ts';
import { opener, rotateOrder } from './rotate.ts';
import { deployingWorldOf } from './world.ts';

/** `--replace` */
export async function replaced(
  target: Target,
  wish: RevocationWish,
  flags: RevokeFlags,
  config: Config | undefined,
  context: Context,
  output: Output,
): Promise<number> {
  const { stored } = target;
  if (!stored) {
    throw new PkiError('usage', '--replace is for a certificate of the store', {
      hint: 'name its store with --store, or leave --replace out',
    });
  }
  const rotation = { ...withoutWait(flags), jobs: '1' };
  const newKey = wish.event === 'revoke' && wish.reason === 'keyCompromise';
  const order = { ...rotateOrder([stored.name], rotation, config, context), newKey };
  const world = deployingWorldOf(rotation, context, output);
  const made = replaceFirst(stored, order, opener(rotation, context, output), world);
  const successor = await output.progress(`replacing ${stored.name}`, made);
  output.note(`generation ${successor} of ${stored.name} is in use`);
  return successor;
}
