import { isFileKey } from '../config/slot';
import { timeSlicer } from '../engine/yielding';
import { type Zone, hasRoom, keepReserve, replaceKept, replaceValue } from './dict';
import { holdsPair, isPointer, isVersion, readMeta, targetOf } from './record';
import { readSummary, summaryOf, summaryOfLeftOut } from './summary';

const SUMMARY_PREFIX = '#summary:';

/** njs lists 1024 keys where it is not told a number. */
const MOST_KEYS = 0x7fffffff;

/**
 * The value under the key of a slot. `readMeta` tells whether it is a record.
 *
 * @returns undefined where there is none
 */
export function findRecord(zone: Zone, name: string): string | undefined {
  return zone.get(name);
}

/**
 * Stores a record. The caller must hold the slot's lock.
 *
 * @param name the slot's key
 * @returns false where the zone has no room. The record that was there stays then
 */
export function putRecord(zone: Zone, name: string, record: string): boolean {
  const replace = isInZoneAlone(findRecord(zone, name) || '') ? replaceKept : replaceValue;
  if (!replace(zone, name, record)) return false;
  putSummary(zone, name, summaryOf(record, isFileKey(name)));
  if (isInZoneAlone(record)) keepReserve(zone, record.length);
  return true;
}

/** Whether a record has a pair that is neither in a file nor in a store. */
function isInZoneAlone(record: string): boolean {
  if (isVersion(record) || !holdsPair(record)) return false;
  const meta = readMeta(record);
  return meta !== null && (meta.source !== 'disk' || meta.problem !== undefined);
}

/** Stores a record whose meta has not changed since it was stored: its summary stays. The caller must hold the slot's lock. */
export function touchRecord(zone: Zone, name: string, record: string): void {
  replaceValue(zone, name, record);
}

function putSummary(zone: Zone, name: string, summary: string): void {
  const key = SUMMARY_PREFIX + name;
  const held = zone.get(key);
  if (summary === '') {
    zone.delete(key);
    return;
  }
  // A look that found nothing new writes nothing here, and a full zone keeps its last page for records.
  if (held === summary || (held === undefined && zone.freeSpace() === 0)) return;
  // No summary is better than that of another record.
  if (!hasRoom(() => zone.set(key, summary))) zone.delete(key);
}

/**
 * Notes the stamp of a scanned file that no name is served from: as a summary without a record, which is neither listed nor
 * counted.
 *
 * @param key the file's
 * @param stamp '' removes the note
 */
export function noteLeftOut(zone: Zone, key: string, stamp: string): void {
  putSummary(zone, key, stamp && summaryOfLeftOut(stamp));
}

/**
 * Removes a record. The caller must hold the slot's lock.
 *
 * @param name the slot's key
 */
export function removeRecord(zone: Zone, name: string): void {
  zone.delete(name);
  zone.delete(SUMMARY_PREFIX + name);
}

/**
 * All keys of the zone, in no order. njs lists them only all at once, which takes some milliseconds for 10,000 names with two
 * keys each. Other workers can read meanwhile, and writes wait.
 */
export function keysOf(zone: Zone): string[] {
  return zone.keys(MOST_KEYS);
}

/** Whether a key is that of a slot with a record, with a pair or without. */
export function isSlot(key: string): boolean {
  return key.charAt(0) !== '#';
}

/**
 * The summary of a slot's record. A pointer has that of the file's record.
 *
 * @returns '' where the record was removed meanwhile
 */
export function findSummary(zone: Zone, slot: string): string {
  const summary = zone.get(SUMMARY_PREFIX + slot);
  if (summary !== undefined) return summary;
  const record = findRecord(zone, slot) || '';
  if (isPointer(record)) return findSummary(zone, targetOf(record));
  // There may have been no room for the summary.
  return summaryOf(record, isFileKey(slot));
}

/** The slot's last value in etcd, as in RecordMeta; '' where there is none. */
export function findVersion(zone: Zone, slot: string): string {
  const summary = zone.get(SUMMARY_PREFIX + slot);
  return summary === undefined
    ? readMeta(findRecord(zone, slot) || '')?.etcd || ''
    : readSummary(summary).etcd;
}

/** The number of keys between two looks at the clock: they take some milliseconds. */
const KEYS = 1000;

/**
 * Goes through the keys of all slots that have a record, in slices and in no order.
 *
 * @param keys of `keysOf`
 */
export async function eachSlice(keys: string[], work: (slots: string[]) => void): Promise<void> {
  const yieldIfDue = timeSlicer();
  for (let at = 0; at < keys.length; at += KEYS) {
    work(keys.slice(at, at + KEYS).filter(isSlot));
    await yieldIfDue();
  }
}
