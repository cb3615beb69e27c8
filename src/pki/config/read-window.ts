import { checkTimeZone, parseTimeOfDay, weekdays, type MaintenanceWindow } from '../maintenance-window.ts';
import { choice, list, text, type Reader } from './readers.ts';
import type { Reading } from './reading.ts';
import type { Tree } from './tree.ts';
import { unknownKey } from './unknown-key.ts';

const timeOfDay = text((value, label) => {
  parseTimeOfDay(value, label);
  return value;
});

const readers = {
  days: list(choice(weekdays)),
  from: timeOfDay,
  to: timeOfDay,
  timeZone: text((value, label) => {
    checkTimeZone(value, label);
    return value;
  }),
} satisfies { [Key in keyof MaintenanceWindow]: Reader<NonNullable<MaintenanceWindow[Key]>> };

const example = 'write it as { days: [sat, sun], from: "02:00", to: "05:00", timeZone: Europe/Berlin }';

/** One window, or a list of them. */
export const windowReader: Reader<MaintenanceWindow[]> = (tree, label, reading) => {
  const all = tree.kind === 'list' ? tree.items : [tree];
  const windows = all.map((one) => readWindow(one, label, reading));
  const good = windows.filter((one): one is MaintenanceWindow => one !== null);
  return good.length === windows.length ? good : null;
};

function readWindow(tree: Tree, label: string, reading: Reading): MaintenanceWindow | null {
  if (tree.kind !== 'map') return reading.wrongKind(tree, label, 'a mapping', example);
  const found: Record<string, unknown> = {};
  let faulty = false;
  for (const { key, at, value } of tree.entries) {
    const reader = Object.hasOwn(readers, key) ? readers[key as keyof typeof readers] : undefined;
    if (reader) found[key] = reader(value, key, reading);
    else unknownKey(key, at, Object.keys(readers), reading);
    faulty ||= !reader || found[key] === null;
  }
  if (faulty) return null;
  const {
    days = [...weekdays],
    from = '00:00',
    to = '24:00',
    timeZone,
  } = found as Partial<MaintenanceWindow>;
  if (days.length === 0 || from === to || from === '24:00') {
    return reading.fault(tree.at, 'bad-time', `${label} never opens`, example);
  }
  return { days, from, to, timeZone };
}
