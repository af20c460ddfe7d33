import { slotPaths } from '../config/paths';
import { LONGEST_FRESH_MS } from '../config/settings';
import { placeEntry, readEntry, removeEntry } from '../disk/entries';
import { stampOf } from '../disk/stamp';
import { type Store, versionPath } from '../disk/store';
import { retire } from '../disk/versions';
import { isRefusal, refuse } from '../engine/refusal';
import { proveKey } from '../x509/key_proof';
import { type Pair, servedPem } from '../x509/pair';
import { type Block, encodeBlock, readBlocks } from '../x509/pem';
import { readPrivateKey, withPoint } from '../x509/private_key';
import { clearToken } from '../zone/clear_token';
import { type Zone, isZoneFull } from '../zone/dict';
import { forgetMissing } from '../zone/misses';
import {
  type RecordMeta,
  isVersion,
  makeRecord,
  makeVersionRecord,
  withFreshUntil,
} from '../zone/record';
import { findRecord, putRecord, removeRecord } from '../zone/slots';
import type { Context } from './context';
import { sweepIfDue } from './keep';
import { entryOfVersion, placeMark, versionOfEntry, writePair } from './stored';

// How a pair that somebody puts in place, by a request or through etcd, comes to its slots, and how it leaves them.

/** The reason of `zone-full` where there was no room for a change. */
export const NO_ROOM = 'Nothing was changed. Give js_shared_dict_zone a larger size.';

/**
 * The pair with its key proven, in a form that proves itself the next time where that is possible.
 *
 * @throws (rejects with) key-mismatch, malformed, unsupported-key
 */
export async function provePair(pair: Pair): Promise<Pair> {
  await proveKey(pair);
  // A public key that was attached to a PKCS#8 key is not written with it.
  if (readPrivateKey(readBlocks(pair.key)[0] as Block).value !== '') return pair;
  const { curve } = pair.privateKey;
  if (curve === null) return pair;
  const privateKey = withPoint(pair.privateKey, curve, pair.leaf.publicKey.value);
  const key = encodeBlock(privateKey.label, privateKey.der);
  return Object.assign({}, pair, { privateKey, key });
}

/**
 * Puts a pair into slots: into the store, where there is one, then into the zone. The caller must hold the slots' locks.
 *
 * @param etcd the value's version, of `versionOf`, where the pair comes from there; '' where it does not
 * @returns the records, in the order of the slots
 * @throws zone-full, store-failed: every slot has what it had
 */
export function installPair(
  context: Context,
  zone: Zone,
  slots: string[],
  pair: Pair,
  etcd: string,
): string[] {
  const { store, misses } = context;
  // An etcd that is followed may have a newer pair than the store can take; a put can be refused.
  const version = slots.length > 0 ? storePair(context, slots, pair, etcd !== '') : '';
  const undone: (() => void)[] = [];
  const records: string[] = [];
  try {
    slots.forEach((slot) => {
      const meta = metaOf(context, slot, pair, etcd);
      if (store && version) placeVersion(context, store, slot, version, meta, undone);
      const record = version
        ? versionRecord(context, zone, store as Store, version, meta)
        : makeRecord(clearToken(zone), meta, servedPem(pair));
      undone.push(undoneBy(zone, slot));
      if (!putRecord(zone, slot, record)) refuse('zone-full', NO_ROOM);
      records.push(record);
    });
  } catch (e) {
    undone.reverse().forEach(quietly);
    throw isRefusal(e) || isZoneFull(e) ? e : storeFailed(e as Error);
  }
  if (misses)
    slots.forEach((slot) => {
      forgetMissing(misses, slot);
    });
  sweepIfDue(context);
  return records;
}

/** @returns the name of the version; '' where there is no store, or one that may be done without and cannot be written */
function storePair(
  { r, store, settings }: Context,
  slots: string[],
  pair: Pair,
  isOptional: boolean,
): string {
  try {
    if (store) return writePair(store, pair, slots, true);
    if (settings.store && !isOptional)
      throw new Error(`${settings.store} cannot be used as $cert_store`);
    return '';
  } catch (e) {
    if (!isOptional) throw storeFailed(e as Error);
    r.error(
      `cert_rotation: the store cannot be written: ${(e as Error).message}; the pair goes to nginx as text`,
    );
    return '';
  }
}

/** Makes a version what is current for a slot, and has the version before it removed in a minute. */
function placeVersion(
  { storeToken }: Context,
  store: Store,
  slot: string,
  version: string,
  meta: RecordMeta,
  undone: (() => void)[],
): void {
  const before = readEntry(store, slot);
  meta.store = store.id;
  meta.before = versionOfEntry(before);
  if (meta.before) retire(store, meta.before, slot);
  placeEntry(store, slot, entryOfVersion(version, storeToken, meta));
  undone.push(() => {
    if (before === undefined) removeEntry(store, slot);
    else placeEntry(store, slot, before);
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
  return withFreshUntil(record, Date.now() + Math.min(interval, LONGEST_FRESH_MS));
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
    // It wins over these until they change.
    files: stampOf(slotPaths(settings, slot)),
    notAfter: pair.leaf.notAfter,
    loadedAt: Date.now(),
  };
  if (etcd) meta.etcd = etcd;
  return meta;
}

/** The record of a pair that was put into a slot now, for who describes it. */
export function recordOfPut(context: Context, slot: string, pair: Pair, etcd: string): string {
  return makeRecord(context.token, metaOf(context, slot, pair, etcd), servedPem(pair));
}

/**
 * Drops what is in slots, from the store and the zone. The caller must hold the slots' locks.
 *
 * @throws store-failed: everything is as it was
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
    placeEntry(store, slot, before);
  });
}

/** A version in a store that cannot be reached now would be back with it. */
function expectNotStored({ settings }: Context, zone: Zone, slot: string): void {
  if (settings.store && isVersion(findRecord(zone, slot) || '')) {
    throw new Error(`${settings.store} cannot be used as $cert_store`);
  }
}

function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // A later sweep, or the next look at the store, comes to it.
  }
}

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
