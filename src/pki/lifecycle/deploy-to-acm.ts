import { importToAcm, type ImportWorld } from './import-to-acm.ts';

/** A certificate of the store that stands under an ARN in ACM. */
export interface AcmDeployment {
  /** Absolute path. */
  store: string;
  name: string;
  arn: string;
  /** Milliseconds to wait for another run on the same name. */
  lockTimeout: number;
}

/**
 * Puts the generation in use under its ARN, unless it is there. What ACM is known to refuse is refused before it is
 * asked; tags and whatever uses the ARN stay as they are.
 * @returns one clause where there was nothing to do
 * @throws PkiError as `importToAcm`; nothing needs to be issued for another try
 */
export async function deployToAcm(
  { store, name, arn, lockTimeout }: AcmDeployment,
  world: ImportWorld,
): Promise<{ note?: string }> {
  // The ARN says which region is meant, whatever the environment says for other calls.
  const connection = { ...world.connection, region: arn.split(':')[3] };
  const order = { store, name, arn, anew: false, service: undefined, dryRun: false, lockTimeout };
  const { action } = await importToAcm(order, { ...world, connection });
  return action === 'unchanged' ? { note: `${arn} holds it already` } : {};
}
