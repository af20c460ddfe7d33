import {
  FIRST_TOKEN,
  factsOf,
  isPointer,
  isRecent,
  readSummary,
  summaryOf,
  summaryOfLeftOut,
  targetOf,
  timestamp,
} from './record';
import { isFileKey } from './slot';
import { isRunning } from './worker';

// The only file that touches ngx.shared. The keys of the records are those of slots, most of them names; the keys that
// begin with `#`, which no name does, are this file's own, and no value of theirs passes for a record.

export type Zone = NgxSharedDict<string>;

const CLEAR_KEY = '#clear';
const LOCK_PREFIX = '#lock:';
const SUMMARY_PREFIX = '#summary:';
const COUNTS_PREFIX = '#counts:';
const SCAN_KEY = '#scan';
const NOTE_PREFIX = '#etcd:';

/** A load takes about a millisecond. Who holds a lock for longer is held up, and nobody knows for how long. */
const LOCK_LIFETIME_MS = 5000;

/** njs lists 1024 keys unless told. */
const MOST_KEYS = 0x7fffffff;

/** In the zone of the negative answers: when it had no room. */
const FULL_KEY = '#full';

/** What a negative answer may take at most in pages of its own: one for the key, one for the value. */
const MISS_SPACE = 2 * 4096;

/** In the place of a token: a negative answer that a clear took back. */
const TAKEN_BACK = 'taken-back--';

/** The zone of that name, or undefined where none is declared. */
export function zoneNamed(name: string): Zone | undefined {
  return ngx.shared[name] as Zone | undefined;
}

/** The zone that holds the negative answers beside a zone, or undefined where none is declared. */
export function missesOf(name: string): Zone | undefined {
  return zoneNamed(missesName(name));
}

export function missesName(name: string): string {
  return `${name}_misses`;
}

/** The clear token: a record with another one is stale. */
export function clearToken(zone: Zone): string {
  const token = zone.get(CLEAR_KEY);
  // With one of another length nothing in a record would be at its offset.
  return token !== undefined && token.length === FIRST_TOKEN.length ? token : FIRST_TOKEN;
}

/**
 * Makes every record and every negative answer of the zone stale, whatever their number.
 *
 * @throws SharedMemoryError where the zone is full
 */
export function clearAll(zone: Zone): void {
  const random = Math.floor(Math.random() * 0x10000);
  // Two clears at once are one: it does no harm if they should make the same token.
  zone.set(CLEAR_KEY, Date.now().toString(36) + `000${random.toString(16)}`.slice(-4));
}

/**
 * Gives the clear token its place while there is room: its later values take the same, also in a full zone.
 */
export function reserveToken(zone: Zone): void {
  if (zone.get(CLEAR_KEY) === undefined) hasRoom(() => zone.add(CLEAR_KEY, FIRST_TOKEN));
}

/** What is held under a name; undefined: nothing. Whether it is a record, `factsOf` tells. */
export function find(zone: Zone, name: string): string | undefined {
  return zone.get(name);
}

/**
 * Stores a record. Only for who holds the name's lock.
 *
 * @returns false where the zone has no room; what was there stays
 */
export function put(zone: Zone, name: string, record: string): boolean {
  const isStored = replaceValue(zone, name, record);
  if (isStored) putSummary(zone, name, summaryOf(record, isFileKey(name)));
  return isStored;
}

/** @returns false where the zone has no room; what was there stays */
function replaceValue(zone: Zone, key: string, value: string): boolean {
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

function putSummary(zone: Zone, name: string, summary: string): void {
  const key = SUMMARY_PREFIX + name;
  const held = zone.get(key);
  if (summary === '') {
    zone.delete(key);
    return;
  }
  // A name that is held takes no more room than it has, and a look that found nothing new writes nothing here.
  if (held === summary || (held === undefined && zone.freeSpace() === 0)) return;
  // Better none than one of another record.
  if (!hasRoom(() => zone.set(key, summary))) zone.delete(key);
}

/**
 * Notes what a file looked like that has no record because it is nobody's to serve: as a summary alone, which is listed and
 * counted nowhere.
 *
 * @param identity '' forgets it
 */
export function noteLeftOut(zone: Zone, key: string, identity: string): void {
  putSummary(zone, key, identity && summaryOfLeftOut(identity));
}

/** Drops a record. Only for who holds the name's lock. */
export function remove(zone: Zone, name: string): void {
  zone.delete(name);
  zone.delete(SUMMARY_PREFIX + name);
}

/**
 * All keys, names and others, in no order. They come only all at once, which takes some milliseconds for the two keys each
 * of 10,000 names; meanwhile other workers read on, and who writes, waits.
 */
export function keysOf(zone: Zone): string[] {
  return zone.keys(MOST_KEYS);
}

/** Whether a key is that of a slot with a record, with a pair or without. */
export function isSlot(key: string): boolean {
  return key.charAt(0) !== '#';
}

/** The summary of a slot's record, of a pointer that of what it points to; '' where it was dropped since. */
export function findSummary(zone: Zone, slot: string): string {
  const summary = zone.get(SUMMARY_PREFIX + slot);
  if (summary !== undefined) return summary;
  const record = find(zone, slot) || '';
  if (isPointer(record)) return findSummary(zone, targetOf(record));
  // There may have been room for the record alone.
  return summaryOf(record, isFileKey(slot));
}

/** The newest value of etcd in a slot, taken or refused, as `Facts` have it; '' where there is none. */
export function findVersion(zone: Zone, slot: string): string {
  const summary = zone.get(SUMMARY_PREFIX + slot);
  return summary === undefined
    ? factsOf(find(zone, slot) || '')?.etcd || ''
    : readSummary(summary).etcd;
}

/** How far the scan is, as `putScan` was given it; undefined: there was none. */
export function findScan(zone: Zone): string | undefined {
  return zone.get(SCAN_KEY);
}

/** @returns false where the zone has no room */
export function putScan(zone: Zone, state: string): boolean {
  return replaceValue(zone, SCAN_KEY, state);
}

/** A part of the list of what there is to scan; '' where there is none of that number. */
export function findScanPart(zone: Zone, number: number): string {
  return zone.get(`${SCAN_KEY}:${number}`) || '';
}

/**
 * @param part '' takes it away
 * @returns false where the zone has no room
 */
export function putScanPart(zone: Zone, number: number, part: string): boolean {
  const key = `${SCAN_KEY}:${number}`;
  if (part !== '') return replaceValue(zone, key, part);
  zone.delete(key);
  return true;
}

/** How large a zone is, and how much of that no page is taken of; both in bytes. */
export function spaceOf(zone: Zone): { capacity: number; free: number } {
  return { capacity: zone.capacity, free: zone.freeSpace() };
}

/** What this worker has counted, and those that had its number before; undefined: nothing yet. */
export function findOwnCounts(zone: Zone): string | undefined {
  return zone.get(`${COUNTS_PREFIX}${ngx.worker_id}`);
}

/** Writes down what this worker has counted. What a full zone has no room for is not counted. */
export function putOwnCounts(zone: Zone, counts: string): void {
  replaceValue(zone, `${COUNTS_PREFIX}${ngx.worker_id}`, counts);
}

/**
 * What each worker has counted.
 *
 * @param keys of `keysOf`
 */
export function findCounts(zone: Zone, keys: string[]): string[] {
  return keys.filter((key) => key.startsWith(COUNTS_PREFIX)).map((key) => zone.get(key) || '{}');
}

/** What the rounds that follow etcd write down for the next one, in whichever worker. */
export type Note = 'state' | 'token' | 'failure' | 'follower' | 'success';

export function findNote(zone: Zone, note: Note): string | undefined {
  return zone.get(NOTE_PREFIX + note);
}

/** @returns false where the zone has no room; what was there stays */
export function putNote(zone: Zone, note: Note, text: string): boolean {
  return replaceValue(zone, NOTE_PREFIX + note, text);
}

export function dropNote(zone: Zone, note: Note): void {
  zone.delete(NOTE_PREFIX + note);
}

/** Does a write; false where the zone has no room for it. Other errors are thrown on. */
function hasRoom(write: () => unknown): boolean {
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

/**
 * Takes the right to write a name's record. Who does not get it must not write; readers need none.
 *
 * @returns a ticket for `unlock`; undefined: another worker holds the lock
 * @throws SharedMemoryError where the zone has no room for a lock
 */
export function lock(zone: Zone, name: string): string | undefined {
  const key = LOCK_PREFIX + name;
  // The process number tells two workers' tickets apart, the time two of one worker.
  const ticket = `${timestamp()}:${process.pid}`;
  if (zone.add(key, ticket)) return ticket;
  const holder = zone.get(key);
  if (holder === undefined || isHeld(holder)) return undefined;
  const popped = zone.pop(key);
  // Another worker was faster to break it, and what it put there is good.
  if (popped !== undefined && popped !== holder) zone.add(key, popped);
  return zone.add(key, ticket) ? ticket : undefined;
}

/** Whether who has a ticket is still at it, and was not killed. */
function isHeld(ticket: string): boolean {
  const pid = Number(ticket.slice(ticket.indexOf(':') + 1));
  return isRecent(ticket, 0, LOCK_LIFETIME_MS) && isRunning(pid);
}

/** @returns a ticket; null: another worker holds the lock; undefined: the zone has no room for one */
export function lockIfRoom(zone: Zone, name: string): string | null | undefined {
  try {
    return lock(zone, name) ?? null;
  } catch (e) {
    if (isZoneFull(e)) return undefined;
    throw e;
  }
}

/** Whether the lock is still the ticket's: it was not held for too long and broken. */
export function isLocked(zone: Zone, name: string, ticket: string): boolean {
  return zone.get(LOCK_PREFIX + name) === ticket;
}

export function unlock(zone: Zone, name: string, ticket: string): void {
  if (isLocked(zone, name, ticket)) zone.delete(LOCK_PREFIX + name);
}

/** Whether it was found not long ago that a name has no files. The hot path asks this. */
export function isMissing(misses: Zone, name: string, token: string, interval: number): boolean {
  const miss = misses.get(name);
  return miss !== undefined && miss.startsWith(token) && isRecent(miss, token.length, interval);
}

/**
 * Makes room for a new negative answer. To be called before the files are looked for: what `forgetMissing` puts there
 * after that stays, and `noteMissing` then finds it.
 */
export function expireMissing(misses: Zone, name: string): void {
  const miss = misses.get(name);
  if (miss === undefined) return;
  if (miss.startsWith(TAKEN_BACK) && isRecent(miss, TAKEN_BACK.length, LOCK_LIFETIME_MS)) return;
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
  if (full !== undefined && isRecent(full, 0, LOCK_LIFETIME_MS)) return;
  hasRoom(() => misses.add(name, token + timestamp()));
}

/** Takes back the negative answer for a name, also one that another worker is about to note. */
export function forgetMissing(misses: Zone, name: string): void {
  if (!hasRoom(() => misses.set(name, TAKEN_BACK + timestamp()))) misses.delete(name);
}
