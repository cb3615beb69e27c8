/** What a run is lent that makes other programs run. */
export interface DeployWorld {
  env: Readonly<Record<string, string | undefined>>;
  /** Who we are: -1 where the system knows no users. */
  uid: number;
  /** kill(2); a negative number means a process group. */
  kill: (pid: number, signal: NodeJS.Signals) => void;
  signal: AbortSignal;
}

/** What a service is told about. */
export interface Occasion {
  /** Variables of the hook, beside those of this run. */
  variables: Readonly<Record<string, string>>;
  /** The same and more, as JSON on the hook's standard input. */
  document: object;
  /** Absolute path of the folder in which the hook runs. */
  cwd: string;
}

/** What an action has to tell beside that it worked. */
export interface Done {
  /** One clause: why there was nothing to do. */
  note?: string;
  /** The service does not run, and reads what is new when it starts. */
  stopped?: boolean;
}
