import type { Journal } from '../../src/pki/authorities/authority.ts';

type Entry = Readonly<Record<string, unknown>>;

/** A journal that keeps every state it was in, as text, so that a run can be resumed from any of them. */
export class MemoryJournal implements Journal {
  readonly states: { entry: Entry | undefined; durable: boolean }[];

  constructor(entry?: Entry) {
    this.states = [{ entry, durable: true }];
  }

  read(): Entry | undefined {
    return this.states.at(-1)?.entry;
  }

  assembled(): Entry[] {
    return [this.read() ?? []].flat();
  }

  write(entry: Entry, { durable }: { durable: boolean }): void {
    this.states.push({ entry: JSON.parse(JSON.stringify(entry)) as Entry, durable });
  }

  forget(): void {
    this.states.push({ entry: undefined, durable: true });
  }
}
