import type { Zone } from '../zone/dict';
import { findScan, findScanPart, putScan, putScanPart } from '../zone/notes';

// How far the scan is, in the zone: any worker goes on where another one stopped. What there is to look at is listed in
// parts, so that nobody reads or writes 10,000 labels at once, and that each part finds a place in a zone that is nearly full.

export interface ScanState {
  /** The settings that it is for. */
  settings: string;
  /** The identity of the folder when it was listed; '': it may be another one by now. */
  folder: string;
  /** The clear token from before the folder was listed, and when that was, in milliseconds since 1970. */
  token: string;
  began: number;
  /** The number of labels, and how many of them were looked at. */
  count: number;
  done: number;
  /** When it ended, in milliseconds since 1970; 0: it goes on. */
  ended: number;
  /** What kept it from listing the folder, or from storing what it found; '': nothing. */
  fault: string;
  /** The last of these that was logged, until a scan has none. */
  said: string;
}

/** What nginx gives a text that is longer than half of it, in bytes. */
const PLACE = 1024;

/** Labels in a part of the list. */
const PART = 64;

/** What no label holds. */
const SEPARATOR = '/';

export function readScanState(zone: Zone): ScanState | null {
  const text = findScan(zone);
  return text === undefined ? null : (JSON.parse(text) as ScanState);
}

/** @returns false where the zone has no room */
export function writeScanState(zone: Zone, state: ScanState): boolean {
  let text = JSON.stringify(state);
  // A zone that is full has the place of the last one, and no larger one for what is wrong.
  while (text.length < PLACE) text += ' ';
  return putScan(zone, text);
}

/** The part of the list that holds a label, and where in that it is. */
export function stemsAt(zone: Zone, number: number): { stems: string[]; at: number } {
  const part = findScanPart(zone, Math.floor(number / PART));
  return { stems: part ? part.split(SEPARATOR) : [], at: number % PART };
}

/** All labels of the list. */
export function listedStems(zone: Zone, count: number): string[] {
  const parts: string[] = [];
  for (let at = 0; at < count; at += PART) parts.push(findScanPart(zone, at / PART));
  const text = parts.filter((part) => part !== '').join(SEPARATOR);
  return text ? text.split(SEPARATOR) : [];
}

/**
 * Replaces the list.
 *
 * @param before how many labels the last one had
 * @returns false where the zone has no room
 */
export function writeStems(zone: Zone, stems: string[], before: number): boolean {
  let hasRoom = true;
  for (let at = 0; at < Math.max(stems.length, before); at += PART) {
    const part = stems.slice(at, at + PART).join(SEPARATOR);
    hasRoom = putScanPart(zone, at / PART, part) && hasRoom;
  }
  return hasRoom;
}
