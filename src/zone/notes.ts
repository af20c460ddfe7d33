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
