import { refuse } from '../engine/refusal';
import { timeSlicer } from '../engine/yielding';
import { type Target, applyPut, hasValue, isSlotKey } from './apply';
import type { Etcd } from './client';
import { keepHistory } from './history';
import { type Position, expectFollower, isSameHistory, putPosition, versionOf } from './position';
import type { Header, KeyValue } from './wire';

// One round of following etcd, and what all its steps do.

export interface Round extends Target {
  /** When the round stops to start further work, in milliseconds since 1970. */
  end: number;
  /** The revision of etcd when the round began. */
  revision: number;
  /** Whether a key has changed since the store's note of the history was last brought up to date. */
  hasChanged: boolean;
  /** All keys of the zone, kept until a value is applied: listing 10,000 names anew for each range would dominate the round. */
  keys?: string[];
  /** The slots that have entries in the store, listed once for that reason. */
  storedSlots?: string[];
}

/** The most values in one answer. */
export const BATCH = 16;

/**
 * Notes the position for the next round.
 *
 * @throws store-unavailable: another worker has taken over the lock; zone-full
 */
export function notePosition(round: Round, position: Position): void {
  expectFollower(round.zone, round.ticket);
  putPosition(round.zone, position);
  if (round.hasChanged) keepHistory(round.context.store, position, round.revision, false);
  round.hasChanged = false;
}

/** @throws store-unavailable: etcd was restored during this round; the next round begins a new history */
export function expectSameHistory(position: Position, header: Header): void {
  if (!isSameHistory(position, header)) refuse('store-unavailable', 'etcd: it was restored');
}

export function slotOf({ prefix }: Etcd, key: string): string {
  return key.slice(prefix.length);
}

/**
 * Applies the values that the slots do not have yet.
 *
 * @returns how many of `kvs` were done before the round's time was up
 */
export async function applyAll(round: Round, position: Position, kvs: KeyValue[]): Promise<number> {
  const yieldIfDue = timeSlicer();
  for (let i = 0; i < kvs.length; i++) {
    if (Date.now() >= round.end) return i;
    const kv = kvs[i] as KeyValue;
    const slot = slotOf(round.etcd, kv.key);
    const version = versionOf(position, kv.modRevision);
    if (isSlotKey(slot) && !hasValue(round.zone, slot, version)) {
      delete round.keys;
      await applyPut(round, slot, kv.value, version);
      await yieldIfDue();
    }
  }
  return kvs.length;
}
