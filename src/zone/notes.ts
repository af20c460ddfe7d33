import { type Zone, replaceValue } from './dict';

// Notes that workers leave for each other: the state of scans, of etcd and of the store's sweep, and the faults that were logged.

const SCAN_KEY = '#scan';

const NOTE_PREFIX = '#etcd:';

/** The state of the scan, as `putScan` got it; undefined where there is none. */
export function findScan(zone: Zone): string | undefined {
  return zone.get(SCAN_KEY);
}

/**
 * Stores the state of the scan.
 *
 * @returns false where the zone has no room
 */
export function putScan(zone: Zone, state: string): boolean {
  return replaceValue(zone, SCAN_KEY, state);
}

/** A part of the list of files to scan; '' where there is none of that number. */
export function findScanPart(zone: Zone, number: number): string {
  return zone.get(`${SCAN_KEY}:${number}`) || '';
}

/**
 * Stores a part of the list of files to scan.
 *
 * @param part '' removes it
 * @returns false where the zone has no room
 */
export function putScanPart(zone: Zone, number: number, part: string): boolean {
  const key = `${SCAN_KEY}:${number}`;
  if (part !== '') return replaceValue(zone, key, part);
  zone.delete(key);
  return true;
}

/** The notes of a round that follows etcd, for the next round, which another worker may do. */
export type Note = 'state' | 'token' | 'failure' | 'follower' | 'success';

/** The text of a note; undefined where there is none. */
export function findNote(zone: Zone, note: Note): string | undefined {
  return zone.get(NOTE_PREFIX + note);
}

/**
 * Stores a note.
 *
 * @returns false where the zone has no room. The note that was there stays then
 */
export function putNote(zone: Zone, note: Note, text: string): boolean {
  return replaceValue(zone, NOTE_PREFIX + note, text);
}

/** Removes a note. */
export function dropNote(zone: Zone, note: Note): void {
  zone.delete(NOTE_PREFIX + note);
}

const SAID_PREFIX = '#said:';

/**
 * Whether a fault has to be logged: it is not the last one that was logged. After a call without a fault the next one is logged
 * again. Where the zone has no room for the note, each one is logged.
 *
 * @param about the part of the program that has the fault
 * @param fault its message; '' for none
 */
export function isNewToSay(zone: Zone, about: string, fault: string): boolean {
  const key = SAID_PREFIX + about;
  const last = zone.get(key) || '';
  if (fault === last) return false;
  if (fault === '') zone.delete(key);
  else replaceValue(zone, key, fault);
  return fault !== '';
}

const SWEPT_KEY = '#swept';

/** The time at which a sweep of the store last came to its end, in the form of `timestamp`; undefined where none did. */
export function findSwept(zone: Zone): string | undefined {
  return zone.get(SWEPT_KEY);
}

/** Notes that a sweep of the store came to its end. */
export function putSwept(zone: Zone, time: string): void {
  replaceValue(zone, SWEPT_KEY, time);
}

const SHARD_PREFIX = '#shard:';

/**
 * The stamp that a shard of the store had when all its names last got records; undefined where they never did.
 *
 * @param shard its path below the store's root
 */
export function findShardStamp(zone: Zone, shard: string): string | undefined {
  return zone.get(SHARD_PREFIX + shard);
}

/** Notes that all names of a shard have records. */
export function putShardStamp(zone: Zone, shard: string, stamp: string): void {
  replaceValue(zone, SHARD_PREFIX + shard, stamp);
}
