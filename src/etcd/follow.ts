import { type Context, contextOf } from '../certs/context';
import { sweepIfDue } from '../certs/keep';
import { refuse } from '../engine/refusal';
import type { Store } from '../disk/store';
import { callerOf } from '../engine/session';
import { clearToken } from '../zone/clear_token';
import type { Zone } from '../zone/dict';
import { isOwnTicket, tryLock, unlock } from '../zone/locks';
import { dropNote, findNote, putNote } from '../zone/notes';
import { isSlotKey, noteForeign } from './apply';
import { findFailure, isWaiting, noteFailure, noteSuccess } from './backoff';
import { type Etcd, etcdOf, readHeader, readKeys } from './client';
import { historyIdFor, keepHistory } from './history';
import { PAGE, listRange, removeAllMissing } from './listing';
import {
  type KeyRange,
  type Position,
  FOLLOWER,
  findPosition,
  isSameHistory,
  newPosition,
} from './position';
import { BATCH, type Round, applyAll, expectSameHistory, notePosition, slotOf } from './round';
import type { Header } from './wire';

/**
 * How long a round starts further requests, in milliseconds. nginx ends a handler that still runs when its next call is due. With
 * an interval of 500 ms, the request under way has the remaining 100 ms.
 */
const BUDGET_MS = 400;

const NO_ROOM_FOR_LOCK =
  'etcd: the zone has no room for a lock. Give js_shared_dict_zone a larger size';

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
    await runRound(context, etcd);
    noteSuccess(context, zone, failure);
  } catch (e) {
    noteFailure(context, zone, failure, e as Error);
  }
}

async function runRound(context: Context, etcd: Etcd): Promise<void> {
  const { zone } = etcd;
  const end = Date.now() + BUDGET_MS;
  const header = await readHeader(etcd);
  if (isUpToDate(context, zone, findPosition(etcd), header)) return;
  // nginx runs at most one of these handlers in a worker, so a lock with this worker's ticket is of a round that nginx has ended.
  const left = findNote(zone, 'follower');
  if (left !== undefined && isOwnTicket(left)) unlock(zone, FOLLOWER, left);
  let lock = tryLock(zone, FOLLOWER);
  if (lock.state === 'no-room') {
    await makeRoom(context, etcd, header, end);
    lock = tryLock(zone, FOLLOWER);
  }
  if (lock.state === 'no-room') return refuse('zone-full', NO_ROOM_FOR_LOCK);
  if (lock.state === 'busy') return;
  const { ticket } = lock;
  putNote(zone, 'follower', ticket);
  try {
    const position = findPosition(etcd);
    // Another worker may have noted a later position meanwhile. Next to that, this header would look like that of a restored etcd.
    const isSame = !position || isSameHistory(position, header);
    const newest = isSame ? header : await readHeader(etcd);
    const { revision } = newest;
    await catchUp({ context, zone, etcd, ticket, end, revision, hasChanged: false }, newest);
  } finally {
    dropNote(zone, 'follower');
    unlock(zone, FOLLOWER, ticket);
  }
}

/** Removes pairs that were deleted in etcd, so that the zone has room for the follower's lock. */
async function makeRoom(
  context: Context,
  etcd: Etcd,
  { revision }: Header,
  end: number,
): Promise<void> {
  const position = findPosition(etcd);
  if (!position) return;
  const { zone } = etcd;
  const round: Round = { context, zone, etcd, ticket: '', end, revision, hasChanged: false };
  await removeAllMissing(round, position);
}

function isUpToDate(
  { store }: Context,
  zone: Zone,
  position: Position | null,
  header: Header,
): boolean {
  return (
    position !== null &&
    position.token === clearToken(zone) &&
    position.store === idOf(store) &&
    isSameHistory(position, header) &&
    position.ranges.every(({ since, needsListing }) => since === header.revision && !needsListing)
  );
}

async function catchUp(round: Round, header: Header): Promise<void> {
  const position = positionAt(round, header);
  // A new position is noted before any pair, while the zone has room for it.
  position.term = header.term;
  notePosition(round, position);
  while (Date.now() < round.end) {
    const range = oldest(position);
    if (range.since >= header.revision && !range.needsListing) return;
    if (range.needsListing) await listRange(round, position, range);
    else await applyChanges(round, position, range);
    notePosition(round, position);
  }
}

/**
 * The position to go on from: at the beginning of a history a new one; after a clear, or where the store has come back, one with all
 * ranges to be listed.
 */
function positionAt(round: Round, header: Header): Position {
  const { context, zone, etcd } = round;
  const token = clearToken(zone);
  const storeId = idOf(context.store);
  const known = findPosition(etcd);
  if (!known || !isSameHistory(known, header)) {
    const historyId = historyIdFor(context.store, etcd, header, known ? known.historyId : '');
    const position = newPosition(etcd, header, token, storeId, historyId);
    keepHistory(context.store, position, header.revision, true);
    return position;
  }
  const isCleared = known.token !== token;
  const includesStore = storeId !== '' && known.store !== storeId;
  known.token = token;
  known.store = storeId;
  if (isCleared || includesStore) {
    known.ranges.forEach((range) => {
      range.needsListing = true;
      range.isCleared = range.isCleared || isCleared;
      range.includesStore = range.includesStore || includesStore;
      range.resumeAfter = '';
    });
  }
  return known;
}

function idOf(store: Store | undefined): string {
  return store ? store.id : '';
}

/** The range to work on next: one that needs a listing, otherwise the one that is furthest behind. */
function oldest({ ranges }: Position): KeyRange {
  return ranges.reduce((first, one) => {
    if (one.needsListing !== first.needsListing) return one.needsListing ? one : first;
    return one.since < first.since ? one : first;
  });
}

/** Applies the values that were written in a range since its last revision. */
async function applyChanges(round: Round, position: Position, range: KeyRange): Promise<void> {
  const { after, to, since } = range;
  const { header, kvs, more, count } = await readKeys(round.etcd, after, to, {
    minModRevision: since + 1,
    limit: BATCH,
  });
  expectSameHistory(position, header);
  const created = kvs.filter(({ createRevision }) => createRevision > since).length;
  if (created > 0) {
    // This is noted before a value is applied: another worker may do the next round, and the key may be gone again by then.
    range.needsListing = true;
    notePosition(round, position);
  }
  if (kvs.length > 0) round.hasChanged = true;
  if ((await applyAll(round, position, kvs)) < kvs.length) return;
  // A key that was deleted, or deleted and created again, makes the number of keys smaller than this sum.
  range.needsListing = more || count !== range.count + created || count > 2 * PAGE;
  if (range.needsListing) return;
  const slots = kvs.map(({ key }) => slotOf(round.etcd, key));
  noteForeign(
    round,
    slots.filter((slot) => !isSlotKey(slot)),
  );
  range.since = header.revision;
  range.count = count;
}
