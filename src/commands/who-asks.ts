import type { Context } from './context.ts';
import { nonEmpty } from './options.ts';

/** `alice@host`, for the record: also where alice works as root. */
export async function whoAsks({ env }: Context): Promise<string> {
  const { hostname, userInfo } = await import('node:os');
  const user = nonEmpty(env['SUDO_USER']) ?? nameOfUser(userInfo);
  return `${user}@${hostname()}`;
}

/** A container may run as a user whom nobody has given a name. */
function nameOfUser(userInfo: () => { username: string }): string {
  try {
    return userInfo().username;
  } catch {
    return 'unknown';
  }
}
