// The only file that touches ngx.shared. The keys of the records are those of slots, most of them names; the keys that
// begin with `#`, which no name does, are this file's own, and no value of theirs passes for a record.

export type Zone = NgxSharedDict<string>;

/** The zone of that name, or undefined where none is declared. */
export function zoneNamed(name: string): Zone | undefined {
  return ngx.shared[name] as Zone | undefined;
}

/** @returns false where the zone has no room; what was there stays */
export function replaceValue(zone: Zone, key: string, value: string): boolean {
  // nginx logs each failed allocation as critical: where there is no free page, better not ask.
  if (zone.freeSpace() >= value.length && hasRoom(() => zone.set(key, value))) return true;
  // `set` needs the new place before it frees the old one, which is as good when given up first. For that moment a name
  // is not held, and a reader looks at its files.
  const held = zone.get(key);
  if (held === undefined) return false;
  zone.delete(key);
  const isStored = hasRoom(() => zone.set(key, value));
  if (!isStored) hasRoom(() => zone.set(key, held));
  return isStored;
}

/** How large a zone is, and how much of that no page is taken of; both in bytes. */
export function spaceOf(zone: Zone): { capacity: number; free: number } {
  return { capacity: zone.capacity, free: zone.freeSpace() };
}

/** Does a write; false where the zone has no room for it. Other errors are thrown on. */
export function hasRoom(write: () => unknown): boolean {
  try {
    write();
    return true;
  } catch (e) {
    if (isZoneFull(e)) return false;
    throw e;
  }
}

export function isZoneFull(e: unknown): boolean {
  // Neither engine has the class as a global to compare with.
  return (e as Error).name === 'SharedMemoryError';
}
