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

// The index of the certificates that a scan has found. A file's pair has a record under the file's key, and the slot of each
// name in its certificate has a pointer to that record. Two other kinds of pairs win over a pointer: the pair of the name's own
// files, where these are elsewhere, and a pair that was put, until a clear or until the file brings a newer pair.
//
// Where several files have a certificate for one name, the pointer knows all of them and leads to the best: the name's own
// file, then a certificate that is valid now, then the one that expires last, then the first stem. If that file goes, the next
// one serves the name at once.
//
// A worker that writes a file's record holds the lock of the file and the locks of all slots concerned. Readers hold no lock,
// so pointers are removed before the record changes, and made after it.

/** The share of the zone that pairs of a scan leave free, so that handshakes find room for pointers and locks. */
const RESERVED = 1 / 16;

/** Whether the zone has room for more pairs of a scan. */
export function isRoomy(zone: Zone): boolean {
  const { capacity, free } = spaceOf(zone);
  return free >= capacity * RESERVED;
}

/** The slots that serve a certificate: those of its names, in the RSA slot where it has an RSA key and there is one. */
export function slotsFor(settings: Settings, names: string[], isRsa: boolean): string[] {
  return isRsa && settings.certFileRsa !== '' ? names.map(rsaKey) : names;
}

/**
 * Stores or drops a file's record, and changes the pointers accordingly. The caller must hold the file's lock.
 *
 * @param key the file's key
 * @param record the new record; '' drops the current one
 * @returns false, with nothing written, where another worker holds the lock of one of the slots
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
 * Makes a slot's pointer lead to a file, or to the best of the files that it knows.
 *
 * @param key the file's key
 * @returns false where another worker holds the slot's lock
 */
export function restorePointer(context: Context, zone: Zone, slot: string, key: string): boolean {
  return tryWithLocks(zone, [slot], ({ state }) => {
    if (state === 'busy') return false;
    putPointer(context, zone, slot, key);
    return true;
  });
}

/**
 * Makes pointers in slots that were emptied, to the files that a scan has found for them. A slot that another worker has locked
 * is left to the next scan.
 *
 * @param keys keys of the zone, among them those of files
 * @param isEmptied whether a slot was emptied
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

/** Whether a slot's record is a pointer to one file alone, and notes no problem of the name's own files. */
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
  // Without room the record keeps the meta alone, and each handshake reads the pair.
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
    keepPointer(context, slot, held, '', []);
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
  if (!isSame) keepPointer(context, slot, held, best, others);
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
