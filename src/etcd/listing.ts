import { isRoomy, restorePointers } from '../certs/pointers';
import { slotsInStore } from '../certs/sync';
import type { Store } from '../disk/store';
import { fromAnywhere } from '../engine/fairness';
import { timeSlicer } from '../engine/yielding';
import { eachSlice, findRecord, keysOf } from '../zone/slots';
import {
  type Listing,
  applyDelete,
  hasValue,
  isSlotKey,
  isStoredToDelete,
  isToDelete,
  noteForeign,
} from './apply';
import { type Range, readKeys, transact } from './client';
import { type KeyRange, type Position, isInRange, versionOf } from './position';
import { BATCH, type Round, applyAll, expectSameHistory, slotOf } from './round';
import { type KeyValue, getOperation } from './wire';

/**
 * The most keys in one answer, and in a range when it is made: a listing of that many takes some milliseconds. etcd reads the
 * values of all keys in the range that it is asked for, including those that it leaves out of its answer.
 */
export const PAGE = 512;

/**
 * Lists the keys of a range, applies the values that differ, and removes the pairs whose keys are gone. Keys that do not fit into
 * one answer become a range of their own.
 */
export async function listRange(round: Round, position: Position, range: KeyRange): Promise<void> {
  const found = await readKeys(round.etcd, range.after, range.to, { keysOnly: true, limit: PAGE });
  const { header, kvs } = found;
  expectSameHistory(position, header);
  if (!range.resumeAfter) range.resumeRevision = header.revision;
  splitRange(position, range, found);
  // Removed pairs make room for new ones. Where there is room, a name is not served by its parent's wildcard in between.
  if (!isRoomy(round.zone) && !(await removeMissing(round, position, range, found))) return;
  const changed = kvs.filter((kv) => isToRead(round, position, range, kv));
  if (!(await readAndApply(round, position, range, changed))) return;
  if (!(await removeMissing(round, position, range, found))) return;
  const slots = kvs
    // Other foreign keys were logged when they were written.
    .filter(({ modRevision }) => modRevision > range.since)
    .map(({ key }) => slotOf(round.etcd, key));
  noteForeign(
    round,
    slots.filter((slot) => !isSlotKey(slot)),
  );
  round.hasChanged = true;
  range.since = header.revision;
  range.count = kvs.length;
  range.needsListing = false;
  range.isCleared = false;
  range.includesStore = false;
  range.resumeAfter = '';
}

/**
 * Removes the pairs whose keys are gone, without the follower's lock, where the zone has no room for that one. It is safe without: a
 * pair that is newer than the listing stays. The position stays, so that a round with the lock does it all again.
 *
 * @param position may be changed by this function alone
 */
export async function removeAllMissing(round: Round, position: Position): Promise<void> {
  const open = fromAnywhere(position.ranges);
  for (let i = 0; i < open.length && Date.now() < round.end; i++) {
    const range = open[i] as KeyRange;
    const { after, to } = range;
    const found = await readKeys(round.etcd, after, to, { keysOnly: true, limit: PAGE });
    expectSameHistory(position, found.header);
    const last = splitRange(position, range, found);
    if (last) open.push(last);
    await removeMissing(round, position, range, found);
  }
}

/** Whether the value of a key is another one than its slot has, and was not tried in this listing. */
function isToRead(
  { zone, etcd }: Round,
  position: Position,
  range: KeyRange,
  { key, modRevision }: KeyValue,
): boolean {
  const isTried = key <= range.resumeAfter && modRevision <= range.resumeRevision;
  const slot = slotOf(etcd, key);
  return isSlotKey(slot) && !isTried && !hasValue(zone, slot, versionOf(position, modRevision));
}

/**
 * Reads the values of some keys of a range, and applies them.
 *
 * @param kvs without values
 * @returns false where the round's time was up before all were applied
 */
async function readAndApply(
  round: Round,
  position: Position,
  range: KeyRange,
  kvs: KeyValue[],
): Promise<boolean> {
  for (let at = 0; at < kvs.length; at += BATCH) {
    const gets = kvs.slice(at, at + BATCH).map(({ key }) => getOperation(key));
    const { header, found } = await transact(round.etcd, [], gets);
    expectSameHistory(position, header);
    const values = found.filter((kv): kv is KeyValue => kv !== undefined);
    const applied = await applyAll(round, position, values);
    const last = values[applied - 1];
    if (last && last.key > range.resumeAfter) range.resumeAfter = last.key;
    if (applied < values.length) return false;
  }
  return true;
}

/**
 * Makes a range of its own of the keys that did not fit into one answer.
 *
 * @returns that range; undefined where all keys fitted
 */
function splitRange(
  position: Position,
  range: KeyRange,
  { kvs, more }: Range,
): KeyRange | undefined {
  const last = more ? kvs[kvs.length - 1] : undefined;
  if (!last) return undefined;
  const rest = Object.assign({}, range, { after: last.key });
  position.ranges.splice(position.ranges.indexOf(range) + 1, 0, rest);
  range.to = last.key;
  return rest;
}

/**
 * Removes the pairs of a range's slots that are not among its keys.
 *
 * @returns false where the round's time was up before all were removed
 */
async function removeMissing(
  round: Round,
  position: Position,
  range: KeyRange,
  { header, kvs }: Range,
): Promise<boolean> {
  const { context, zone, etcd } = round;
  const { historyId } = position;
  const { isCleared } = range;
  const listing: Listing = { historyId, revision: header.revision, isCleared };
  const missing = await findMissing(round, range, kvs, listing);
  const removed: Record<string, boolean> = {};
  const yieldIfDue = timeSlicer();
  let at = 0;
  for (; at < missing.length && Date.now() < round.end; at++) {
    const slot = missing[at] as string;
    if (await applyDelete(round, slot, listing)) removed[etcd.prefix + slot] = true;
    await yieldIfDue();
  }
  if (context.settings.scan && Object.keys(removed).length > 0) {
    await eachSlice(keysOfZone(round), (slots) => {
      restorePointers(context, zone, slots, (slot) => !!removed[etcd.prefix + slot]);
    });
  }
  return at === missing.length;
}

/** The slots of a range that have a pair which is not among the keys, and has to be removed. */
async function findMissing(
  round: Round,
  range: KeyRange,
  kvs: KeyValue[],
  listing: Listing,
): Promise<string[]> {
  const { context, zone, etcd } = round;
  const listed: Record<string, boolean> = {};
  kvs.forEach(({ key }) => {
    listed[key] = true;
  });
  const isMissing = (slot: string): boolean => {
    const key = etcd.prefix + slot;
    return isInRange(range, key) && !listed[key];
  };
  const missing: string[] = [];
  await eachSlice(keysOfZone(round), (slots) => {
    slots.forEach((slot) => {
      if (isMissing(slot) && isToDelete(zone, slot, listing)) missing.push(slot);
    });
  });
  if (!range.includesStore || !context.store) return missing;
  const stored = round.storedSlots || (round.storedSlots = await listStore(round, context.store));
  await eachSlice(stored, (slots) => {
    slots.forEach((slot) => {
      if (!isMissing(slot) || findRecord(zone, slot) !== undefined) return;
      if (isStoredToDelete(context, slot, listing)) missing.push(slot);
    });
  });
  return missing;
}

/** The slots of names in the store; none where it cannot be listed: etcd is followed all the same. */
async function listStore({ context }: Round, store: Store): Promise<string[]> {
  try {
    return await slotsInStore(store);
  } catch (e) {
    context.r.error(`cert_rotation: the store cannot be listed: ${(e as Error).message}`);
    return [];
  }
}

function keysOfZone(round: Round): string[] {
  return round.keys || (round.keys = keysOf(round.zone));
}
