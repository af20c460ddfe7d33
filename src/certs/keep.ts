import { placeEntry, readEntry, removeEntry } from '../disk/entries';
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
import { pemIn, versionIn } from './pem_of_record';
import {
  type Current,
  entryOfVersion,
  placeMark,
  placePointer,
  sweepStore,
  tokenIn,
  versionOfEntry,
  writePair,
} from './stored';

// Keeps in the store the pairs that handshakes and scans found in files. Where it cannot be written, a pair goes to nginx as text.

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
  const { store, settings, zone } = context;
  const { record, pair } = result;
  if (!store) {
    // Why the folder is no store, is said where it is opened.
    if (settings.store && pair && zone) count(zone, FAILURES, '');
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
    return holdsPair(record) && !isVersion(record)
      ? pastStore(context, store, current, record)
      : record;
  }
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
  if (mayPlace && isStill(store, slot, current)) {
    replaceVersion(context, store, slot, current.version, version, meta);
  }
  const stored = makeVersionRecord(context.token, meta, versionPath(store, version));
  return withCheckedAt(stored, checkedAtText(record));
}

/**
 * Whether the store still has what a look began with. Where another nginx has put or deleted a pair since, that stays, and the
 * next look finds it.
 */
function isStill(store: Store, slot: string, current: Current): boolean {
  return versionOfEntry(readEntry(store, slot)) === current.version;
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
  if (meta.problem && version === current.version) return;
  // A clear that was seen since is no reason to write: it makes no difference until files have changed.
  const isNew = entryOfVersion(version, tokenIn(current.entry), meta) !== current.entry;
  if (!isNew || !isStill(store, slot, current)) return;
  replaceVersion(context, store, slot, current.version, version, meta);
}

/**
 * Makes a version the entry of a slot. The version before it is noted first: a worker may be killed in between.
 *
 * @param before the version that the slot has; '' for none
 * @param meta as in `entryOfVersion`
 * @throws Error of the file system. The entry that was there stays
 */
export function replaceVersion(
  { storeToken }: Context,
  store: Store,
  slot: string,
  before: string,
  version: string,
  meta: RecordMeta,
): void {
  if (before && before !== version) retire(store, before, slot);
  placeEntry(store, slot, entryOfVersion(version, storeToken, meta));
}

function dropStored(store: Store, slot: string, current: Current): void {
  if (!current.version || !isStill(store, slot, current)) return;
  placeMark(store, slot, current.version);
}

/**
 * Keeps the pointer of a slot in the store. After a restart the names of scanned files are served before the scan comes to them.
 *
 * @param slot its key
 * @param file the key of a file; '' where the slot has no pointer any more
 * @param others the keys of other files with a certificate for the name
 */
export function keepPointer(context: Context, slot: string, file: string, others: string[]): void {
  const { store } = context;
  if (!store) return;
  try {
    const version = versionOfEntry(readEntry(store, slot));
    if (version) retire(store, version, slot);
    if (file) placePointer(store, slot, file, others);
    else removeEntry(store, slot);
  } catch (e) {
    sayFault(context, (e as Error).message);
  }
}

const FAILURES = 'store_failures_total';

/**
 * Counts a fault of the store, and logs it where it is not the last one.
 *
 * @param fault '' where the store could be written: a later fault is logged again then
 */
function sayFault({ r, zone }: Context, fault: string): void {
  if (fault && zone) count(zone, FAILURES, '');
  // Each file has another path.
  const reason = fault.slice(fault.lastIndexOf(': ') + 1);
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
  try {
    if (!sweepStore(store, MOST_SWEPT) && zone) putSwept(zone, timestamp());
  } catch (e) {
    if (zone) putSwept(zone, timestamp());
    r.log(`cert_rotation: the store: ${(e as Error).message}`);
  }
}
