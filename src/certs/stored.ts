import { isFileKey, nameOf, rsaKey, slotKeys } from '../config/slot';
import { LONGEST_ENTRY, placeEntry, readEntry, removeEntry } from '../disk/entries';
import { exists } from '../disk/fs';
import { type Store, versionPath } from '../disk/store';
import {
  ALL_NAMES,
  fingerprintIn,
  readVersion,
  retireMark,
  sweep,
  writeVersion,
} from '../disk/versions';
import { readLeaf } from '../x509/certificate';
import { fingerprintOf } from '../x509/description';
import { type Pair, readPair, servedPem } from '../x509/pair';
import { serverNamesOf } from '../x509/server_name';
import {
  type RecordMeta,
  STALE_TOKEN,
  holdsPair,
  isAnswer,
  isPointer,
  isVersion,
  makePointer,
  makeVersionRecord,
  markStale,
  pathOf,
  readMeta,
  targetOf,
} from '../zone/record';
import { foundIn } from './check';
import type { Context } from './context';

// What the store says of a slot, and what it is told. An entry of a slot is one of these, as JSON:
//
//   {"version":"FINGERPRINT.ID","token":"…","meta":{…}}   what is current, and the clear that it has seen
//   {"file":"*file:STEM","others":[…]}                    a pointer
//   {"deleted":true}                                      a mark: nothing is, since somebody deleted it

interface Entry {
  version?: string;
  token?: string;
  meta?: RecordMeta;
  file?: string;
  others?: string[];
  deleted?: true;
}

/** What a slot has, by the zone and the store together. */
export interface Current {
  /** Its record; undefined: nothing. */
  record: string | undefined;
  /** The version that the store has for it, and the text of that entry; '' for none. */
  version: string;
  entry: string;
  /** The record comes from the store: another nginx put it there, or this one before it was started anew. */
  isAdopted: boolean;
}

/**
 * What a slot has now. The store is the truth: a record in the zone never brings back what somebody else has deleted.
 *
 * @param text the slot's record in the zone; undefined: none
 */
export function currentOf(context: Context, slot: string, text: string | undefined): Current {
  const { store } = context;
  const none: Current = { record: undefined, version: '', entry: '', isAdopted: false };
  const meta = text === undefined ? null : readMeta(text);
  const isHere = text !== undefined && isVersion(text);
  const known: Current = Object.assign({}, none, { record: text });
  // The store that a version is in may be another one than the one that is set now, or be out of reach.
  if (!store) return isHere && !exists(pathOf(text)) ? none : known;
  const entry = readEntry(store, slot);
  const { version, meta: stored, file, others, deleted } = parse(entry);
  if (isPastStore(text, meta, store, version)) {
    return { record: text, version: version || '', entry: entry || '', isAdopted: false };
  }
  if (deleted) return text !== undefined && isAnswer(text) ? none : known;
  if (file !== undefined) {
    const isSame = text !== undefined && isPointer(text) && targetOf(text) === file;
    const record = isSame ? text : makePointer(file, others ? { others } : {});
    return Object.assign({}, none, { record, isAdopted: !isSame });
  }
  if (version === undefined || !stored) {
    const isGone = isHere && (meta?.store === store.id || !exists(pathOf(text)));
    return isGone ? none : known;
  }
  const isSame = isHere && pathOf(text) === versionPath(store, version) && exists(pathOf(text));
  const record = isSame ? text : adopt(context, store, slot, entry as string);
  return { record, version, entry: entry as string, isAdopted: !isSame };
}

/**
 * Whether a pair is text because the store could not take it, and the store has what it had then: the pair is the newer one.
 * It is so by its `store` and `before`.
 */
function isPastStore(
  text: string | undefined,
  meta: RecordMeta | null,
  store: Store,
  version: string | undefined,
): boolean {
  if (text === undefined || !meta || isVersion(text) || !holdsPair(text)) return false;
  return meta.store === store.id && meta.before === (version || '');
}

/**
 * The record of a slot that nobody has asked for since nginx was started: the next handshake reads and checks the version.
 *
 * @returns '' where the entry is a mark, or none
 */
export function dormantRecord(store: Store, entry: string): string {
  const { version, meta, file, others } = parse(entry);
  if (file !== undefined) return makePointer(file, others ? { others } : {});
  if (version === undefined || !meta) return '';
  const known = Object.assign({}, meta, { store: store.id });
  return markStale(makeVersionRecord(STALE_TOKEN, known, versionPath(store, version)));
}

/** Whether the store has something for a slot, be it a mark. */
export function hasEntry({ store }: Context, slot: string): boolean {
  return store !== undefined && readEntry(store, slot) !== undefined;
}

/** @returns an empty entry where the text is none */
function parse(text: string | undefined): Entry {
  if (text === undefined) return {};
  try {
    return (JSON.parse(text) as Entry | null) || {};
  } catch {
    return {};
  }
}

/**
 * The record of a version that the store has, once it is read and checked. Where it is no good, that of the version before
 * it, in which case the caller has to place it.
 *
 * @returns undefined where neither is good
 */
function adopt(context: Context, store: Store, slot: string, entry: string): string | undefined {
  const { version = '', token, meta: stored } = parse(entry);
  const meta = Object.assign({}, stored, { store: store.id }) as RecordMeta;
  const recordOf = (pair: Pair, name: string): string => {
    if (isFileKey(slot)) meta.found = foundIn(pair);
    meta.notAfter = pair.leaf.notAfter;
    const seen = token === context.storeToken ? context.token : STALE_TOKEN;
    return makeVersionRecord(seen, meta, versionPath(store, name));
  };
  let fault: string;
  try {
    return recordOf(readStored(store, version), version);
  } catch (e) {
    fault = (e as Error).message;
  }
  let record: string | undefined;
  try {
    const pair = readStored(store, meta.before || '');
    // Anew: the version before is about to be removed.
    record = recordOf(pair, writePair(store, pair, [slot], true));
  } catch {
    // Nor is that one there.
  }
  const consequence = record ? 'the version before it is served' : 'it is passed over';
  context.r.error(`cert_rotation: ${nameOf(slot)}: stored version: ${fault}; ${consequence}`);
  return record;
}

/** @throws malformed and other refusals: a power cut may have taken what was written without O_SYNC */
function readStored(store: Store, version: string): Pair {
  const pair = readPair(readVersion(store, version));
  if (fingerprintOf(pair.leaf) !== fingerprintIn(version)) {
    throw new Error(`${versionPath(store, version)}: it is not the certificate of that name`);
  }
  return pair;
}

/**
 * Writes a pair as a version; nothing leads to it yet.
 *
 * @param slots those that it is for
 * @param isDurable it is on the disk when this returns
 * @returns its name. Throws an error of the file system
 */
export function writePair(store: Store, pair: Pair, slots: string[], isDurable: boolean): string {
  const names = slots.map(nameOf).filter((name, i, all) => all.indexOf(name) === i);
  const owner = names.length > 1 ? ALL_NAMES : (slots[0] as string);
  return writeVersion(store, fingerprintOf(pair.leaf), servedPem(pair), owner, isDurable);
}

/**
 * The text of an entry for a version.
 *
 * @param token the store's clear token that it has seen
 * @param meta `before` is the version that it replaces
 */
export function entryOfVersion(version: string, token: string, meta: RecordMeta): string {
  const kept: Partial<RecordMeta> = Object.assign({}, meta);
  delete kept.problem;
  delete kept.store;
  const text = JSON.stringify({ version, token, meta: kept });
  if (text.length <= LONGEST_ENTRY) return text;
  // What names a file has is in its certificate as well.
  delete kept.found;
  return JSON.stringify({ version, token, meta: kept });
}

/** The version that an entry leads to; '' where it leads to none. */
export function versionOfEntry(entry: string | undefined): string {
  return parse(entry).version || '';
}

/** The clear that an entry has seen. */
export function tokenIn(entry: string): string {
  return parse(entry).token || STALE_TOKEN;
}

/** Makes the entry of a slot stale, as after a clear. @throws Error of the file system */
export function clearEntry(store: Store, slot: string): void {
  const entry = parse(readEntry(store, slot));
  if (entry.version === undefined) return;
  entry.token = STALE_TOKEN;
  placeEntry(store, slot, JSON.stringify(entry));
}

/** Makes a pointer what is current for a slot. What a link has no room for, the scan finds again. */
export function placePointer(store: Store, slot: string, file: string, others: string[]): void {
  let text = JSON.stringify({ file, others });
  if (text.length > LONGEST_ENTRY) text = JSON.stringify({ file });
  placeEntry(store, slot, text);
}

/**
 * Notes that a slot was deleted, and removes the mark later: until then every nginx that shares the store has seen it.
 *
 * @throws Error of the file system: neither a mark was made nor the entry removed
 */
export function placeMark(store: Store, slot: string): void {
  try {
    retireMark(store, slot);
    placeEntry(store, slot, JSON.stringify({ deleted: true }));
  } catch {
    // A full disk has no room for a mark, and a name can be taken away all the same.
    removeEntry(store, slot);
  }
}

/**
 * Removes versions and marks that are due.
 *
 * @returns whether more may be due. Throws an error of the file system
 */
export function sweepStore(store: Store, most: number): boolean {
  return sweep(
    store,
    {
      isCurrent: (version, owner) =>
        slotsOfOwner(store, version, owner).some(
          (slot) => parse(readEntry(store, slot)).version === version,
        ),
      removeMark: (slot) => {
        if (parse(readEntry(store, slot)).deleted) removeEntry(store, slot);
      },
    },
    most,
  );
}

/** The slots that a version may be current for. */
function slotsOfOwner(store: Store, version: string, owner: string): string[] {
  if (isFileKey(owner)) return [owner];
  if (owner !== ALL_NAMES) return [owner, rsaKey(owner)];
  try {
    const names = serverNamesOf(readLeaf(readVersion(store, version)));
    return names.reduce<string[]>((all, name) => all.concat(slotKeys(name, true, false)), []);
  } catch {
    // Another nginx may have removed it by now.
    return [];
  }
}
