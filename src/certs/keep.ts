import { placeEntry, removeEntry } from '../disk/entries';
import type { Condition } from '../disk/place';
import { type Store, versionPath } from '../disk/store';
import { retire } from '../disk/versions';
import { isWithin, timestamp } from '../engine/clock';
import { type Pair, readPair } from '../x509/pair';
import { count } from '../zone/counters';
import type { LockAttempt } from '../zone/locks';
import type { RecordMeta } from '../zone/meta';
import { findSwept, isNewToSay, putSwept } from '../zone/notes';
import {
  checkedAtText,
  holdsPair,
  isVersion,
  makeVersionRecord,
  readMeta,
  withCheckedAt,
  withMeta,
} from '../zone/record';
import type { CheckResult } from './check';
import type { Context } from './context';
import { entryOfVersion, isNameCleared, tokenIn, versionOfEntry, withToken } from './entry_text';
import { pemIn, versionIn } from './pem_of_record';
import { type Current, placeMark, placePointer, sweepStore, writePair } from './stored';

// Keeps in the store the pairs that handshakes and scans found in files. Where it cannot be written, a pair goes to nginx as text,
// unless its key is unproven.

/**
 * Keeps the result of a look at a slot's files in the store. A fault of the store is logged once, and not thrown.
 *
 * @param slot its key
 * @param current the slot's state before the look
 * @param attempt at the slot's lock. Without the lock a version is written, so that it can be served, but no entry
 * @returns the record to keep in the zone: that of a version where the store could be written
 */
export function keepInStore(
  context: Context,
  slot: string,
  current: Current,
  result: CheckResult,
  attempt: LockAttempt,
): string {
  const { store, settings } = context;
  const { record, pair } = result;
  if (!store) {
    // Why the folder is no store, is said where it is opened.
    if (settings.store && pair) countFault(context);
    return record;
  }
  const mayPlace = attempt.state === 'no-room' || attempt.isLocked();
  try {
    const kept = holdsPair(record)
      ? keepPair(context, store, slot, current, result, mayPlace)
      : record;
    if (record === '' && mayPlace) dropStored(store, slot, current);
    // Only what was written shows that the store can be.
    if (kept !== record) sayFault(context, '');
    return kept;
  } catch (e) {
    sayFault(context, (e as Error).message);
    if (!holdsPair(record) || isVersion(record)) return record;
    return readMeta(record)?.isUnproven
      ? withoutUnproven(current, result)
      : pastStore(context, store, current, record);
  }
}

/**
 * The record of before, where a pair could not be stored whose key is unproven: as text it may show in nginx's log. The next look reads
 * the files again.
 */
function withoutUnproven(current: Current, result: CheckResult): string {
  delete result.message;
  delete result.warning;
  delete result.result;
  return current.record || '';
}

/** A pair that stays text, and what the store has instead: see `currentOf`. */
function pastStore({ token }: Context, store: Store, current: Current, record: string): string {
  const known = { store: store.id, before: current.version };
  const noted = withMeta(record, token, Object.assign({}, readMeta(record), known));
  return withCheckedAt(noted, checkedAtText(record));
}

function keepPair(
  context: Context,
  store: Store,
  slot: string,
  current: Current,
  result: CheckResult,
  mayPlace: boolean,
): string {
  const { record } = result;
  const meta = readMeta(record) as RecordMeta;
  if (!isVersion(record) || meta.store !== store.id) {
    return storeAnew(context, store, slot, current, result, mayPlace);
  }
  if (mayPlace) placeIfChanged(context, store, slot, current, record, meta);
  return record;
}

/**
 * Writes a pair as a version that was just read from files, or whose PEM is in the zone because the store could not be written,
 * or that is in another store.
 *
 * @returns the version's record
 */
function storeAnew(
  context: Context,
  store: Store,
  slot: string,
  current: Current,
  { record, pair }: CheckResult,
  mayPlace: boolean,
): string {
  const meta = readMeta(record) as RecordMeta;
  const version = writePair(store, pair || pairOf(record), [slot], false);
  meta.store = store.id;
  meta.before = current.version;
  if (mayPlace) {
    replaceVersion(context, store, slot, current.version, version, meta, isStill(current));
  }
  const stored = makeVersionRecord(context.token, meta, versionPath(store, version));
  return withCheckedAt(stored, checkedAtText(record));
}

/**
 * The condition that the store still has what a look began with. Where another nginx has put, deleted or cleared a pair since,
 * that stays, and the next look finds it.
 */
function isStill({ version, entry }: Current): Condition {
  return (held) => (entry ? held === entry : versionOfEntry(held) === version);
}

function pairOf(record: string): Pair {
  return readPair(pemIn(record));
}

/** Brings an entry up to date. The reason why newer files were refused is not kept in it: the next nginx finds it by itself. */
function placeIfChanged(
  context: Context,
  store: Store,
  slot: string,
  current: Current,
  record: string,
  meta: RecordMeta,
): void {
  const version = versionIn(record);
  const isCleared = isNameCleared(current.entry);
  if (meta.problem && version === current.version) {
    const seen = withToken(current.entry, context.storeToken);
    if (isCleared) placeEntry(store, slot, seen, isStill(current));
    return;
  }
  // A clear of all names is no reason to write: it makes no difference until files have changed.
  const isNew = entryOfVersion(version, tokenIn(current.entry), meta) !== current.entry;
  if (!isNew && !isCleared) return;
  replaceVersion(context, store, slot, current.version, version, meta, isStill(current));
}

/**
 * Makes a version the entry of a slot. The version before it is noted first: a worker may be killed in between.
 *
 * @param before the version that the slot has; '' for none
 * @param meta as in `entryOfVersion`
 * @param mayReplace as in `placeEntry`
 * @throws Error of the file system. The entry that was there stays
 */
export function replaceVersion(
  { storeToken }: Context,
  store: Store,
  slot: string,
  before: string,
  version: string,
  meta: RecordMeta,
  mayReplace?: Condition,
): void {
  if (before && before !== version) retire(store, before, slot);
  placeEntry(store, slot, entryOfVersion(version, storeToken, meta), mayReplace);
}

function dropStored(store: Store, slot: string, current: Current): void {
  if (current.version) placeMark(store, slot, current.version, isStill(current));
}

/**
 * Keeps the pointer of a slot in the store. After a restart the names of scanned files are served before the scan comes to them.
 * A version that is not the one that this nginx knows stays: another one has put it.
 *
 * @param slot its key
 * @param held the slot's record
 * @param file the key of a file; '' where the slot has no pointer any more
 * @param others the keys of other files with a certificate for the name
 */
export function keepPointer(
  context: Context,
  slot: string,
  held: string,
  file: string,
  others: string[],
): void {
  const { store } = context;
  if (!store) return;
  const version = isVersion(held) ? versionIn(held) : readMeta(held)?.before || '';
  const isKnown: Condition = (entry) => versionOfEntry(entry) === version;
  try {
    if (version) retire(store, version, slot);
    if (file) placePointer(store, slot, file, others, isKnown);
    else removeEntry(store, slot, isKnown);
  } catch (e) {
    sayFault(context, (e as Error).message);
  }
}

/** Counts a pair that the store could not take. */
export function countFault({ zone }: Context): void {
  if (zone) count(zone, 'store_failures_total', '');
}

/**
 * Counts a fault of the store, and logs it where it is not the last one.
 *
 * @param fault '' where the store could be written: a later fault is logged again then
 */
export function sayFault(context: Context, fault: string): void {
  const { r, zone } = context;
  if (fault) countFault(context);
  // Each file has another path, and the error of a folder has none.
  const reason = fault.slice(fault.lastIndexOf(': ') + 1).trim();
  if (zone ? isNewToSay(zone, 'store-write', reason) : fault) {
    r.error(`cert_rotation: the store cannot be written: ${fault}; pairs go to nginx as text`);
  }
}

/** The pause between two sweeps, in milliseconds. */
const SWEEP_INTERVAL_MS = 10_000;

/** The number of versions that one sweep looks at: each takes some 50 microseconds. */
const MOST_SWEPT = 16;

/** Removes versions that were replaced long enough ago, if the last sweep came to its end some time ago. */
export function sweepIfDue({ r, store, zone }: Context): void {
  if (!store) return;
  const last = zone && findSwept(zone);
  if (last !== undefined && isWithin(last, 0, SWEEP_INTERVAL_MS)) return;
  const { isMoreDue, fault } = sweepStore(store, MOST_SWEPT);
  if (!isMoreDue && zone) putSwept(zone, timestamp());
  if (fault) r.log(`cert_rotation: the store: ${fault}`);
}
