import type { Zone } from '../zone/dict';
import { findScan, findScanPart, putScan, putScanPart } from '../zone/notes';

// The state of a scan in the zone, from which any worker continues the scan. The list of the stems to check is stored in parts, so
// that no call reads or writes 10,000 stems at once, and each part fits into a zone that is nearly full.

export interface ScanState {
  /** The settings that the scan depends on. */
  settings: string;
  /** The stamp of the folder when it was listed; '' where it may have changed since. */
  folder: string;
  /** The clear token from before the folder was listed. */
  token: string;
  /** When the scan began, in milliseconds since 1970. */
  began: number;
  /** The number of stems in the list. */
  count: number;
  /** The number of stems that were checked. */
  done: number;
  /** When the scan ended, in milliseconds since 1970; 0 while it goes on. */
  ended: number;
  /** The reason why the folder could not be listed, or not all files stored; '' where there is none. */
  fault: string;
  /** The fault that was logged last; '' once a scan has ended without one. */
  logged: string;
}

/** The text of a state is padded to this length, in bytes. nginx allocates as much for any text longer than half of it. */
const STATE_LENGTH = 1024;

/** The number of stems in a part of the list. */
const PART_LENGTH = 64;

/** A character that no stem contains. */
const SEPARATOR = '/';

/** @returns null where no scan has begun */
export function readScanState(zone: Zone): ScanState | null {
  const text = findScan(zone);
  return text === undefined ? null : (JSON.parse(text) as ScanState);
}

/** @returns false where the zone has no room */
export function writeScanState(zone: Zone, state: ScanState): boolean {
  let text = JSON.stringify(state);
  // A text of equal length replaces the state before it even where the zone is full.
  while (text.length < STATE_LENGTH) text += ' ';
  return putScan(zone, text);
}

/**
 * The part of the list that has a stem.
 *
 * @param number of the stem in the list
 * @returns the stems of the part, and the index of the stem in these
 */
export function stemsAt(zone: Zone, number: number): { stems: string[]; at: number } {
  const part = findScanPart(zone, Math.floor(number / PART_LENGTH));
  return { stems: part ? part.split(SEPARATOR) : [], at: number % PART_LENGTH };
}

/**
 * All stems of the list.
 *
 * @param count the number of stems
 */
export function listedStems(zone: Zone, count: number): string[] {
  const parts: string[] = [];
  for (let at = 0; at < count; at += PART_LENGTH) parts.push(findScanPart(zone, at / PART_LENGTH));
  const text = parts.filter((part) => part !== '').join(SEPARATOR);
  return text ? text.split(SEPARATOR) : [];
}

/**
 * Replaces the list.
 *
 * @param before the number of stems in the list until now
 * @returns false where the zone has no room
 */
export function writeStems(zone: Zone, stems: string[], before: number): boolean {
  let hasRoom = true;
  for (let at = 0; at < Math.max(stems.length, before); at += PART_LENGTH) {
    const part = stems.slice(at, at + PART_LENGTH).join(SEPARATOR);
    hasRoom = putScanPart(zone, at / PART_LENGTH, part) && hasRoom;
  }
  return hasRoom;
}
