import { placeEntry, readEntry, removeEntry } from '../disk/entries';
import { type Store, versionPath } from '../disk/store';
import { retire } from '../disk/versions';
import { isWithin, timestamp } from '../engine/clock';
import { type Pair, readPair } from '../x509/pair';
import { count } from '../zone/counters';
import type { LockAttempt } from '../zone/locks';
import { findSwept, isNewToSay, putSwept } from '../zone/notes';
import {
  type RecordMeta,
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

// What a look at files found comes into the store here. Where that cannot be written, a pair goes to nginx as text.

/**
 * Keeps in the store what a look has found.
 *
 * @param attempt at the slot's lock: who is not sure to have it writes a version to serve it, and changes nothing else
 * @returns the record to keep in the zone, of a version where the store could be written
 */
export function keepInStore(
  context: Context,
  slot: string,
  current: Current,
  result: CheckResult,
  attempt: LockAttempt,
): string {
  const { store } = context;
  const { record } = result;
  if (!store) return record;
  const mayPlace = attempt.state === 'no-room' || attempt.isLocked();
  try {
    const kept = holdsPair(record)
      ? keepPair(context, store, slot, current, result, mayPlace)
      : record;
    if (record === '' && mayPlace) dropStored(store, slot, current);
    sayFault(context, '');
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
  { record, pair }: CheckResult,
  mayPlace: boolean,
): string {
  const meta = readMeta(record) as RecordMeta;
  if (isVersion(record) && meta.store === store.id) {
    if (mayPlace) placeIfChanged(context, store, slot, current, record, meta);
    return record;
  }
  // It was just read; or it is text in the zone that there was no room for, or in a store that was set before.
  const version = writePair(store, pair || pairOf(record), [slot], false);
  meta.store = store.id;
  meta.before = current.version;
  if (mayPlace) {
    placeEntry(store, slot, entryOfVersion(version, context.storeToken, meta));
    if (current.version) retire(store, current.version, slot);
  }
  const stored = makeVersionRecord(context.token, meta, versionPath(store, version));
  return withCheckedAt(stored, checkedAtText(record));
}

function pairOf(record: string): Pair {
  return readPair(pemIn(record));
}

/** Brings an entry up to date. The reason why newer files were refused is not kept: the next nginx finds it by itself. */
function placeIfChanged(
  { storeToken }: Context,
  store: Store,
  slot: string,
  current: Current,
  record: string,
  meta: RecordMeta,
): void {
  const version = versionIn(record);
  if (meta.problem && version === current.version) return;
  // That a clear was seen since is no reason to write: until files are found changed, it makes no difference.
  const isNew = entryOfVersion(version, tokenIn(current.entry), meta) !== current.entry;
  if (!isNew) return;
  placeEntry(store, slot, entryOfVersion(version, storeToken, meta));
  if (current.version && version !== current.version) retire(store, current.version, slot);
}

function dropStored(store: Store, slot: string, current: Current): void {
  if (!current.version) return;
  placeMark(store, slot);
  retire(store, current.version, slot);
}

/**
 * Keeps in the store where a slot points to: the names of files that a scan found are served after a start before it has
 * come to them.
 *
 * @param file the key of a file; '' where the slot has no pointer any more
 * @param others the keys of other files with a certificate for the name
 */
export function keepPointer(context: Context, slot: string, file: string, others: string[]): void {
  const { store } = context;
  if (!store) return;
  try {
    const version = versionOfEntry(readEntry(store, slot));
    if (file) placePointer(store, slot, file, others);
    else removeEntry(store, slot);
    if (version) retire(store, version, slot);
  } catch (e) {
    sayFault(context, (e as Error).message);
  }
}

/** Says once what keeps the store from being written, and that it can be written again. */
function sayFault({ r, zone, store }: Context, message: string): void {
  // The path that the message begins with is another one each time.
  const fault = message && `${store ? store.root : ''}: ${message.split(': ').pop()}`;
  if (fault && zone) count(zone, 'store_failures_total', '');
  if (zone ? isNewToSay(zone, 'store-write', fault) : fault) {
    r.error(`cert_rotation: the store cannot be written: ${fault}; pairs go to nginx as text`);
  }
}

/** In milliseconds. */
const SWEEP_INTERVAL_MS = 10_000;

/** Versions that one look removes at most: each takes some 50 microseconds. */
const MOST_SWEPT = 16;

/** Removes versions of the store that were replaced long enough ago, if nobody has looked for some for a while. */
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
