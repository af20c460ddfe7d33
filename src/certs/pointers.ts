import { scannedFileOf } from '../config/paths';
import type { Settings } from '../config/settings';
import { isFileKey, nameOf, rsaKey } from '../config/slot';
import { FIRST_TOKEN } from '../zone/clear_token';
import { type Zone, spaceOf } from '../zone/dict';
import { tryWithLocks } from '../zone/locks';
import type { RecordMeta } from '../zone/meta';
import {
  holdsPair,
  isPointer,
  makePointer,
  makeRecord,
  markStale,
  readMeta,
  targetOf,
} from '../zone/record';
import { findRecord, findSummary, putRecord, removeRecord } from '../zone/slots';
import { readFileSummary } from '../zone/summary';
import type { Context } from './context';
import { keepPointer } from './keep';
import { currentOf } from './stored';

// The index of what a scan has found: each file's pair under the file's key, and a pointer to it in the slot of each of its
// certificate's names. What else a slot may hold goes before: the pair of the name's own files, if they are elsewhere; and
// one that was put, until a clear, or until the file brings a newer pair.
//
// Where several files have a certificate for a name, the pointer knows all of them, and points to the best one: the name's
// own, then one that is valid now, then the one that expires last, then the first by its label. When that goes, there is
// another one at once.
//
// Who writes a file's record holds its lock, and those of all the slots that this concerns. Readers hold none: pointers are
// taken away before the record changes, and put in place after it.

/** This part of the zone is not for pairs that a scan has found: handshakes are to find room for pointers, and for locks. */
const RESERVED = 1 / 16;

/** Whether there is room for more pairs that a scan finds. */
export function isRoomy(zone: Zone): boolean {
  const { capacity, free } = spaceOf(zone);
  return free >= capacity * RESERVED;
}

/** The slots in which a certificate is served. */
export function slotsFor(settings: Settings, names: string[], isRsa: boolean): string[] {
  return isRsa && settings.certFileRsa !== '' ? names.map(rsaKey) : names;
}

/**
 * Stores or drops a file's record, and has the pointers follow. Only for who holds the file's lock.
 *
 * @param key of a file
 * @param record '' drops the one that is there
 * @returns false where another worker is busy with one of its slots: nothing was written
 */
export function keepFile(context: Context, zone: Zone, key: string, record: string): boolean {
  const { settings } = context;
  const names = readMeta(findRecord(zone, key) || '')?.found?.names || [];
  const found = readMeta(record)?.found;
  const slots = found ? slotsFor(settings, found.names, found.isRsa) : [];
  const left = names.concat(names.map(rsaKey)).filter((slot) => slots.indexOf(slot) < 0);
  return tryWithLocks(zone, slots.concat(left), ({ state }) => {
    if (state === 'busy') return false;
    left.forEach((slot) => {
      takePointer(context, zone, slot, key);
    });
    storeFile(zone, key, record);
    slots.forEach((slot) => {
      putPointer(context, zone, slot, key);
    });
    return true;
  });
}

/**
 * Puts a pointer to a file into a slot, or chooses anew between the files that it knows.
 *
 * @returns false where another worker is busy with the slot
 */
export function restorePointer(context: Context, zone: Zone, slot: string, key: string): boolean {
  return tryWithLocks(zone, [slot], ({ state }) => {
    if (state === 'busy') return false;
    putPointer(context, zone, slot, key);
    return true;
  });
}

/**
 * Puts pointers into slots that were emptied, to what a scan has found for them. What another worker is busy with, the next scan
 * does.
 *
 * @param keys of the zone, with those of files among them
 */
export function restorePointers(
  context: Context,
  zone: Zone,
  keys: string[],
  isEmptied: (slot: string) => boolean,
): void {
  keys.filter(isFileKey).forEach((key) => {
    const { names, isRsa } = readFileSummary(findSummary(zone, key));
    slotsFor(context.settings, names, isRsa)
      .filter(isEmptied)
      .forEach((slot) => {
        restorePointer(context, zone, slot, key);
      });
  });
}

/** Whether a slot's record is a pointer to that file, and says nothing else. */
export function pointsOnlyTo(record: string | undefined, key: string): boolean {
  if (record === undefined || !isPointer(record) || targetOf(record) !== key) return false;
  const meta = readMeta(record);
  return meta !== null && !meta.others && !meta.problem && !meta.files;
}

function storeFile(zone: Zone, key: string, record: string): void {
  if (record === '') {
    removeRecord(zone, key);
    return;
  }
  const hasPlace = isRoomy(zone) || holdsPair(findRecord(zone, key) || '');
  if (hasPlace && putRecord(zone, key, record)) return;
  // What is known of it, at least: each handshake reads the pair from its files then.
  removeRecord(zone, key);
  putRecord(zone, key, markStale(makeRecord(FIRST_TOKEN, readMeta(record) as RecordMeta, null)));
}

function putPointer(context: Context, zone: Zone, slot: string, key: string): void {
  const { settings } = context;
  const held = heldIn(context, zone, slot);
  const meta = readMeta(held);
  const isOwn = scannedFileOf(settings, slot) === key;
  if (
    meta &&
    holdsPair(held) &&
    !givesWay(settings, meta, isOwn, readMeta(findRecord(zone, key) || ''))
  )
    return;
  const known = isPointer(held) && meta ? filesIn(held, meta) : [];
  pointTo(context, zone, slot, known.indexOf(key) < 0 ? known.concat(key) : known);
}

/** A slot's record: after a start that is in the store alone. */
function heldIn(context: Context, zone: Zone, slot: string): string {
  const record = findRecord(zone, slot);
  return (record === undefined ? currentOf(context, slot, undefined).record : record) || '';
}

function takePointer(context: Context, zone: Zone, slot: string, key: string): void {
  const held = heldIn(context, zone, slot);
  const meta = readMeta(held);
  if (!isPointer(held) || !meta) return;
  const known = filesIn(held, meta);
  if (known.indexOf(key) < 0) return;
  pointTo(
    context,
    zone,
    slot,
    known.filter((one) => one !== key),
  );
}

/**
 * Whether a slot's pair gives way to that of a file.
 *
 * @param isOwn whether the slot's pair is from that file if it is from one
 */
function givesWay(
  settings: Settings,
  meta: RecordMeta,
  isOwn: boolean,
  file: RecordMeta | null,
): boolean {
  if (meta.source === 'disk') return isOwn;
  if (meta.source === 'etcd' && settings.followsEtcd) return false;
  const isNewer = file !== null && meta.loadedAt < file.loadedAt;
  return meta.files === '' && (meta.isCleared === true || isNewer);
}

/** All files that a pointer knows. */
function filesIn(pointer: string, meta: RecordMeta): string[] {
  return [targetOf(pointer)].concat(meta.others || []);
}

function pointTo(context: Context, zone: Zone, slot: string, keys: string[]): void {
  const held = heldIn(context, zone, slot);
  const meta = readMeta(held);
  const files = keys.length > 1 ? ranked(context.settings, zone, slot, keys) : keys;
  const best = files[0];
  const others = files.slice(1);
  if (best === undefined) {
    keepPointer(context, slot, '', []);
    removeRecord(zone, slot);
    return;
  }
  const rest: Partial<RecordMeta> = others.length > 0 ? { others } : {};
  // The name's own files were refused.
  if (meta?.problem && !holdsPair(held)) {
    rest.files = meta.files;
    rest.problem = meta.problem;
    if (meta.etcd !== undefined) rest.etcd = meta.etcd;
  }
  const isSame =
    isPointer(held) &&
    meta !== null &&
    targetOf(held) === best &&
    (meta.others || []).join() === others.join();
  if (!isSame) keepPointer(context, slot, best, others);
  if (!isSame || findRecord(zone, slot) === undefined) {
    putRecord(zone, slot, makePointer(best, rest));
  }
}

interface Candidate {
  key: string;
  isOwn: boolean;
  isValid: boolean;
  notAfter: number;
}

/** Those of some files that have a certificate for a slot's name, the best one first. */
function ranked(settings: Settings, zone: Zone, slot: string, keys: string[]): string[] {
  const now = Date.now() / 1000;
  const name = nameOf(slot);
  const own = scannedFileOf(settings, slot);
  const candidates: Candidate[] = [];
  keys.forEach((key) => {
    const meta = readMeta(findRecord(zone, key) || '');
    if (!meta?.found || meta.found.names.indexOf(name) < 0) return;
    const { notAfter, found } = meta;
    const isValid = found.notBefore <= now && now <= notAfter;
    candidates.push({ key, isOwn: key === own, isValid, notAfter });
  });
  return candidates.sort(better).map(({ key }) => key);
}

function better(a: Candidate, b: Candidate): number {
  if (a.isOwn !== b.isOwn) return a.isOwn ? -1 : 1;
  if (a.isValid !== b.isValid) return a.isValid ? -1 : 1;
  if (a.notAfter !== b.notAfter) return b.notAfter - a.notAfter;
  return a.key < b.key ? -1 : 1;
}
