import { isWithin, timestamp } from '../engine/clock';
import { type Zone, hasRoom, zoneNamed } from './dict';
import { LOCK_LIFETIME_MS } from './locks';

/** The key of the time at which the zone of negative answers had no room. */
const FULL_KEY = '#full';

/** The room that a negative answer takes at most, in bytes: a page for its key and a page for its value. */
const MISS_SPACE = 2 * 4096;

/** Stands in the place of the token in a negative answer that was taken back. */
const TAKEN_BACK = 'taken-back--';

/** The name of the zone of negative answers is that of the zone of records and this. */
export const MISSES_SUFFIX = '_misses';

/**
 * The zone of the negative answers.
 *
 * @param name that of the zone of records
 * @returns undefined where none is declared
 */
export function missesOf(name: string): Zone | undefined {
  return zoneNamed(name + MISSES_SUFFIX);
}

/**
 * Whether there is a negative answer for a slot that is fresh. The hot path calls it.
 *
 * @param name the slot's key
 * @param token the clear token of the zone of records
 * @param interval in milliseconds; 0 where only a clear makes it stale
 */
export function isMissing(misses: Zone, name: string, token: string, interval: number): boolean {
  const miss = misses.get(name);
  return miss !== undefined && miss.startsWith(token) && isWithin(miss, token.length, interval);
}

/**
 * Removes an old negative answer. The caller looks for the files after this: if `forgetMissing` is called meanwhile, `noteMissing`
 * finds its mark and notes nothing.
 *
 * @param name the slot's key
 */
export function expireMissing(misses: Zone, name: string): void {
  const miss = misses.get(name);
  if (miss === undefined) return;
  if (miss.startsWith(TAKEN_BACK) && isWithin(miss, TAKEN_BACK.length, LOCK_LIFETIME_MS)) return;
  misses.delete(name);
}

/**
 * Notes that a slot has no files, unless it was cleared while they were looked for. A full zone is emptied.
 *
 * @param name the slot's key
 * @param token the clear token as it was before the files were looked for
 */
export function noteMissing(misses: Zone, name: string, token: string): void {
  // nginx evicts only after an allocation has failed, and logs that as critical: a client could cause such lines with made-up names.
  if (misses.freeSpace() < MISS_SPACE) {
    misses.clear();
    hasRoom(() => misses.set(FULL_KEY, timestamp()));
  }
  // The marks of `forgetMissing` were emptied as well, and a worker that looked before them may come here only now.
  const full = misses.get(FULL_KEY);
  if (full !== undefined && isWithin(full, 0, LOCK_LIFETIME_MS)) return;
  hasRoom(() => misses.add(name, token + timestamp()));
}

/**
 * Takes back the negative answer for a slot, also one that another worker is about to note.
 *
 * @param name the slot's key
 */
export function forgetMissing(misses: Zone, name: string): void {
  if (!hasRoom(() => misses.set(name, TAKEN_BACK + timestamp()))) misses.delete(name);
}
