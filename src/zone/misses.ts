import { isWithin, timestamp } from '../engine/clock';
import { type Zone, hasRoom, zoneNamed } from './dict';
import { LOCK_LIFETIME_MS } from './locks';

/** In the zone of the negative answers: when it had no room. */
const FULL_KEY = '#full';

/** What a negative answer may take at most in pages of its own: one for the key, one for the value. */
const MISS_SPACE = 2 * 4096;

/** In the place of a token: a negative answer that a clear took back. */
const TAKEN_BACK = 'taken-back--';

/** The zone that holds the negative answers beside a zone, or undefined where none is declared. */
export function missesOf(name: string): Zone | undefined {
  return zoneNamed(missesName(name));
}

export function missesName(name: string): string {
  return `${name}_misses`;
}

/** Whether it was found not long ago that a name has no files. The hot path asks this. */
export function isMissing(misses: Zone, name: string, token: string, interval: number): boolean {
  const miss = misses.get(name);
  return miss !== undefined && miss.startsWith(token) && isWithin(miss, token.length, interval);
}

/**
 * Makes room for a new negative answer. To be called before the files are looked for: what `forgetMissing` puts there
 * after that stays, and `noteMissing` then finds it.
 */
export function expireMissing(misses: Zone, name: string): void {
  const miss = misses.get(name);
  if (miss === undefined) return;
  if (miss.startsWith(TAKEN_BACK) && isWithin(miss, TAKEN_BACK.length, LOCK_LIFETIME_MS)) return;
  misses.delete(name);
}

/** Notes that a name has no files, unless it was cleared while they were looked for. A full zone is emptied. */
export function noteMissing(misses: Zone, name: string, token: string): void {
  // nginx evicts only after an allocation has failed, and logs that as critical: once for every few names made up.
  if (misses.freeSpace() < MISS_SPACE) {
    misses.clear();
    hasRoom(() => misses.set(FULL_KEY, timestamp()));
  }
  // What was taken back went with the rest, and who looked before that may only now come here to note it.
  const full = misses.get(FULL_KEY);
  if (full !== undefined && isWithin(full, 0, LOCK_LIFETIME_MS)) return;
  hasRoom(() => misses.add(name, token + timestamp()));
}

/** Takes back the negative answer for a name, also one that another worker is about to note. */
export function forgetMissing(misses: Zone, name: string): void {
  if (!hasRoom(() => misses.set(name, TAKEN_BACK + timestamp()))) misses.delete(name);
}
