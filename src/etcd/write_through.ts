import type { Context } from '../certs/context';
import { type Conditions, findAllHeld, findHeld, fingerprintOfHeld } from '../certs/held';
import { expectStore, installPair, recordOfPut, removePair } from '../certs/install';
import { readText } from '../certs/pair_text';
import { rsaKey } from '../config/slot';
import { refuse } from '../engine/refusal';
import { fingerprintOf } from '../x509/description';
import { type Pair, readPair } from '../x509/pair';
import { withLocks, withLocksIfRoom } from '../zone/locks';
import { findVersion } from '../zone/slots';
import { type Etcd, transact } from './client';
import {
  type Position,
  FOLLOWER,
  expectNew,
  findPosition,
  hasPassed,
  putPosition,
  versionOf,
} from './position';
import { openValue, sealValue } from './seal';
import {
  type KeyValue,
  type Operation,
  deleteOperation,
  getOperation,
  isUnchanged,
  putOperation,
} from './wire';

// Writes to etcd first, from where every nginx that follows it gets the change, and then to this nginx, before the request is
// answered.

/** A conditional write is tried again where another client wrote the key between the read and the write. */
const MOST_ATTEMPTS = 10;

export interface Written {
  /** Whether one of the names had no pair before. */
  isNew: boolean;
  /** The new record of the first name. */
  record: string;
}

/**
 * Puts a pair into etcd, and installs it here.
 *
 * @param names the names that the conditions are checked for
 * @param targets the keys of the slots to write, one list for each name
 * @param pair a proven pair: see `provePair`
 * @throws (rejects with) store-unavailable, precondition-failed, zone-full, store-failed: nothing has changed, unless etcd did
 *   a write that it has not answered
 */
export async function putThrough(
  context: Context,
  conditions: Conditions,
  etcd: Etcd,
  names: string[],
  targets: string[][],
  pair: Pair,
): Promise<Written> {
  const slots = targets.reduce((all, own) => all.concat(own), []);
  const operations = await sealedPuts(etcd, slots, pair);
  const expect = async (found: (KeyValue | undefined)[]): Promise<void> => {
    for (let i = 0; i < names.length; i++) {
      const [name, own] = [names[i] as string, targets[i] as string[]];
      await expectMet(context, conditions, etcd, name, own, slots, found);
    }
  };
  const change = await commit(conditions, etcd, slots, operations, expect);
  const { before, revision } = change;
  const isNew = targets.some((own) =>
    own.every((slot) => !before[slots.indexOf(slot)] && !findHeld(context, slot)),
  );
  try {
    const record = await withLocks(etcd.zone, [FOLLOWER].concat(slots), () =>
      installHere(context, etcd, slots, pair, change),
    );
    return { isNew, record };
  } catch (e) {
    await rollBack(etcd, slots, before, revision);
    throw e;
  }
}

/** The operations that put a pair into etcd, sealed for each slot where there is a seal key. */
async function sealedPuts(etcd: Etcd, slots: string[], pair: Pair): Promise<Operation[]> {
  const operations: Operation[] = [];
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as string;
    const value = await sealValue(etcd, slot, pair.chain + pair.key);
    operations.push(putOperation(etcd.prefix + slot, value));
  }
  return operations;
}

/**
 * Installs a pair in those of its slots that nothing newer has reached. The caller must hold the locks of the follower and of
 * the slots.
 *
 * @returns the record of the pair in the first slot, for the answer
 * @throws zone-full, store-failed. Every slot keeps what it had then
 */
function installHere(
  context: Context,
  etcd: Etcd,
  slots: string[],
  pair: Pair,
  { before, revision }: Change,
): string {
  const position = findPosition(etcd);
  const version = versionOf(position, revision);
  const open = slots.filter((slot) => !isOvertaken(etcd, slot, revision));
  const created = open.map((slot) => before[slots.indexOf(slot)]?.createRevision ?? revision);
  if (position) noteNew(etcd, position, open, created);
  installPair(context, etcd.zone, open, pair, version);
  return recordOfPut(context, slots[0] as string, pair, version);
}

/**
 * Deletes a name from etcd, and here.
 *
 * @returns the revision of etcd at which it was deleted
 * @throws (rejects with) not-found, store-unavailable, precondition-failed, store-failed: as `putThrough`
 */
export async function deleteThrough(
  context: Context,
  conditions: Conditions,
  etcd: Etcd,
  name: string,
): Promise<number> {
  const { zone } = etcd;
  const slots = [name, rsaKey(name)];
  const operations = slots.map((slot) => deleteOperation(etcd.prefix + slot));
  const { before, revision } = await commit(conditions, etcd, slots, operations, async (found) => {
    await expectMet(context, conditions, etcd, name, slots, slots, found);
    expectStore(context, zone, slots);
    const isThere = found.some((kv) => kv !== undefined) || findAllHeld(context, name).length > 0;
    if (!isThere) refuse('not-found', `Nothing is held under ${name}.`);
  });
  try {
    await withLocksIfRoom(zone, [FOLLOWER].concat(slots), () => {
      const open = slots.filter((slot) => !isOvertaken(etcd, slot, revision));
      removePair(context, zone, open);
    });
  } catch (e) {
    await rollBack(etcd, slots, before, 0);
    throw e;
  }
  return revision;
}

interface Change {
  /** The former value of each slot in etcd; undefined where there was none. */
  before: (KeyValue | undefined)[];
  /** The revision of etcd at which the change was made. */
  revision: number;
}

/**
 * Does all operations in one transaction. For a conditional request it fails where a key has changed since the conditions were
 * checked, and is tried again.
 *
 * An unconditional request reads first as well: a member of etcd that is halted or cut off would do an unanswered write later.
 *
 * @param expect checks the current values, and throws the refusal of the request
 * @throws (rejects with) what `expect` throws; precondition-failed, store-unavailable
 */
async function commit(
  conditions: Conditions,
  etcd: Etcd,
  slots: string[],
  operations: Operation[],
  expect: (found: (KeyValue | undefined)[]) => Promise<void>,
): Promise<Change> {
  const keys = slots.map((slot) => etcd.prefix + slot);
  for (let attempt = 0; attempt < MOST_ATTEMPTS; attempt++) {
    const { found } = await transact(etcd, [], keys.map(getOperation));
    await expect(found);
    const compare = conditions.isConditional
      ? keys.map((key, i) => isUnchanged(key, found[i] ? found[i].modRevision : 0))
      : [];
    const { succeeded, header, found: before } = await transact(etcd, compare, operations);
    if (succeeded) return { before, revision: header.revision };
  }
  return refuse('precondition-failed', 'Other clients keep changing it. Read it again.');
}

/**
 * Notes the keys that are new to the position: see `expectNew`.
 *
 * @param created the revision at which each slot's key was created
 */
function noteNew(etcd: Etcd, position: Position, slots: string[], created: number[]): void {
  let isToNote = false;
  for (let i = 0; i < slots.length; i++) {
    const key = etcd.prefix + (slots[i] as string);
    isToNote = expectNew(position, key, created[i] as number) || isToNote;
  }
  if (isToNote) putPosition(etcd.zone, position);
}

/**
 * Checks the conditions against the pair in etcd; where etcd has none, against a pair that this nginx has from elsewhere.
 *
 * @param own the slots of the name
 * @param slots all slots of the request, in the order of `found`
 * @throws (rejects with) precondition-failed
 */
async function expectMet(
  context: Context,
  conditions: Conditions,
  etcd: Etcd,
  name: string,
  own: string[],
  slots: string[],
  found: (KeyValue | undefined)[],
): Promise<void> {
  if (!conditions.isConditional) return;
  let fingerprint = '';
  for (let i = 0; i < own.length && !fingerprint; i++) {
    const slot = own[i] as string;
    fingerprint = await fingerprintOfValue(context, etcd, slot, found[slots.indexOf(slot)]);
  }
  conditions.check(name, fingerprint);
}

async function fingerprintOfValue(
  context: Context,
  etcd: Etcd,
  slot: string,
  kv: KeyValue | undefined,
): Promise<string> {
  const held = findHeld(context, slot);
  // A pair that came from etcd was deleted there, and will be removed here.
  if (!kv) return held && held.meta.source === 'etcd' ? '' : fingerprintOfHeld(held);
  // The slot has seen this value. Where it was refused, the pair that the slot still holds is the one that a client reads.
  if (versionOf(findPosition(etcd), kv.modRevision) === findVersion(etcd.zone, slot))
    return fingerprintOfHeld(held);
  try {
    const sent = readText(await openValue(etcd, slot, kv.value));
    return fingerprintOf(readPair(sent.pem, sent.keyPem, Date.now() / 1000).leaf);
  } catch {
    // A value that cannot be used is served nowhere.
    return fingerprintOfHeld(held);
  }
}

/** Whether a slot may already have a newer value than that of a revision. The caller must hold the slot's lock. */
function isOvertaken(etcd: Etcd, slot: string, revision: number): boolean {
  const held = findVersion(etcd.zone, slot);
  return hasPassed(findPosition(etcd), etcd.prefix + slot, held, revision);
}

/**
 * Undoes in etcd a change that could not be made here, unless another client has changed a key since.
 *
 * @param revision of the change; 0 for a delete, after which the keys do not exist
 */
async function rollBack(
  etcd: Etcd,
  slots: string[],
  before: (KeyValue | undefined)[],
  revision: number,
): Promise<void> {
  const keys = slots.map((slot) => etcd.prefix + slot);
  const compare = keys.map((key) => isUnchanged(key, revision));
  const operations = keys.map((key, i) => {
    const kv = before[i];
    return kv ? putOperation(key, kv.value) : deleteOperation(key);
  });
  try {
    await transact(etcd, compare, operations);
  } catch {
    // The change stays in etcd, and every nginx that follows it will have it.
  }
}
