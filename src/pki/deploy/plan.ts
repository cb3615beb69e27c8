import { isAbsolute } from 'node:path';
import { PkiError } from '../errors.ts';
import { parseEndpoint } from '../endpoint.ts';
import { parseDuration } from '../x509/duration.ts';

/** What happens after the switch: how a service hears of it, and how it is seen that it has. */
export interface Deploy {
  /** A program and its arguments; no shell. */
  run?: string[];
  /** Sent to the process that `pidfile` names. */
  signal?: ServiceSignal;
  pidfile?: string;
  /** A unit that is reloaded, or restarted, if it runs. */
  systemd?: string;
  /** For each of those. */
  timeout?: string;
  /** ARNs in ACM under which the certificate stands. */
  acm?: string[];
  confirm?: Confirm;
  /** What is done about a generation that no server shows. */
  onFailure?: OnFailure;
  /** Whom the new pair must get on with before the switch: a name in the store, or an absolute path. */
  rehearse?: string;
  /** Certificates of one group are deployed one at a time. */
  group?: string;
}

export interface Confirm {
  /** HOST:PORT */
  servers: string[];
  /** For SNI, instead of the certificate's first host name. */
  name?: string;
  startTls?: StartTlsProtocol;
  /** A pair for servers that want one: a name in the store, or an absolute path. */
  client?: string;
  /** Absolute path of its key, where that lies elsewhere. */
  key?: string;
  timeout?: string;
}

export const serviceSignals = ['HUP', 'USR1', 'USR2', 'WINCH', 'INT', 'QUIT', 'TERM'] as const;
export type ServiceSignal = (typeof serviceSignals)[number];

export const onFailures = ['rollback', 'keep'] as const;
export type OnFailure = (typeof onFailures)[number];

export const startTlsProtocols = ['smtp', 'imap', 'pop3', 'ftp', 'ldap', 'postgres', 'mysql'] as const;
export type StartTlsProtocol = (typeof startTlsProtocols)[number];

const defaultActionTimeout = '60s';
const defaultConfirmTimeout = '30s';

/** Milliseconds. */
export const actionTimeout = ({ timeout }: Deploy): number =>
  parseDuration(timeout ?? defaultActionTimeout, 'timeout');
export const confirmTimeout = ({ timeout }: Confirm): number =>
  parseDuration(timeout ?? defaultConfirmTimeout, 'timeout');

/** Whether it makes this machine run something. */
export const hasActions = ({ run, signal, systemd }: Deploy): boolean =>
  (run ?? signal ?? systemd) !== undefined;

/** Whether anything is left to do after a switch. */
export const followsSwitch = (plan: Deploy | undefined): plan is Deploy =>
  plan !== undefined && (hasActions(plan) || (plan.acm ?? plan.confirm) !== undefined);

/** One line for each thing that it does. */
export function describePlan(plan: Deploy): string[] {
  const { run, signal, pidfile, systemd, acm = [], confirm, group } = plan;
  return [
    ...(run ? [`run ${commandText(run)}`] : []),
    ...(signal ? [`send SIG${signal} to the process in ${pidfile ?? ''}`] : []),
    ...(systemd === undefined ? [] : [`systemctl reload-or-try-restart ${systemd}`]),
    ...acm.map((arn) => `import to ${arn}`),
    ...(confirm ? [`confirm ${confirm.servers.join(', ')}`] : []),
    ...(group === undefined ? [] : [`one at a time in group ${group}`]),
  ];
}

/** As one would type it. */
export const commandText = (argv: readonly string[]): string =>
  argv.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : JSON.stringify(word))).join(' ');

const refuse = (message: string, hint: string): PkiError => new PkiError('bad-input', message, { hint });

export function checkProgram(program: string, label: string): void {
  // A relative path would mean another file wherever it is run; a bare name is looked up in PATH.
  if (program === '' || (program.includes('/') && !isAbsolute(program))) {
    throw refuse(
      `${label} ${JSON.stringify(program)} is no program`,
      'an absolute path, one that begins with ./ or ../, or a name that is found in PATH',
    );
  }
}

export function checkArgument(argument: string, label: string): void {
  if (argument.includes('\0')) throw refuse(`${label} holds a NUL character`, 'no argument can');
}

export function checkUnit(unit: string, label: string): void {
  if (/^[A-Za-z0-9:_][A-Za-z0-9:_.@\\-]{0,254}$/.test(unit)) return;
  throw refuse(`${label} ${JSON.stringify(unit)} is no unit of systemd`, 'for example nginx.service');
}

export function checkGroup(group: string, label: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(group)) return;
  throw refuse(
    `${label} ${JSON.stringify(group)} is no name of a group`,
    'letters, digits, dot, hyphen and underscore, at most 100',
  );
}

export function checkAcmArn(arn: string, label: string): void {
  if (/^arn:aws[a-z-]*:acm:[a-z]{2}[a-z0-9-]+-\d:\d{12}:certificate\/[A-Za-z0-9-]+$/.test(arn)) return;
  throw refuse(
    `${label} ${JSON.stringify(arn)} is not the ARN of a certificate in ACM`,
    'for example arn:aws:acm:eu-west-1:123456789012:certificate/12345678-1234-1234-1234-123456789012',
  );
}

export function checkServer(server: string, label: string): void {
  parseEndpoint(server, label);
}

export function checkTimeout(timeout: string, label: string): void {
  // setTimeout knows no longer one.
  if (parseDuration(timeout, label) <= 86_400_000) return;
  throw refuse(`${label} ${JSON.stringify(timeout)} is longer than a day`, 'for example 60s or 5m');
}

/** What goes together. */
export function checkWhole(plan: Deploy, label: string): void {
  if ((plan.signal === undefined) !== (plan.pidfile === undefined)) {
    throw refuse(`${label} needs both signal and pidfile`, 'signal: HUP with pidfile: /run/nginx.pid');
  }
  if (!hasActions(plan) && (plan.acm ?? plan.confirm ?? plan.rehearse) === undefined) {
    throw refuse(`${label} does nothing`, 'give it run, signal, systemd, acm, confirm or rehearse');
  }
}
