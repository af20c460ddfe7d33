import { slotPaths } from '../config/paths';
import type { Settings } from '../config/settings';
import { placeEntry, readEntry, removeEntry } from '../disk/entries';
import { exists } from '../disk/fs';
import { stampOf } from '../disk/stamp';
import { type Store, versionPath } from '../disk/store';
import { refuse } from '../engine/refusal';
import { proveKey } from '../x509/key_proof';
import { type Pair, servedPem } from '../x509/pair';
import { type Block, encodeBlock, readBlocks } from '../x509/pem';
import { readPrivateKey, withPoint } from '../x509/private_key';
import { clearToken } from '../zone/clear_token';
import type { Zone } from '../zone/dict';
import type { RecordMeta } from '../zone/meta';
import { forgetMissing } from '../zone/misses';
import {
  isVersion,
  makeRecord,
  makeVersionRecord,
  pathOf,
  readMeta,
  withFreshUntil,
} from '../zone/record';
import { findRecord, putRecord, removeRecord } from '../zone/slots';
import type { Context } from './context';
import { versionOfEntry } from './entry_text';
import { countFault, replaceVersion, sayFault, sweepIfDue } from './keep';
import { versionIn } from './pem_of_record';
import { placeMark, writePair } from './stored';

// Installs pairs that come by a request or from etcd in their slots, and removes them.

/** The detail of `zone-full` where there was no room for a change. */
export const NO_ROOM = 'Nothing was changed. Give js_shared_dict_zone a larger size.';

/**
 * Proves the key of a pair by using it. A key of a kind that this engine cannot use stays unproven, and is taken where there is a
 * store: nginx is given a path then, and its log shows nothing of a key that OpenSSL refuses.
 *
 * @returns the pair. A key without a public part gets one where it can, so that the next reader need not use it
 * @throws (rejects with) key-mismatch, malformed, unsupported-key
 */
export async function provePair({ store }: Context, pair: Pair): Promise<Pair> {
  const { curve, kind } = pair.privateKey;
  if (!(await proveKey(pair))) {
    if (store) return pair;
    refuse(
      'unsupported-key',
      `this njs cannot tell whether an ${kind} key belongs to a certificate; use ECDSA or RSA, or set $cert_store`,
    );
  }
  // A public key that was attached to a PKCS#8 key is not written with it.
  if (readPrivateKey(readBlocks(pair.key)[0] as Block).value !== '') return pair;
  const proven = Object.assign({}, pair, { keyProven: true });
  if (curve === null) return proven;
  const privateKey = withPoint(pair.privateKey, curve, pair.leaf.publicKey.value);
  const key = encodeBlock(privateKey.label, privateKey.der);
  return Object.assign(proven, { privateKey, key });
}

/**
 * Installs a pair in slots: in the store, where there is one, then in the zone. The caller must hold the slots' locks.
 *
 * @param slots their keys
 * @param etcd the version of the value in etcd, of `versionOf`; '' where the pair does not come from etcd
 * @returns the records, in the order of the slots
 * @throws zone-full, store-failed. Every slot keeps what it had then
 */
export function installPair(
  context: Context,
  zone: Zone,
  slots: string[],
  pair: Pair,
  etcd: string,
): string[] {
  const { store, misses } = context;
  // A pair of etcd is served even where the store cannot take it, because etcd has it already. A put can be refused. An unproven key
  // never goes to nginx as text.
  const isOptional = etcd !== '' && pair.keyProven;
  const version = slots.length > 0 ? storePair(context, slots, pair, isOptional) : '';
  const undone: (() => void)[] = [];
  const records: string[] = [];
  try {
    slots.forEach((slot) => {
      const meta = metaOf(context, slot, pair, etcd);
      if (store && version) placeVersion(context, store, slot, version, meta, undone);
      else noteStored(context, zone, slot, meta);
      const record = version
        ? versionRecord(context, zone, store as Store, version, meta)
        : makeRecord(clearToken(zone), meta, servedPem(pair));
      undone.push(undoneBy(zone, slot));
      if (!putRecord(zone, slot, record)) refuse('zone-full', NO_ROOM);
      records.push(record);
    });
  } catch (e) {
    undone.reverse().forEach(quietly);
    throw e;
  }
  if (misses)
    slots.forEach((slot) => {
      forgetMissing(misses, slot);
    });
  sweepIfDue(context);
  return records;
}

/**
 * Writes the pair as a version.
 *
 * @param isOptional whether the pair may do without, where the store cannot be written
 * @returns the version's name; '' where there is none
 * @throws store-failed
 */
function storePair(context: Context, slots: string[], pair: Pair, isOptional: boolean): string {
  const { store, settings } = context;
  if (!settings.store && !store) return '';
  try {
    const version = writePair(store || storeAway(settings), pair, slots, true);
    sayFault(context, '');
    return version;
  } catch (e) {
    if (!isOptional) throw storeFailed(e as Error);
    // Why the folder is no store, is said where it is opened.
    if (store) sayFault(context, (e as Error).message);
    else countFault(context);
    return '';
  }
}

/** @throws Error, always */
function storeAway({ store }: Settings): never {
  throw new Error(`$cert_store "${store}" cannot be used`);
}

/**
 * Makes a version the current one of a slot, and notes the one before it, which a sweep removes.
 *
 * @param meta gets the store and the version before
 * @param undone gets the step that takes this back
 * @throws store-failed: what was current stays
 */
function placeVersion(
  context: Context,
  store: Store,
  slot: string,
  version: string,
  meta: RecordMeta,
  undone: (() => void)[],
): void {
  const before = orStoreFailed(() => readEntry(store, slot));
  meta.store = store.id;
  meta.before = versionOfEntry(before);
  orStoreFailed(() => {
    replaceVersion(context, store, slot, meta.before || '', version, meta);
  });
  // What another nginx has put since stays.
  const isStill = (held: string | undefined): boolean => versionOfEntry(held) === version;
  undone.push(() => {
    if (before === undefined) removeEntry(store, slot, isStill);
    else placeEntry(store, slot, before, isStill);
  });
}

/** Notes what the store has instead of a pair that it cannot take, which goes before that: see `currentOf`. */
function noteStored({ store }: Context, zone: Zone, slot: string, meta: RecordMeta): void {
  const last = findRecord(zone, slot) || '';
  // Of a store that cannot be reached, the record before tells it.
  const known = readMeta(last);
  const id = store ? store.id : known?.store;
  if (id === undefined) return;
  meta.store = id;
  meta.before = isVersion(last) ? versionIn(last) : known?.before || '';
  quietly(() => {
    if (store) meta.before = versionOfEntry(readEntry(store, slot));
  });
}

function versionRecord(
  { interval }: Context,
  zone: Zone,
  store: Store,
  version: string,
  meta: RecordMeta,
): string {
  const record = makeVersionRecord(clearToken(zone), meta, versionPath(store, version));
  return withFreshUntil(record, Date.now(), interval);
}

function undoneBy(zone: Zone, slot: string): () => void {
  const before = findRecord(zone, slot);
  return () => {
    if (before === undefined) removeRecord(zone, slot);
    else putRecord(zone, slot, before);
  };
}

function metaOf({ settings }: Context, slot: string, pair: Pair, etcd: string): RecordMeta {
  const meta: RecordMeta = {
    source: etcd ? 'etcd' : 'api',
    // The pair wins over the files until these change.
    files: stampOf(slotPaths(settings, slot)),
    notAfter: pair.leaf.notAfter,
    loadedAt: Date.now(),
  };
  if (etcd) meta.etcd = etcd;
  if (!pair.keyProven) meta.isUnproven = true;
  if (pair.warnings.length > 0) meta.warnings = pair.warnings;
  return meta;
}

/** The record of a pair that was put into a slot now, for its description in an answer. */
export function recordOfPut(context: Context, slot: string, pair: Pair, etcd: string): string {
  return makeRecord(context.token, metaOf(context, slot, pair, etcd), servedPem(pair));
}

/**
 * Checks that the store is there in which the slots may have pairs: one that is away would bring them back.
 *
 * @param slots their keys
 * @throws store-failed
 */
export function expectStore({ store, settings }: Context, zone: Zone, slots: string[]): void {
  if (!settings.store) return;
  orStoreFailed(() => {
    if (!store) return storeAway(settings);
    slots.forEach((slot) => {
      const record = findRecord(zone, slot) || '';
      if (!isVersion(record) || readMeta(record)?.store === store.id) return;
      const path = pathOf(record);
      if (!exists(path)) throw new Error(`${path}: the store that has it is away`);
    });
  });
}

/**
 * Removes the pairs of slots from the store and the zone. The caller must hold the slots' locks.
 *
 * @throws store-failed. Every slot keeps what it had then
 */
export function removePair(context: Context, zone: Zone, slots: string[]): void {
  const { store } = context;
  const undone: (() => void)[] = [];
  try {
    slots.forEach((slot) => {
      if (store) dropEntry(store, slot, undone);
      else expectNotStored(context, zone, slot);
    });
  } catch (e) {
    undone.reverse().forEach(quietly);
    throw storeFailed(e as Error);
  }
  slots.forEach((slot) => {
    removeRecord(zone, slot);
  });
  sweepIfDue(context);
}

function dropEntry(store: Store, slot: string, undone: (() => void)[]): void {
  const before = readEntry(store, slot);
  if (before === undefined) return;
  placeMark(store, slot, versionOfEntry(before));
  undone.push(() => {
    placeEntry(store, slot, before, (held) => versionOfEntry(held) === '');
  });
}

/**
 * Checks that a slot's version is not in a store that cannot be reached now: it would come back with the store.
 *
 * @throws Error
 */
function expectNotStored({ settings }: Context, zone: Zone, slot: string): void {
  if (settings.store && isVersion(findRecord(zone, slot) || '')) storeAway(settings);
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // A later sweep, or the next look at the store, makes up for it.
  }
}

function orStoreFailed<T>(work: () => T): T {
  try {
    return work();
  } catch (e) {
    throw storeFailed(e as Error);
  }
}

/** The refusal `store-failed` for an error of the file system. */
function storeFailed(e: Error): Error {
  try {
    return refuse(
      'store-failed',
      `${e.message}. Nothing was changed. Workers write the store: give their user the right to, and room.`,
    );
  } catch (refusal) {
    return refusal as Error;
  }
}
