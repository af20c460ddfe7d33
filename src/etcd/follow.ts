import { type Context, contextOf } from '../certs/context';
import { sweepIfDue } from '../certs/keep';
import { restorePointers } from '../certs/pointers';
import { refuse } from '../engine/refusal';
import { callerOf } from '../engine/session';
import { timeSlicer } from '../engine/yielding';
import { clearToken } from '../zone/clear_token';
import type { Zone } from '../zone/dict';
import { isOwnTicket, tryLock, unlock } from '../zone/locks';
import { dropNote, findNote, putNote } from '../zone/notes';
import { eachSlice, findVersion, keysOf } from '../zone/slots';
import { type Target, applyDelete, applyPut, isSlotKey, isToDelete, noteForeign } from './apply';
import { findFailure, isWaiting, noteFailure, noteSuccess } from './backoff';
import { type Etcd, etcdOf, readHeader, readKeys, transact } from './client';
import {
  type KeyRange,
  type Position,
  expectFollower,
  findPosition,
  isInRange,
  isSameHistory,
  newPosition,
  putPosition,
  versionOf,
  FOLLOWER,
} from './position';
import { type Header, type KeyValue, getOperation } from './wire';

/**
 * How long a round starts further requests, in milliseconds. nginx ends a handler that still runs when its next call is due. With
 * an interval of 500 ms, the request under way has the remaining 100 ms.
 */
const BUDGET_MS = 400;

const NO_ROOM_FOR_LOCK =
  'etcd: the zone has no room for a lock. Give js_shared_dict_zone a larger size';

/** The most values in one answer. */
const BATCH = 16;
/**
 * The most keys in one answer, and in a range when it is made: a listing of that many takes some milliseconds. etcd reads the
 * values of all keys in the range that it is asked for, including those that it leaves out of its answer.
 */
const PAGE = 512;

/** One round. */
interface Round extends Target {
  /** When the round stops to start further work, in milliseconds since 1970. */
  end: number;
  /** All keys of the zone, kept until a value is applied: listing 10,000 names anew for each range would dominate the round. */
  keys?: string[];
}

/**
 * Brings the zone up to the keys under `$cert_etcd_prefix`, in one round, for `js_periodic`.
 *
 * 1. One request tells whether anything has changed in etcd since the last round, whatever the number of names.
 * 2. If so, the values that were written since then are read, range by range. The number of keys in a range tells whether keys
 *    were deleted.
 * 3. A range is listed where keys were deleted, where many values were written, or where nothing is known of it: the values of
 *    the keys that differ are read, and pairs whose keys are gone are removed.
 *
 * Work that the round has no time for is left to the next rounds, which begin with the range that is furthest behind.
 *
 * Each pair passes the checks of a put. Whatever fails, the current pairs are served.
 */
export async function follow(session: NginxPeriodicSession): Promise<void> {
  const context = contextOf(callerOf(session));
  const { zone } = context;
  sweepIfDue(context);
  const etcd = zone && etcdOf(session.variables, zone);
  if (!zone || !etcd) return;
  const failure = findFailure(zone, context.misses);
  if (failure && isWaiting(failure)) return;
  try {
    await round(context, etcd);
    noteSuccess(context, zone, failure);
  } catch (e) {
    noteFailure(context, zone, failure, e as Error);
  }
}

async function round(context: Context, etcd: Etcd): Promise<void> {
  const { zone } = etcd;
  const end = Date.now() + BUDGET_MS;
  const header = await readHeader(etcd);
  if (isUpToDate(zone, findPosition(etcd), header)) return;
  // nginx runs at most one of these handlers in a worker, so a lock with this worker's ticket is of a round that nginx has ended.
  const left = findNote(zone, 'follower');
  if (left !== undefined && isOwnTicket(left)) unlock(zone, FOLLOWER, left);
  const lock = tryLock(zone, FOLLOWER);
  if (lock.state === 'no-room') return refuse('zone-full', NO_ROOM_FOR_LOCK);
  if (lock.state === 'busy') return;
  const { ticket } = lock;
  putNote(zone, 'follower', ticket);
  try {
    const position = findPosition(etcd);
    // Another worker may have noted a later position meanwhile. Next to that, this header would look like that of a restored etcd.
    const isSame = !position || isSameHistory(position, header);
    await catchUp({ context, zone, etcd, ticket, end }, isSame ? header : await readHeader(etcd));
  } finally {
    dropNote(zone, 'follower');
    unlock(zone, FOLLOWER, ticket);
  }
}

function isUpToDate(zone: Zone, position: Position | null, header: Header): boolean {
  return (
    position !== null &&
    position.token === clearToken(zone) &&
    isSameHistory(position, header) &&
    position.ranges.every(({ since, needsListing }) => since === header.revision && !needsListing)
  );
}

async function catchUp(one: Round, header: Header): Promise<void> {
  const { zone, etcd } = one;
  const token = clearToken(zone);
  let position = findPosition(etcd);
  if (!position || !isSameHistory(position, header)) {
    position = newPosition(etcd, header, token);
    // The position is noted before any pair, while the zone has room for it.
    note(one, position);
  } else if (position.token !== token) {
    position.token = token;
    position.ranges.forEach((range) => {
      range.needsListing = true;
      range.isCleared = true;
      range.resumeAfter = '';
    });
  }
  position.term = header.term;
  while (Date.now() < one.end) {
    const range = oldest(position);
    if (range.since >= header.revision && !range.needsListing) return;
    if (range.needsListing) await goThrough(one, position, range);
    else await takeChanges(one, position, range);
    note(one, position);
  }
}

/**
 * Notes the position for the next round.
 *
 * @throws store-unavailable: another worker has taken over the lock; zone-full
 */
function note({ zone, ticket }: Round, position: Position): void {
  expectFollower(zone, ticket);
  putPosition(zone, position);
}

/** The range to work on next: one that needs a listing, otherwise the one that is furthest behind. */
function oldest({ ranges }: Position): KeyRange {
  return ranges.reduce((first, one) => {
    if (one.needsListing !== first.needsListing) return one.needsListing ? one : first;
    return one.since < first.since ? one : first;
  });
}

/** Applies the values that were written in a range since its last revision. */
async function takeChanges(one: Round, position: Position, range: KeyRange): Promise<void> {
  const { after, to, since } = range;
  const found = await readKeys(one.etcd, after, to, {
    minModRevision: since + 1,
    limit: BATCH,
  });
  expectSameHistory(position, found.header);
  const created = found.kvs.filter(({ createRevision }) => createRevision > since).length;
  if (created > 0) {
    // This is noted before a value is applied: another worker may do the next round, and the key may be gone again by then.
    range.needsListing = true;
    note(one, position);
  }
  if ((await takeAll(one, position, found.kvs)) < found.kvs.length) return;
  // A key that was deleted, or deleted and created again, makes the number of keys smaller than this sum.
  range.needsListing =
    found.more || found.count !== range.count + created || found.count > 2 * PAGE;
  if (range.needsListing) return;
  noteForeign(
    one,
    found.kvs.map(({ key }) => slotOf(one.etcd, key)).filter((slot) => !isSlotKey(slot)),
  );
  range.since = found.header.revision;
  range.count = found.count;
}

/**
 * Lists the keys of a range, applies the values that differ, and removes the pairs whose keys are gone. Keys that do not fit into
 * one answer become a range of their own.
 */
async function goThrough(one: Round, position: Position, range: KeyRange): Promise<void> {
  const { zone, etcd } = one;
  const { header, kvs, more } = await readKeys(etcd, range.after, range.to, {
    keysOnly: true,
    limit: PAGE,
  });
  expectSameHistory(position, header);
  const foreign: string[] = [];
  const changed = kvs.filter(({ key, modRevision }) => {
    const slot = slotOf(etcd, key);
    if (isSlotKey(slot)) {
      const isTried = key <= range.resumeAfter && modRevision <= range.resumeRevision;
      return !isTried && findVersion(zone, slot) !== versionOf(position, modRevision);
    }
    // Other foreign keys were logged when they were written.
    if (modRevision > range.since) foreign.push(slot);
    return false;
  });
  if (!range.resumeAfter) range.resumeRevision = header.revision;
  for (let at = 0; at < changed.length; at += BATCH) {
    const gets = changed.slice(at, at + BATCH).map(({ key }) => getOperation(key));
    const outcome = await transact(etcd, [], gets);
    expectSameHistory(position, outcome.header);
    const values = outcome.found.filter((kv): kv is KeyValue => kv !== undefined);
    const taken = await takeAll(one, position, values);
    const last = values[taken - 1];
    if (last && last.key > range.resumeAfter) range.resumeAfter = last.key;
    if (taken < values.length) return;
  }
  const last = more ? kvs[kvs.length - 1] : undefined;
  if (last) {
    const rest = Object.assign({}, range, { after: last.key });
    position.ranges.splice(position.ranges.indexOf(range) + 1, 0, rest);
    range.to = last.key;
  }
  if (!(await letGoOfOthers(one, position, range, kvs))) return;
  noteForeign(one, foreign);
  range.since = header.revision;
  range.count = kvs.length;
  range.needsListing = false;
  range.isCleared = false;
  range.resumeAfter = '';
}

/**
 * Removes the pairs of a range's slots that are not among its keys.
 *
 * @param kvs all keys of the range
 * @returns false where the round's time was up before all were removed
 */
async function letGoOfOthers(
  one: Round,
  position: Position,
  range: KeyRange,
  kvs: KeyValue[],
): Promise<boolean> {
  const { context, zone, etcd } = one;
  const { isCleared } = range;
  const listed: Record<string, boolean> = {};
  kvs.forEach(({ key }) => {
    listed[key] = true;
  });
  const gone: string[] = [];
  const keys = one.keys || (one.keys = keysOf(zone));
  await eachSlice(keys, (slots) => {
    slots.forEach((slot) => {
      const key = etcd.prefix + slot;
      if (isInRange(range, key) && !listed[key] && isToDelete(zone, slot, isCleared)) {
        gone.push(slot);
      }
    });
  });
  const dropped: Record<string, boolean> = {};
  const yieldIfDue = timeSlicer();
  let at = 0;
  for (; at < gone.length && Date.now() < one.end; at++) {
    const slot = gone[at] as string;
    if (await applyDelete(one, slot, position.historyId, isCleared))
      dropped[etcd.prefix + slot] = true;
    await yieldIfDue();
  }
  if (context.settings.scan && Object.keys(dropped).length > 0) {
    await eachSlice(keys, (slots) => {
      restorePointers(context, zone, slots, (slot) => !!dropped[etcd.prefix + slot]);
    });
  }
  return at === gone.length;
}

/** @throws store-unavailable: etcd was restored during this round; the next round begins a new history */
function expectSameHistory(position: Position, header: Header): void {
  if (!isSameHistory(position, header)) refuse('store-unavailable', 'etcd: it was restored');
}

function slotOf({ prefix }: Etcd, key: string): string {
  return key.slice(prefix.length);
}

/**
 * Applies the values that the slots do not have yet.
 *
 * @returns how many of `kvs` were done before the round's time was up
 */
async function takeAll(one: Round, position: Position, kvs: KeyValue[]): Promise<number> {
  const yieldIfDue = timeSlicer();
  for (let i = 0; i < kvs.length; i++) {
    if (Date.now() >= one.end) return i;
    const kv = kvs[i] as KeyValue;
    const slot = slotOf(one.etcd, kv.key);
    const version = versionOf(position, kv.modRevision);
    if (isSlotKey(slot) && findVersion(one.zone, slot) !== version) {
      delete one.keys;
      await applyPut(one, slot, kv.value, version);
      await yieldIfDue();
    }
  }
  return kvs.length;
}
