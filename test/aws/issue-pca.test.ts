import { createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { csrPem } from '../support/aws/csr-pem.ts';
import { emulatorForFile } from '../support/aws/lent.ts';
import { checkPair, leftovers } from '../support/invariants.ts';
import { run, temporaryFolder, type Lent, type Ran } from '../support/cli.ts';

const emulator = emulatorForFile();
let ca = '';
beforeAll(async () => {
  const root = await emulator().createCa();
  ca = await emulator().createCa({ parent: root, name: 'Issuing' });
});

const minute = 60_000;

/** @param at milliseconds from now, on the program's clock; the emulator's stays where it is */
const issue = (cwd: string, args: readonly string[] = [], { at = 0, tries = '1' } = {}): Promise<Ran> => {
  const lent: Lent = {
    cwd,
    now: () => new Date(emulator().clock.now().getTime() + at),
    env: { ...emulator().environment, AWS_MAX_ATTEMPTS: tries },
  };
  return run(['issue', 'orders.internal', '--ca', ca, '--json', ...args], lent);
};

interface Document {
  state: string;
  waitingFor: string;
  certificate: { serial: string; notAfter: string };
  error: { code: string; message: string; hint: string };
}
const documentOf = (ran: Ran): Document => JSON.parse(ran.stdout) as Document;
const verdict = (ran: Ran): { exit: Ran['code']; what: string } => {
  const { error, state } = documentOf(ran);
  return { exit: ran.code, what: (error as Document['error'] | undefined)?.code ?? state };
};
const done = { exit: 0, what: 'issued' };

const billed = (): number => emulator().stats.billed;
const orders = (): number => emulator().stats.calls['IssueCertificate'] ?? 0;
const lose = (operation: string, nth = 1): void => {
  emulator().script(operation, { kind: 'reset', afterEffect: true }, nth);
};

/** Where a certificate may go, what stands there while it is pending, and the pair when it is done. */
const destinations = [
  {
    title: 'the store',
    args: [],
    journal: 'certs/orders.internal/pending',
    pair: 'certs/orders.internal/current',
  },
  {
    title: '--out',
    args: ['--out', 'tls/orders'],
    journal: 'tls/.orders.certwright/pending',
    pair: 'tls/orders',
  },
  {
    title: '--key-out and --cert-out',
    args: ['--key-out', 'orders.key', '--cert-out', 'orders.crt'],
    journal: '.orders.crt.certwright/pending',
    pair: '.',
  },
] as const;

function checkMade(cwd: string, pair: string): void {
  if (pair !== '.') {
    expect(checkPair(join(cwd, pair), { version: pair.startsWith('certs') })).toEqual([]);
  } else {
    const leaf = new X509Certificate(readFileSync(join(cwd, 'orders.crt')));
    expect(leaf.checkPrivateKey(createPrivateKey(readFileSync(join(cwd, 'orders.key'))))).toBe(true);
  }
  expect(leftovers(cwd)).toEqual([]);
}

describe.each(destinations)('into $title', ({ args, journal, pair }) => {
  it('is whole, billed once, and leaves nothing beside it', async () => {
    const cwd = temporaryFolder();
    const before = billed();
    expect(verdict(await issue(cwd, args))).toEqual(done);
    expect(billed() - before).toBe(1);
    checkMade(cwd, pair);
  });

  it('an order without an answer is pending, and the same command goes on with it', async () => {
    const cwd = temporaryFolder();
    const before = billed();
    lose('IssueCertificate');
    const lost = await issue(cwd, args);
    expect(verdict(lost)).toEqual({ exit: 75, what: 'unreachable' });
    expect(documentOf(lost).error.hint).toMatch(/for five minutes .*after that only --reissue/);
    const [generation = ''] = readdirSync(join(cwd, journal));
    const key = readFileSync(join(cwd, journal, generation, 'key.pem'), 'utf8');
    expect(verdict(await issue(cwd, args, { at: 4 * minute }))).toEqual(done);
    expect(billed() - before).toBe(1);
    checkMade(cwd, pair);
    expect(readFileSync(join(cwd, pair === '.' ? 'orders.key' : `${pair}/key.pem`), 'utf8')).toBe(key);
  });

  it('a certificate that cannot be fetched is fetched later, however much later, and not ordered again', async () => {
    const cwd = temporaryFolder();
    const before = orders();
    for (const at of [0, 10 * minute, 24 * 60 * minute]) {
      lose('GetCertificate');
      expect(verdict(await issue(cwd, args, { at }))).toEqual({ exit: 75, what: 'unreachable' });
    }
    expect(verdict(await issue(cwd, args, { at: 48 * 60 * minute }))).toEqual(done);
    expect(orders() - before).toBe(1);
    checkMade(cwd, pair);
  });

  it('what cannot be read is told with its ARN, and fetched again', async () => {
    const cwd = temporaryFolder();
    lose('GetCertificate');
    expect(verdict(await issue(cwd, args)).exit).toBe(75);
    const [[arn, made] = ['', undefined]] = [...(emulator().cloud.cas.get(ca)?.issued ?? [])].slice(-1);
    const pem = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    const answer = made?.answer;
    for (const broken of [{ Certificate: pem }, { ...(answer as object), CertificateChain: pem }]) {
      Object.assign(made ?? {}, { answer: broken });
      const ran = await issue(cwd, args);
      expect(verdict(ran)).toEqual({ exit: 75, what: 'unreachable' });
      expect(documentOf(ran).error.message).toContain(`AWS answered for ${arn} with what cannot be read`);
    }
    Object.assign(made ?? {}, { answer });
    expect(verdict(await issue(cwd, args))).toEqual(done);
  });

  it('past five minutes of doubt it stops, until --reissue', async () => {
    const cwd = temporaryFolder();
    const before = billed();
    lose('IssueCertificate');
    expect(verdict(await issue(cwd, args)).exit).toBe(75);
    const counted = orders();
    for (const later of [6 * minute, 60 * minute, -minute]) {
      emulator().clock.advance(later);
      const ran = await issue(cwd, args);
      emulator().clock.advance(-later);
      expect(verdict(ran)).toEqual({ exit: 75, what: 'in-doubt' });
      expect(documentOf(ran).error.hint).toContain('--reissue');
    }
    expect(orders()).toBe(counted);
    emulator().clock.advance(6 * minute);
    const again = await issue(cwd, [...args, '--reissue']);
    emulator().clock.advance(-6 * minute);
    expect(verdict(again)).toEqual(done);
    expect(billed() - before).toBe(2);
    checkMade(cwd, pair);
  });

  it('a refusal leaves nothing pending, and an order that may have been carried out is not one', async () => {
    const cwd = temporaryFolder();
    const refuse = (): void =>
      emulator().refuse('IssueCertificate', 'AccessDeniedException', 'User: ci is not authorized');
    refuse();
    expect(verdict(await issue(cwd, args))).toEqual({ exit: 1, what: 'refused' });
    expect(leftovers(cwd)).toEqual([]);
    lose('IssueCertificate');
    expect(verdict(await issue(cwd, args)).exit).toBe(75);
    refuse();
    const ran = await issue(cwd, args);
    expect(verdict(ran)).toEqual({ exit: 75, what: 'unreachable' });
    expect(documentOf(ran).error.message).toContain('may have been carried out');
    const before = billed();
    expect(verdict(await issue(cwd, args))).toEqual(done);
    expect(billed()).toBe(before);
  });

  it('other flags do not go on with it, and --discard-pending drops it', async () => {
    const cwd = temporaryFolder();
    lose('GetCertificate');
    expect(verdict(await issue(cwd, args)).exit).toBe(75);
    const other = [...args, '--usage', 'server'];
    expect(verdict(await issue(cwd, other))).toEqual({ exit: 2, what: 'pending-differs' });
    const before = billed();
    expect(verdict(await issue(cwd, [...other, '--discard-pending']))).toEqual(done);
    expect(billed() - before).toBe(1);
    checkMade(cwd, pair);
  });
});

describe('runs at the same time', () => {
  it.each(destinations)('into $title buy one certificate', async ({ args, pair }) => {
    const cwd = temporaryFolder();
    const before = billed();
    const codes = (await Promise.all([1, 2, 3].map(() => issue(cwd, args)))).map(({ code }) => code);
    expect(codes.sort()).toEqual([0, 2, 2]);
    expect(billed() - before).toBe(1);
    checkMade(cwd, pair);
  });
});

describe("somebody else's request", () => {
  const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const args = ['--csr', 'request.csr', '--cert-out', 'orders.pem'];
  function withRequest(name: string): string {
    const cwd = temporaryFolder();
    writeFileSync(join(cwd, 'request.csr'), csrPem(key, name));
    return cwd;
  }

  it.each([
    ['which says what is wanted', 'orders.internal', 'EndEntityCertificate/V1'],
    ['which says something else', 'printer.internal', 'BlankEndEntityCertificate_APIPassthrough/V1'],
  ])('%s is certified for the names that were given', async (_what, name, template) => {
    const cwd = withRequest(name);
    lose('GetCertificate');
    expect(verdict(await issue(cwd, args)).exit).toBe(75);
    const file = join(cwd, '.orders.pem.certwright/pending/000001/journal.json');
    expect(readFileSync(file, 'utf8')).toContain(template);
    expect(verdict(await issue(cwd, args))).toEqual(done);
    const leaf = new X509Certificate(readFileSync(join(cwd, 'orders.pem')));
    expect([leaf.subjectAltName, leaf.checkPrivateKey(key)]).toEqual(['DNS:orders.internal', true]);
    expect(leftovers(cwd)).toEqual([]);
  });

  it('is not paid for where the template that was named would not say what is wanted', async () => {
    const cwd = withRequest('printer.internal');
    const before = orders();
    const ran = await issue(cwd, [...args, '--template', 'EndEntityCertificate']);
    expect(verdict(ran)).toEqual({ exit: 2, what: 'unsupported' });
    expect([orders() - before, leftovers(cwd)]).toEqual([0, []]);
  });

  it('does not go to standard output, where what was paid for could be lost', async () => {
    const cwd = withRequest('orders.internal');
    const before = orders();
    expect(verdict(await issue(cwd, ['--csr', 'request.csr']))).toEqual({ exit: 2, what: 'usage' });
    expect(orders()).toBe(before);
  });
});

describe('before anything is paid for', () => {
  it.each(['--dry-run', '--explain'])('%s says what would be made, and orders nothing', async (flag) => {
    const cwd = temporaryFolder();
    const before = orders();
    const ran = await issue(cwd, [flag, '--usage', 'client', '--not-before', '2027-01-01T00:00:00Z']);
    expect(ran.code).toBe(0);
    const plan = JSON.parse(ran.stdout) as {
      notBefore: string;
      explanation: { what: string; value: string }[];
    };
    expect(plan.notBefore).toBe('2027-01-01T00:00:00.000Z');
    const said = plan.explanation.map(({ value }) => value).join('\n');
    expect(said).toContain('arn:aws:acm-pca:::template/EndEntityClientAuthCertificate/V1');
    expect(said).toContain('SHA256WITHECDSA');
    expect(said).toMatch(/Resource Access Manager allows it by default/);
    expect(said).toMatch(/AWS bills each certificate/);
    expect([orders() - before, readdirSync(cwd)]).toEqual([0, []]);
  });

  it('a billed call is announced, and a likely refusal is', async () => {
    const cwd = temporaryFolder();
    const words = ['issue', 'orders.internal', '--ca', ca, '--lifetime', '30y'];
    const ran = await run(words, { cwd, env: { ...emulator().environment } });
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('which is billed');
    expect(ran.stderr).toContain('the certificate would outlive the CA');
    expect(ran.stderr).toContain('ValidationException');
    expect(leftovers(cwd)).toEqual([]);
    // JSON stands by itself on standard output; --quiet is for cron, which mails whatever is said.
    const beside = await issue(cwd, []);
    expect(verdict(beside)).toEqual(done);
    expect(beside.stderr).toMatch(/which is not AWS[^]*which is billed/);
    expect((await issue(cwd, ['--force', '--quiet'])).stderr).toBe('');
  });

  it('--clamp cuts the lifetime to that of the CA', async () => {
    const cwd = temporaryFolder();
    const ran = await issue(cwd, ['--lifetime', '30y', '--clamp']);
    expect(verdict(ran)).toEqual(done);
    const end = emulator().cloud.cas.get(ca)!.certificate!.notAfter;
    expect(documentOf(ran).certificate.notAfter).toBe(end.toISOString());
  });

  it('a CA that is not ACTIVE is told with what helps', async () => {
    const off = await emulator().createCa();
    emulator().cloud.cas.get(off)!.state = 'DISABLED';
    const ran = await issue(temporaryFolder(), ['--ca', off]);
    expect(verdict(ran)).toEqual({ exit: 1, what: 'refused' });
    expect(documentOf(ran).error.hint).toContain(
      `aws acm-pca update-certificate-authority --certificate-authority-arn ${off} --status ACTIVE`,
    );
  });

  it('a CA for short-lived certificates is told from others', async () => {
    const cwd = temporaryFolder();
    const short = await emulator().createCa({ usageMode: 'SHORT_LIVED_CERTIFICATE' });
    const refused = await issue(cwd, ['--ca', short, '--dry-run']);
    expect((JSON.parse(refused.stdout) as { warnings: string[] }).warnings.join()).toContain(
      'of at most 7 days',
    );
    expect(verdict(await issue(cwd, ['--ca', short, '--lifetime', '7d']))).toEqual(done);
  });

  it('an ARN that is none, and one of no CA, are told apart from a CA in a folder', async () => {
    for (const arn of ['arn:aws:acm-pca:eu-west-1:12:certificate-authority/x', `${ca}/certificate/ab`]) {
      expect(verdict(await issue(temporaryFolder(), ['--ca', arn]))).toEqual({ exit: 2, what: 'bad-input' });
    }
    const gone = ca.replace(/.{12}$/, '000000000000');
    expect(verdict(await issue(temporaryFolder(), ['--ca', gone]))).toEqual({ exit: 1, what: 'refused' });
  });

  it('whoever may not look at the CA says how it signs', async () => {
    const refuse = (): void =>
      emulator().refuse('DescribeCertificateAuthority', 'AccessDeniedException', 'not authorized');
    refuse();
    const ran = await issue(temporaryFolder());
    expect(verdict(ran)).toEqual({ exit: 1, what: 'refused' });
    expect(documentOf(ran).error.hint).toContain('--signing-algorithm');
    refuse();
    const named = await issue(temporaryFolder(), ['--signing-algorithm', 'SHA384WITHECDSA']);
    expect(verdict(named)).toEqual(done);
  });
});

describe('waiting', () => {
  it('--wait bounds it, and the certificate is fetched by the next run', async () => {
    const cwd = temporaryFolder();
    emulator().pace.certificatePolls = 5;
    const before = orders();
    const ran = await issue(cwd, ['--wait', '1s']);
    emulator().pace.certificatePolls = 0;
    expect(verdict(ran)).toEqual({ exit: 75, what: 'pending' });
    expect(documentOf(ran).waitingFor).toContain(`${ca}/certificate/`);
    const newest = [...(emulator().cloud.cas.get(ca)?.issued.values() ?? [])].at(-1);
    // Twice at the most in that second, of five times that it takes.
    expect(newest?.polls).toBeGreaterThanOrEqual(3);
    emulator()
      .cloud.cas.get(ca)!
      .issued.forEach((one) => (one.polls = 0));
    expect(verdict(await issue(cwd))).toEqual(done);
    expect(orders() - before).toBe(1);
  });

  it('--timeout bounds a call', async () => {
    const cwd = temporaryFolder();
    // Longer than this test may take.
    emulator().setFaults({ timeoutMs: 600_000 });
    emulator().script('IssueCertificate', { kind: 'timeout', afterEffect: true });
    expect(verdict(await issue(cwd, ['--timeout', '2s']))).toEqual({ exit: 75, what: 'unreachable' });
    expect(verdict(await issue(cwd))).toEqual(done);
    emulator().setFaults({});
  });
});

describe('the store', () => {
  it('--if-due buys nothing while the certificate stands, and a new one when it does not', async () => {
    const cwd = temporaryFolder();
    expect(verdict(await issue(cwd, ['--if-due']))).toEqual(done);
    const before = billed();
    expect(verdict(await issue(cwd, ['--if-due']))).toEqual({ exit: 0, what: 'unchanged' });
    expect(billed()).toBe(before);
    rmSync(join(cwd, 'certs/orders.internal/current/key.pem'));
    expect(verdict(await issue(cwd, ['--if-due']))).toEqual(done);
    expect(verdict(await issue(cwd))).toEqual({ exit: 2, what: 'exists' });
    expect(verdict(await issue(cwd, ['--force']))).toEqual(done);
    expect(billed() - before).toBe(2);
  });
});
