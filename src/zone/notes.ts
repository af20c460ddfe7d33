import { type Zone, replaceValue } from './dict';

const SCAN_KEY = '#scan';

const NOTE_PREFIX = '#etcd:';

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

const SAID_PREFIX = '#said:';

/**
 * Whether a fault has to be logged: it is another one than the last, or the first. It is said once, and again after it was
 * gone. What a full zone has no room to note is said each time.
 *
 * @param about what it is about
 * @param fault '' for none
 */
export function isNewToSay(zone: Zone, about: string, fault: string): boolean {
  const key = SAID_PREFIX + about;
  const last = zone.get(key) || '';
  if (fault === last) return false;
  if (fault === '') zone.delete(key);
  else replaceValue(zone, key, fault);
  return fault !== '';
}

/** The fault that was last said; '' where there is none. */
export function findSaid(zone: Zone, about: string): string {
  return zone.get(SAID_PREFIX + about) || '';
}

const SWEPT_KEY = '#swept';

/** When a sweep of the store last came to its end, in the form of `timestamp`; undefined: never. */
export function findSwept(zone: Zone): string | undefined {
  return zone.get(SWEPT_KEY);
}

export function putSwept(zone: Zone, time: string): void {
  replaceValue(zone, SWEPT_KEY, time);
}

const SHARD_PREFIX = '#shard:';

/** How a folder of the store was when all its names were last given records; undefined: they never were. */
export function findShardStamp(zone: Zone, shard: string): string | undefined {
  return zone.get(SHARD_PREFIX + shard);
}

export function putShardStamp(zone: Zone, shard: string, stamp: string): void {
  replaceValue(zone, SHARD_PREFIX + shard, stamp);
}
