// The only file that touches ngx.shared. The key of a record is that of its slot. All other keys begin with `#`, which no key
// of a slot does, and none of their values passes for a record.

export type Zone = NgxSharedDict<string>;

/** The zone of that name, or undefined where none is declared. */
export function zoneNamed(name: string): Zone | undefined {
  return ngx.shared[name] as Zone | undefined;
}

/**
 * Sets a value, in a full zone as well where the one that it replaces makes room.
 *
 * @returns false where the zone has no room. The value that was there stays then
 */
export function replaceValue(zone: Zone, key: string, value: string): boolean {
  // nginx logs each failed allocation as critical, so none is tried where there is no free page.
  if (zone.freeSpace() >= value.length && hasRoom(() => zone.set(key, value))) return true;
  // `set` allocates the new place before it frees the old one, so the old value is deleted first. A reader that finds no record
  // meanwhile looks at the files.
  const held = zone.get(key);
  if (held === undefined) return false;
  zone.delete(key);
  const isStored = hasRoom(() => zone.set(key, value));
  if (!isStored) hasRoom(() => zone.set(key, held));
  return isStored;
}

/** The size of a zone, and the size of its free pages, in bytes. */
export function spaceOf(zone: Zone): { capacity: number; free: number } {
  return { capacity: zone.capacity, free: zone.freeSpace() };
}

/**
 * Does a write.
 *
 * @returns false where the zone has no room for it
 * @throws other errors of `write`
 */
export function hasRoom(write: () => unknown): boolean {
  try {
    write();
    return true;
  } catch (e) {
    if (isZoneFull(e)) return false;
    throw e;
  }
}

/** Whether an error says that a zone has no room. */
export function isZoneFull(e: unknown): boolean {
  // Neither engine has the class as a global to compare with.
  return (e as Error).name === 'SharedMemoryError';
}
