// Long names in short: in their middle, and where that makes several alike, by what tells them apart.

/** Shorten a path in its middle: its end tells most. */
export function shortPath(path: string, most = 38): string {
  if (path.length <= most) return path;
  const end = Math.ceil(most * 0.62);
  return `${path.slice(0, most - end - 1)}…${path.slice(-end)}`;
}

/** Shorten names that stand beside each other: different ones stay different, or whole. */
export function apart(names: readonly string[], most: number): ReadonlyMap<string, string> {
  const all = [...new Set(names)];
  const plain = new Map(all.map((name) => [name, shortPath(name, most)]));
  const told = new Map(plain);
  for (const group of alike(plain)) {
    const [before, after] = sharedBy(group);
    for (const name of group) told.set(name, within(name, before, after, most));
  }
  for (const name of alike(told).flat()) told.set(name, name);
  return told;
}

/** Show of a name what others do not share, and of the rest what there is room for, its end first. */
function within(name: string, before: number, after: number, most: number): string {
  const room = most - 2;
  const own = name.length - before - after;
  const end = Math.min(name.length, before + Math.max(own, room));
  const from = Math.max(0, Math.min(before, end - room));
  const part = shortPath(name.slice(from, end), room);
  return `${from > 0 ? "…" : ""}${part}${end < name.length ? "…" : ""}`;
}

/** List the names that are told in the same way as others. */
function alike(told: ReadonlyMap<string, string>): string[][] {
  const groups = new Map<string, string[]>();
  for (const [name, short] of told) groups.set(short, [...(groups.get(short) ?? []), name]);
  return [...groups.values()].filter((group) => group.length > 1);
}

/** Count the characters with which all of some names begin, and with which the rest of them ends. */
function sharedBy(names: readonly string[]): [before: number, after: number] {
  const first = names[0] as string;
  const least = Math.min(...names.map((one) => one.length));
  const isSame = (at: (name: string) => string | undefined) =>
    names.every((name) => at(name) === at(first));
  let before = 0;
  while (before < least && isSame((name) => name[before])) before += 1;
  let after = 0;
  while (after < least - before && isSame((name) => name.at(-1 - after))) after += 1;
  return [before, after];
}
