import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe } from 'vitest';
import { freePort, listening } from './ports.ts';

/** Path of moto's server, another emulator of AWS (environment variable CERTWRIGHT_MOTO). */
export function describeWithMoto(name: string, suite: (program: string) => void): void {
  const program = process.env['CERTWRIGHT_MOTO'];
  if (program !== undefined && program !== '') {
    describe(name, () => {
      suite(program);
    });
    return;
  }
  if (process.env['CI'] !== undefined) throw new Error(`${name}: CERTWRIGHT_MOTO must be set in CI`);
  describe.skip(`${name} (needs CERTWRIGHT_MOTO)`, () => undefined);
}

export interface Moto {
  endpoint: string;
  close(): Promise<void>;
}

export async function startMoto(program: string): Promise<Moto> {
  const port = await freePort();
  const child = spawn(program, ['-H', '127.0.0.1', '-p', String(port)], {
    stdio: 'ignore',
    // Public certificates are ISSUED as soon as somebody looks.
    env: { ...process.env, MOTO_ACM_VALIDATION_WAIT: '0' },
  });
  const exited = once(child, 'exit');
  await Promise.race([
    listening(port),
    exited.then(() => Promise.reject(new Error(`${program} ended before it listened`))),
  ]);
  return {
    endpoint: `http://127.0.0.1:${port}`,
    close: async () => {
      child.kill();
      await exited;
    },
  };
}
