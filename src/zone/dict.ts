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
  if (setIfRoom(zone, key, value)) return true;
  // `set` allocates the new place before it frees the old one, so the old value is deleted first. A reader that finds no record
  // meanwhile looks at the files.
  const held = zone.get(key);
  if (held === undefined) return false;
  zone.delete(key);
  const isStored = hasRoom(() => zone.set(key, value));
  if (!isStored) hasRoom(() => zone.set(key, held));
  return isStored;
}

function setIfRoom(zone: Zone, key: string, value: string): boolean {
  // nginx logs each failed allocation as critical, so none is tried where there is no free page.
  return zone.freeSpace() >= value.length && hasRoom(() => zone.set(key, value));
}

/** The key of a value that takes up room for `replaceKept`. */
const RESERVE_KEY = '#reserve';

/** The page of nginx's allocator, in bytes. A value over half of it takes whole ones. */
const PAGE = 4096;

/** The reserve takes no larger part of a zone than this. */
const LARGEST_RESERVE = 1 / 32;

/**
 * Sets a value that nothing but the zone has. A worker that is killed must not lose it: the value before stays until the new one is
 * there. A full zone has the room for both from a reserve of the size of such a value. Where that is too small or used up, the value
 * is set as by `replaceValue`.
 *
 * @returns as `replaceValue` does
 */
export function replaceKept(zone: Zone, key: string, value: string): boolean {
  return (
    setIfRoom(zone, key, value) || setInReserve(zone, key, value) || replaceValue(zone, key, value)
  );
}

function setInReserve(zone: Zone, key: string, value: string): boolean {
  const reserve = zone.get(RESERVE_KEY);
  if (reserve === undefined || reserve.length < value.length) return false;
  zone.delete(RESERVE_KEY);
  return hasRoom(() => zone.set(key, value));
}

/**
 * Makes the reserve of `replaceKept`, or a larger one, where there is room for it. After a value was set in the reserve, that is the
 * room of the value before.
 *
 * @param length of such a value
 */
export function keepReserve(zone: Zone, length: number): void {
  const size = Math.ceil(length / PAGE) * PAGE;
  if (size > zone.capacity * LARGEST_RESERVE) return;
  const reserve = zone.get(RESERVE_KEY);
  if (reserve === undefined || reserve.length < size) {
    setIfRoom(zone, RESERVE_KEY, ' '.repeat(size));
  }
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
