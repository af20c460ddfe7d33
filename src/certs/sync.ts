import { fileKey, rsaKey } from '../config/slot';
import { type Shard, shardOfSlot, shardStamp, shardsOf, slotsIn } from '../disk/entries';
import { isPastTick } from '../disk/stamp';
import type { Store } from '../disk/store';
import { timeSlicer } from '../engine/yielding';
import type { Zone } from '../zone/dict';
import { tryWithLocks } from '../zone/locks';
import { findShardStamp, putShardStamp } from '../zone/notes';
import { isVersion, readMeta } from '../zone/record';
import { eachSlice, findRecord, keysOf, putRecord, removeRecord } from '../zone/slots';
import type { Context } from './context';
import { sweepIfDue } from './keep';
import { dormantRecord } from './stored';

// Brings the zone up to date with the names in the store, for work over all names: the list and the metrics.
// A handshake does without, because it looks its own name up in the store.

/**
 * Gives each name of the store a record in the zone, whose version the first handshake reads and checks, and drops the records
 * of names that another nginx has deleted. Shards that have not changed since the last call are skipped.
 *
 * @throws (rejects with) Error of the file system or of the zone
 */
export async function syncNames(context: Context): Promise<void> {
  const { store, zone } = context;
  if (!store || !zone) return;
  sweepIfDue(context);
  const changed: Record<string, boolean> = {};
  const shards = nameShards(store).concat(shardsOf(store, 'files', fileKey));
  const yieldIfDue = timeSlicer();
  for (let i = 0; i < shards.length; i++) {
    const shard = shards[i] as Shard;
    const stamp = shardStamp(store, shard);
    if (stamp.text === findShardStamp(zone, shard.path)) continue;
    changed[shard.path] = true;
    const slots = slotsIn(store, shard);
    let isWhole = true;
    for (let j = 0; j < slots.length; j++) {
      isWhole = addSlot(store, zone, slots[j] as string) && isWhole;
      await yieldIfDue();
    }
    // Two changes of a folder within a tick leave it with one stamp.
    if (isWhole && isPastTick(stamp.changed)) putShardStamp(zone, shard.path, stamp.text);
  }
  if (Object.keys(changed).length === 0) return;
  await eachSlice(keysOf(zone), (slots) => {
    slots.forEach((slot) => {
      if (changed[shardOfSlot(slot)]) dropIfDeleted(store, zone, slot);
    });
  });
}

/**
 * The keys of the slots of names that have entries in the store, in slices.
 *
 * @throws (rejects with) Error of the file system
 */
export async function slotsInStore(store: Store): Promise<string[]> {
  const slots: string[] = [];
  const yieldIfDue = timeSlicer();
  const shards = nameShards(store);
  for (let i = 0; i < shards.length; i++) {
    slotsIn(store, shards[i] as Shard).forEach((slot) => slots.push(slot));
    await yieldIfDue();
  }
  return slots;
}

/** The shards with the entries of names. */
function nameShards(store: Store): Shard[] {
  return shardsOf(store, 'names', (name) => name).concat(shardsOf(store, 'rsa', rsaKey));
}

/** @returns false where another worker is busy with the slot, or the zone has no room */
function addSlot(store: Store, zone: Zone, slot: string): boolean {
  if (findRecord(zone, slot) !== undefined) return true;
  const record = dormantRecord(store, slot);
  if (!record) return true;
  return tryWithLocks(zone, [slot], ({ state }) => {
    if (state !== 'locked') return false;
    return findRecord(zone, slot) !== undefined || putRecord(zone, slot, record);
  });
}

function dropIfDeleted(store: Store, zone: Zone, slot: string): void {
  const record = findRecord(zone, slot);
  if (record === undefined || !isVersion(record)) return;
  if (readMeta(record)?.store !== store.id) return;
  if (dormantRecord(store, slot)) return;
  tryWithLocks(zone, [slot], ({ state }) => {
    if (state === 'locked' && findRecord(zone, slot) === record) removeRecord(zone, slot);
  });
}
