import { afterAll, beforeAll, expect, test } from 'vitest';
import { spawnProgram, temporaryFolder } from '../support/cli.ts';
import { startEmulator, type Emulator } from '../support/aws/emulator.ts';
import { schemaErrors } from '../support/schemas.ts';

let emulator: Emulator;
let root: string;

beforeAll(async () => {
  emulator = await startEmulator();
  root = await emulator.createCa();
});

afterAll(async () => {
  await emulator.close();
});

test('a CA of AWS Private CA is listed by what the store has of it, and writes an audit report', async () => {
  const cwd = temporaryFolder();
  const lent = { cwd, env: { ...process.env, ...emulator.environment } };
  const issued = await spawnProgram(['issue', 'orders.internal', '--ca', root], lent);
  expect(issued.code).toBe(0);
  const argv = ['list', '--ca', root, '--audit-report', 's3://audit-bucket'];
  const { code, stdout } = await spawnProgram([...argv, '--json'], lent);
  expect({ code, errors: schemaErrors(stdout) }).toEqual({ code: 0, errors: [] });
  const { certificates, auditReport } = JSON.parse(stdout) as {
    certificates: { name: string; authority: string }[];
    auditReport: { bucket: string; key: string };
  };
  expect(certificates).toMatchObject([{ name: 'orders.internal', authority: root }]);
  expect(auditReport).toMatchObject({ bucket: 'audit-bucket' });
  expect(emulator.cloud.objects.get(`/audit-bucket/${auditReport.key}`)?.body.toString()).toContain(
    'orders.internal',
  );
  const again = await spawnProgram(argv, lent);
  expect(again.code).toBe(75);
  expect(again.stderr).toContain('within the last half hour');
});
