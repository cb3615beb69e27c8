import { parseArgs } from 'node:util';
import { startEmulator } from './emulator.ts';

/*
 * AWS Private CA and ACM without an account: prints one JSON line when it is ready.
 * npm run aws-emulator -- [--port 4599] [--region eu-west-1]
 */
const { values } = parseArgs({
  options: { port: { type: 'string', default: '4599' }, region: { type: 'string', default: 'eu-west-1' } },
});

const emulator = await startEmulator({ port: Number(values.port), region: values.region }).catch(
  (error: unknown) => {
    process.stderr.write(`port ${values.port} cannot be had: ${String(error)}\n`);
    process.exit(1);
  },
);
const ca = await emulator.createCa({
  grantsAcm: true,
  revocation: { CrlConfiguration: { Enabled: true, ExpirationInDays: 7, S3BucketName: 'emulator' } },
});

process.stdout.write(
  `${JSON.stringify({
    endpoint: emulator.endpoint,
    region: emulator.region,
    account: ca.split(':')[4],
    ca,
    pid: process.pid,
  })}\n`,
);

for (const signal of ['SIGTERM', 'SIGINT'] as const) {
  process.once(signal, () => {
    void emulator.close().then(() => process.exit(0));
  });
}
