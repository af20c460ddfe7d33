import { isFileKey } from '../config/slot';
import { timeSlicer } from '../engine/yielding';
import { type Zone, hasRoom, replaceValue } from './dict';
import { isPointer, readMeta, targetOf } from './record';
import { readSummary, summaryOf, summaryOfLeftOut } from './summary';

const SUMMARY_PREFIX = '#summary:';

/** njs lists 1024 keys unless told. */
const MOST_KEYS = 0x7fffffff;

/** What is held under a name; undefined: nothing. Whether it is a record, `factsOf` tells. */
export function findRecord(zone: Zone, name: string): string | undefined {
  return zone.get(name);
}

/**
 * Stores a record. Only for who holds the name's lock.
 *
 * @returns false where the zone has no room; what was there stays
 */
export function putRecord(zone: Zone, name: string, record: string): boolean {
  const isStored = replaceValue(zone, name, record);
  if (isStored) putSummary(zone, name, summaryOf(record, isFileKey(name)));
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
export function noteLeftOut(zone: Zone, key: string, stamp: string): void {
  putSummary(zone, key, stamp && summaryOfLeftOut(stamp));
}

/** Drops a record. Only for who holds the name's lock. */
export function removeRecord(zone: Zone, name: string): void {
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
  const record = findRecord(zone, slot) || '';
  if (isPointer(record)) return findSummary(zone, targetOf(record));
  // There may have been room for the record alone.
  return summaryOf(record, isFileKey(slot));
}

/** The newest value of etcd in a slot, taken or refused, as `Facts` have it; '' where there is none. */
export function findVersion(zone: Zone, slot: string): string {
  const summary = zone.get(SUMMARY_PREFIX + slot);
  return summary === undefined
    ? readMeta(findRecord(zone, slot) || '')?.etcd || ''
    : readSummary(summary).etcd;
}

/** Keys that are looked at before the time is: some milliseconds. Half of them are slots. */
const KEYS = 1000;

/**
 * Goes through the keys of all slots with a record, with a pair or without, in no order, in slices.
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
