import { expectAcceptable } from '../certs/accept';
import type { Context } from '../certs/context';
import { installPair, provePair, removePair } from '../certs/install';
import { readText } from '../certs/pair_text';
import { dormantRecord } from '../certs/stored';
import { isFileKey, nameOf } from '../config/slot';
import { LARGEST_FILE, exists } from '../disk/fs';
import { isRefusal, refuse } from '../engine/refusal';
import { readPair } from '../x509/pair';
import { normaliseWithWildcard } from '../x509/server_name';
import { clearToken } from '../zone/clear_token';
import { count, refusalLabels } from '../zone/counters';
import { type Zone, isZoneFull } from '../zone/dict';
import { withLocks, withLocksIfRoom } from '../zone/locks';
import type { Problem, RecordMeta } from '../zone/meta';
import { isAnswer, isVersion, makeRecord, pathOf, readMeta, withMeta } from '../zone/record';
import { findRecord, findSummary, findVersion, putRecord } from '../zone/slots';
import { readSummary } from '../zone/summary';
import type { Etcd } from './client';
import { expectFollower, historyIdIn, revisionIn } from './position';
import { openValue } from './seal';

// Applies one etcd key to the zone: a put installs the pair, a delete removes it. The key is the prefix, followed by the key of a
// slot: a name, a wildcard, or one of these with the suffix of the RSA slot.

/** The zone to change, and the right to change it. */
export interface Target {
  context: Context;
  zone: Zone;
  etcd: Etcd;
  /** The ticket of the lock `FOLLOWER`; '' where the zone has no room for that lock: nothing but deletes may be applied then. */
  ticket: string;
}

/**
 * Changes a slot under its lock.
 *
 * @throws (rejects with) store-unavailable: see `expectFollower`
 */
function withSlot<T>({ zone, ticket }: Target, slot: string, work: () => T): Promise<T> {
  return withLocks(zone, [slot], () => {
    expectFollower(zone, ticket);
    return work();
  });
}

/**
 * Changes a slot under its lock as `withSlot` does, for work that makes room in the zone, or needs none: see `withLocksIfRoom`.
 *
 * @throws (rejects with) store-unavailable: see `expectFollower`
 */
function withSlotIfRoom<T>({ zone, ticket }: Target, slot: string, work: () => T): Promise<T> {
  return withLocksIfRoom(zone, [slot], () => {
    if (ticket) expectFollower(zone, ticket);
    return work();
  });
}

/**
 * Installs the pair of a value. A value that is refused is counted, logged, and noted in the slot's record; the pair that the slot
 * holds stays.
 *
 * @param slot the slot's key, for which `isSlotKey` is true
 * @param value as etcd has it: PEM or JSON, sealed where `$cert_seal_key_file` is set
 * @param version of the value: see `versionOf`
 * @throws (rejects with) store-unavailable: see `expectFollower`
 */
export async function applyPut(
  into: Target,
  slot: string,
  value: string,
  version: string,
): Promise<void> {
  const { context, zone, etcd } = into;
  const name = nameOf(slot);
  try {
    if (value.length > LARGEST_FILE) refuse('malformed', 'the value is larger than 1 MiB');
    const sent = readText(await openValue(etcd, slot, value));
    const pair = readPair(sent.pem, sent.keyPem, Date.now() / 1000);
    expectAcceptable(context, slot, pair, { from: 'sender' });
    const proven = await provePair(context, pair);
    await withSlot(into, slot, () => installPair(context, zone, [slot], proven, version));
    const until = new Date(pair.leaf.notAfter * 1000).toISOString();
    context.r.log(
      `cert_rotation: ${name}: taken from etcd ${whereIn(version)}, valid until ${until}`,
    );
  } catch (e) {
    const code = isRefusal(e) ? e.code : isZoneFull(e) ? 'zone-full' : 'internal';
    if (code === 'store-unavailable') throw e;
    await noteRefused(into, slot, version, {
      code,
      detail: (e as Error).message,
      isOfEtcd: true,
    });
  }
}

/**
 * Whether a slot has a value of etcd, taken or refused. It has not where the file of its version is not there, as after a power
 * cut.
 *
 * @param version of the value: see `versionOf`
 */
export function hasValue(zone: Zone, slot: string, version: string): boolean {
  if (findVersion(zone, slot) !== version) return false;
  const record = findRecord(zone, slot) || '';
  return !isVersion(record) || exists(pathOf(record));
}

/**
 * Whether a text is the key of a slot that etcd may fill. The keys of scanned files are not: a scan alone writes those.
 *
 * @param text an etcd key without the prefix
 */
export function isSlotKey(text: string): boolean {
  const name = isFileKey(text) ? '' : nameOf(text);
  return name !== '' && normaliseWithWildcard(name) === name;
}

/**
 * Logs in one line that etcd has keys that belong to no slot.
 *
 * @param texts those keys, without the prefix; none are logged where it is empty
 */
export function noteForeign({ context }: Target, texts: string[]): void {
  const first = texts[0];
  if (first === undefined) return;
  const more = texts.length > 1 ? `, and ${texts.length - 1} more like it` : '';
  context.r.error(
    `cert_rotation: etcd has the key "${printable(first)}", which is no server name, nor a wildcard${more}`,
  );
}

function whereIn(version: string): string {
  return `at revision ${revisionIn(version)}`;
}

/** A key in a form that is safe to log: anybody who can write to etcd may choose its bytes. */
function printable(text: string): string {
  return text.slice(0, 100).replace(/[^!-~]/g, '?');
}

async function noteRefused(
  into: Target,
  slot: string,
  version: string,
  problem: Problem,
): Promise<void> {
  const { context, zone } = into;
  const isPair = await withSlotIfRoom(into, slot, () => {
    const held = findRecord(zone, slot) || '';
    const last = readMeta(held);
    const token = clearToken(zone);
    const record =
      last && isAnswer(held)
        ? withMeta(held, token, Object.assign({}, last, { problem, etcd: version }))
        : makeRecord(token, refusedFacts(problem, version), null);
    putRecord(zone, slot, record);
    return isAnswer(record);
  });
  count(zone, 'refusals_total', refusalLabels('etcd', problem.code));
  const consequence = isPair ? 'the pair held before is still served' : 'nothing is served for it';
  context.r.error(
    `cert_rotation: ${nameOf(slot)}: ${problem.code}: ${problem.detail} (etcd ${whereIn(version)}); ${consequence}`,
  );
}

function refusedFacts(problem: Problem, etcd: string): RecordMeta {
  return { source: 'etcd', files: '', notAfter: 0, loadedAt: 0, problem, etcd };
}

/** The listing of etcd that lacks a key. */
export interface Listing {
  historyId: string;
  /** The revision of etcd when the keys were listed. */
  revision: number;
  /** The listing is due to a clear: see KeyRange. */
  isCleared: boolean;
}

/** Whether `applyDelete` would change a slot whose key is gone from etcd. */
export function isToDelete(zone: Zone, slot: string, listing: Listing): boolean {
  const version = findVersion(zone, slot);
  if (version === '' || isNewer(version, listing)) return false;
  return listing.isCleared || readSummary(findSummary(zone, slot)).problem !== GONE.code;
}

/**
 * Whether a slot whose key is gone from etcd has a pair of etcd in the store, where the zone has nothing for it: the key was
 * deleted while nginx was down. A pair from another history stays.
 */
export function isStoredToDelete(context: Context, slot: string, listing: Listing): boolean {
  const meta = readMeta(storedIn(context, slot));
  if (meta?.source !== 'etcd' || meta.etcd === undefined) return false;
  return historyIdIn(meta.etcd) === listing.historyId && !isNewer(meta.etcd, listing);
}

/** Whether a value was written after the listing: another nginx on the store may be ahead of this one. */
function isNewer(version: string, { historyId, revision }: Listing): boolean {
  return historyIdIn(version) === historyId && revisionIn(version) > revision;
}

/** The record of the pair that the store has for a slot; '' for none. */
function storedIn({ store }: Context, slot: string): string {
  try {
    return store ? dormantRecord(store, slot) : '';
  } catch {
    // Where a pair has to be removed, `removePair` says what is wrong with the store.
    return '';
  }
}

/**
 * Removes the pair of a slot whose key is gone from etcd. A pair that came from another history stays until it is cleared or
 * deleted: nobody has deleted it from this etcd, which may be empty by mistake. Its files stay even after a clear.
 *
 * @param listing a clear removes the pair whatever history it came from
 * @returns whether the slot was emptied; false also where `removePair` failed, which the record then notes
 * @throws (rejects with) store-unavailable: see `expectFollower`
 */
export async function applyDelete(into: Target, slot: string, listing: Listing): Promise<boolean> {
  const { r } = into.context;
  const why = await withSlotIfRoom(into, slot, () => removeOrKeep(into, slot, listing));
  const name = nameOf(slot);
  if (why === null) r.log(`cert_rotation: ${name}: deleted in etcd, and removed here`);
  if (why) {
    r.error(`cert_rotation: ${name}: ${why.code}: ${why.detail}; what is held is still served`);
  }
  return why === null;
}

/** @returns null where the slot was emptied; the reason why not, where it is a new one; undefined where there is nothing to say */
function removeOrKeep(
  { context, zone, ticket }: Target,
  slot: string,
  listing: Listing,
): Problem | null | undefined {
  const stored = storedIn(context, slot);
  const current = findRecord(zone, slot) ?? stored;
  const meta = readMeta(current);
  if (!meta || meta.etcd === undefined) return undefined;
  if (isNewer(readMeta(stored)?.etcd || '', listing)) return undefined;
  const keepFor = (reason: Problem): Problem | undefined => {
    const noted = Object.assign({}, meta, { problem: reason });
    putRecord(zone, slot, withMeta(current, clearToken(zone), noted));
    return meta.problem?.detail === reason.detail ? undefined : reason;
  };
  if (meta.source !== 'etcd') {
    const rest = Object.assign({}, meta);
    delete rest.etcd;
    if (meta.problem?.isOfEtcd) delete rest.problem;
    putRecord(zone, slot, withMeta(current, clearToken(zone), rest));
    return undefined;
  }
  if (historyIdIn(meta.etcd) !== listing.historyId) {
    // Without the lock another worker may have begun a new history since the listing.
    if (!ticket) return undefined;
    if (!listing.isCleared) return keepFor(GONE);
  }
  try {
    removePair(context, zone, [slot]);
  } catch (e) {
    if (!isRefusal(e)) throw e;
    return keepFor({ code: e.code, isOfEtcd: true, detail: e.message });
  }
  return null;
}

const GONE: Problem = {
  code: 'gone',
  isOfEtcd: true,
  detail: 'etcd was replaced or restored and does not have this name; a clear removes it',
};
