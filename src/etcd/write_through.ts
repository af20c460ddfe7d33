import type { Context } from '../certs/context';
import { type Conditions, findAllHeld, findHeld, fingerprintOfHeld } from '../certs/held';
import { installPair, recordOf, removePair } from '../certs/install';
import { readText } from '../certs/pair_text';
import { rsaKey, slotsOf } from '../config/slot';
import { pathsToRead, stampOf } from '../disk/stamp';
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

// Writes that go to etcd first, so that all who follow it come to have them, and that this nginx has when they are answered.

/** Others may write the same key between a look and a conditional write. */
const MOST_ATTEMPTS = 10;

export interface Written {
  /** Whether one of the names had no pair. */
  isNew: boolean;
  /** The first name's. */
  record: string;
}

/**
 * Puts a pair into etcd, and in place here.
 *
 * @param targets the slots of each name
 * @throws (rejects with) store-unavailable, precondition-failed, zone-full, persist-failed: in all of them nothing is changed, but
 *   for an etcd that takes what it does not answer
 */
export async function putThrough(
  context: Context,
  conditions: Conditions,
  etcd: Etcd,
  names: string[],
  targets: string[][],
  pair: Pair,
): Promise<Written> {
  const { zone } = etcd;
  const slots = targets.reduce((all, own) => all.concat(own), []);
  const text = pair.chain + pair.key;
  const operations: Operation[] = [];
  for (let i = 0; i < slots.length; i++) {
    const slot = slots[i] as string;
    operations.push(putOperation(etcd.prefix + slot, await sealValue(etcd, slot, text)));
  }
  const { before, revision } = await change(conditions, etcd, slots, operations, async (found) => {
    for (let i = 0; i < names.length; i++) {
      await expectMet(conditions, etcd, names[i] as string, targets[i] as string[], slots, found);
    }
  });
  const isNew = targets.some((own) =>
    own.every((slot) => !before[slots.indexOf(slot)] && !findHeld(zone, slot)),
  );
  try {
    const record = await withLocks(zone, [FOLLOWER].concat(slots), () => {
      const position = findPosition(etcd);
      const version = versionOf(position, revision);
      const open = slots.filter((slot) => !isOvertaken(etcd, slot, revision));
      const created = open.map((slot) => before[slots.indexOf(slot)]?.createRevision ?? revision);
      if (position) noteNew(etcd, position, open, created);
      installPair(context, zone, open, pair, version);
      return recordOf(context, zone, slots[0] as string, pair, version);
    });
    return { isNew, record };
  } catch (e) {
    await takeBack(etcd, slots, before, revision);
    throw e;
  }
}

/**
 * Deletes a name from etcd, and here.
 *
 * @returns the revision of etcd since which it is gone
 * @throws (rejects with) not-found, and what `putThrough` does but for zone-full
 */
export async function deleteThrough(
  context: Context,
  conditions: Conditions,
  etcd: Etcd,
  name: string,
): Promise<number> {
  const { zone } = etcd;
  const { settings } = context;
  const slots = [name, rsaKey(name)];
  const persisted = settings.isPersistent ? slotsOf(settings, name) : [];
  const operations = slots.map((slot) => deleteOperation(etcd.prefix + slot));
  const { before, revision } = await change(conditions, etcd, slots, operations, async (found) => {
    await expectMet(conditions, etcd, name, slots, slots, found);
    const isThere =
      found.some((kv) => kv !== undefined) ||
      findAllHeld(zone, settings, name).length > 0 ||
      persisted.some((slot) => stampOf(pathsToRead(settings, slot)) !== '');
    if (!isThere) refuse('not-found', `Nothing is held under ${name}.`);
  });
  try {
    await withLocksIfRoom(zone, [FOLLOWER].concat(slots), () => {
      const open = slots.filter((slot) => !isOvertaken(etcd, slot, revision));
      removePair(
        settings,
        zone,
        open,
        persisted.filter((slot) => open.indexOf(slot) >= 0),
      );
    });
  } catch (e) {
    await takeBack(etcd, slots, before, 0);
    throw e;
  }
  return revision;
}

interface Change {
  /** What the slots had in etcd until then. */
  before: (KeyValue | undefined)[];
  revision: number;
}

/**
 * Does all operations at once, for a conditional request only while what it was judged by is unchanged.
 *
 * Reads first also where nothing is judged by it: an etcd that is halted, or cut off, would do later what it was sent and
 * has not answered.
 *
 * @param expect throws where the request is not to be done
 */
async function change(
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
  return refuse('precondition-failed', 'Others write it all the time. Read it again.');
}

/**
 * Notes which keys were not there before: see `expectNew`.
 *
 * @param created of each slot's key
 */
function noteNew(etcd: Etcd, position: Position, slots: string[], created: number[]): void {
  let isToNote = false;
  for (let i = 0; i < slots.length; i++) {
    const key = etcd.prefix + (slots[i] as string);
    isToNote = expectNew(position, key, created[i] as number) || isToNote;
  }
  if (isToNote) putPosition(etcd.zone, position);
}

/** Checks the conditions against what etcd has; where it has nothing, against what this nginx has of its own. */
async function expectMet(
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
    fingerprint = await fingerprintIn(etcd, slot, found[slots.indexOf(slot)]);
  }
  conditions.check(name, fingerprint);
}

async function fingerprintIn(etcd: Etcd, slot: string, kv: KeyValue | undefined): Promise<string> {
  const held = findHeld(etcd.zone, slot);
  // What came from etcd is gone there.
  if (!kv) return held && held.meta.source === 'etcd' ? '' : fingerprintOfHeld(held);
  // Also where it was refused: what is held is what a client sees.
  if (versionOf(findPosition(etcd), kv.modRevision) === findVersion(etcd.zone, slot))
    return fingerprintOfHeld(held);
  try {
    const sent = readText(await openValue(etcd, slot, kv.value));
    return fingerprintOf(readPair(sent.pem, sent.keyPem).leaf);
  } catch {
    // Nobody serves it.
    return fingerprintOfHeld(held);
  }
}

/** Whether what came after a revision may be in a locked slot already. */
function isOvertaken(etcd: Etcd, slot: string, revision: number): boolean {
  const held = findVersion(etcd.zone, slot);
  return hasPassed(findPosition(etcd), etcd.prefix + slot, held, revision);
}

/** Undoes a change that could not be done here, unless somebody has made another one. */
async function takeBack(
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
    // It stays there, and who follows etcd serves it.
  }
}
