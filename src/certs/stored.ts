import { isFileKey, nameOf, rsaKey, slotKeys } from '../config/slot';
import { LONGEST_ENTRY, placeEntry, readEntry, removeEntry } from '../disk/entries';
import { exists } from '../disk/fs';
import { type Store, versionPath } from '../disk/store';
import {
  ALL_NAMES,
  fingerprintIn,
  readVersion,
  retire,
  retireMark,
  sweep,
  writeVersion,
} from '../disk/versions';
import { readLeaf } from '../x509/certificate';
import { fingerprintOf } from '../x509/description';
import { type Pair, readPair, servedPem } from '../x509/pair';
import { serverNamesOf } from '../x509/server_name';
import type { RecordMeta } from '../zone/meta';
import {
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

// Reads and writes the entries of slots in the store. An entry is one of these, as JSON:
//
//   {"version":"FINGERPRINT.ID","token":"…","meta":{…}}   the current version, and the clear that it has seen
//   {"file":"*file:STEM","others":[…]}                    a pointer
//   {"deleted":true}                                      a mark: the slot's pair was deleted

interface StoreEntry {
  version?: string;
  token?: string;
  meta?: RecordMeta;
  file?: string;
  others?: string[];
  deleted?: true;
}

/** The state of a slot, by the zone and the store together. */
export interface Current {
  /** Its record; undefined where it has nothing. */
  record: string | undefined;
  /** The version that the store has for it; '' for none. */
  version: string;
  /** The text of the entry with that version; '' for none. */
  entry: string;
  /** Whether the record comes from the store: another nginx put it there, or this one did before a restart. */
  isAdopted: boolean;
}

/**
 * The state of a slot now. The store decides: a record in the zone never brings back a pair that another nginx has deleted.
 *
 * @param slot its key
 * @param text the slot's record in the zone; undefined where it has none
 */
export function currentOf(context: Context, slot: string, text: string | undefined): Current {
  const { store } = context;
  const none: Current = { record: undefined, version: '', entry: '', isAdopted: false };
  const meta = text === undefined ? null : readMeta(text);
  const isHere = text !== undefined && isVersion(text);
  const known: Current = Object.assign({}, none, { record: text });
  // The version may lie in another store than the one that is set now, or in one that is out of reach.
  if (!store) return isHere && !exists(pathOf(text)) ? none : known;
  const entry = readEntry(store, slot);
  const { version, meta: stored, file, others, deleted } = parseEntry(entry);
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
 * The record of a slot by its entry alone. The next handshake reads and checks the version.
 *
 * @returns '' where there is no entry, or one that is a mark or unreadable
 * @throws Error of the file system
 */
export function dormantRecord(store: Store, slot: string): string {
  const { version, meta, file, others } = parseEntry(readEntry(store, slot));
  if (file !== undefined) return makePointer(file, others ? { others } : {});
  if (version === undefined || !meta) return '';
  const known = Object.assign({}, meta, { store: store.id });
  return markStale(makeVersionRecord(STALE_TOKEN, known, versionPath(store, version)));
}

/** Whether the store has an entry for a slot, a mark included. */
export function hasEntry({ store }: Context, slot: string): boolean {
  return store !== undefined && readEntry(store, slot) !== undefined;
}

/** @returns an empty entry where the text is not JSON */
function parseEntry(text: string | undefined): StoreEntry {
  if (text === undefined) return {};
  try {
    return (JSON.parse(text) as StoreEntry | null) || {};
  } catch {
    return {};
  }
}

/**
 * Reads and checks the version of an entry, and makes its record. Where that version is damaged, the version before it is
 * written anew, and its record is returned: the caller has to place that one.
 *
 * @returns undefined where both are damaged
 */
function adopt(context: Context, store: Store, slot: string, entry: string): string | undefined {
  const { version = '', token, meta: stored } = parseEntry(entry);
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
    if (pair.keyProven) delete meta.isUnproven;
    else meta.isUnproven = true;
    meta.warnings = pair.warnings;
    // A sweep is about to remove the file of the version before.
    record = recordOf(pair, writePair(store, pair, [slot], true));
  } catch {
    // The version before is damaged or gone as well.
  }
  const consequence = record ? 'the version before it is served' : 'it is passed over';
  context.r.error(`cert_rotation: ${nameOf(slot)}: stored version: ${fault}; ${consequence}`);
  return record;
}

/**
 * Reads and checks a version: a power cut may have damaged one that was written without O_SYNC.
 *
 * @throws malformed and other refusals of `readPair`; Error where the file cannot be read, or has another certificate
 */
function readStored(store: Store, version: string): Pair {
  const pair = readPair(readVersion(store, version));
  if (fingerprintOf(pair.leaf) !== fingerprintIn(version)) {
    throw new Error(`${versionPath(store, version)}: it is not the certificate of that name`);
  }
  return pair;
}

/**
 * Writes a pair as a version, which no entry leads to yet.
 *
 * @param slots the keys of the slots that it is for
 * @param isDurable whether it is on the disk when this returns
 * @returns the version's name
 * @throws Error of the file system
 */
export function writePair(store: Store, pair: Pair, slots: string[], isDurable: boolean): string {
  const names = slots.map(nameOf).filter((name, i, all) => all.indexOf(name) === i);
  const owner = names.length > 1 ? ALL_NAMES : (slots[0] as string);
  return writeVersion(store, fingerprintOf(pair.leaf), servedPem(pair), owner, isDurable);
}

/**
 * The text of an entry for a version.
 *
 * @param token the store's clear token that the version has seen
 * @param meta `before` is the version that it replaces
 */
export function entryOfVersion(version: string, token: string, meta: RecordMeta): string {
  const kept: Partial<RecordMeta> = Object.assign({}, meta);
  delete kept.problem;
  delete kept.store;
  const textOf = (): string => JSON.stringify({ version, token, meta: kept });
  // The names of an issuer may take more bytes than characters.
  if (Buffer.byteLength(textOf()) > LONGEST_ENTRY) delete kept.warnings;
  // The names of a scanned file are in its certificate as well.
  if (textOf().length > LONGEST_ENTRY) delete kept.found;
  return textOf();
}

/** The version that an entry leads to; '' where it leads to none. */
export function versionOfEntry(entry: string | undefined): string {
  return parseEntry(entry).version || '';
}

/** The clear token that an entry has seen. */
export function tokenIn(entry: string): string {
  return parseEntry(entry).token || STALE_TOKEN;
}

/**
 * Makes the entry of a slot stale, as a clear does.
 *
 * @throws Error of the file system
 */
export function clearEntry(store: Store, slot: string): void {
  const entry = parseEntry(readEntry(store, slot));
  if (entry.version === undefined) return;
  entry.token = STALE_TOKEN;
  placeEntry(store, slot, JSON.stringify(entry));
}

/**
 * Makes a pointer the entry of a slot. Where the entry has no room for the other files, the scan finds them again.
 *
 * @param file the key of the file that it points to
 * @param others the keys of other files with a certificate for the name
 * @throws Error of the file system
 */
export function placePointer(store: Store, slot: string, file: string, others: string[]): void {
  let text = JSON.stringify({ file, others });
  if (text.length > LONGEST_ENTRY) text = JSON.stringify({ file });
  placeEntry(store, slot, text);
}

/**
 * Marks a slot as deleted. A sweep removes the mark and the version when every nginx that shares the store has seen it.
 *
 * @param version the slot's; '' for none
 * @throws Error of the file system where neither a mark could be made nor the entry removed
 */
export function placeMark(store: Store, slot: string, version: string): void {
  try {
    if (version) retire(store, version, slot);
    retireMark(store, slot);
    placeEntry(store, slot, JSON.stringify({ deleted: true }));
  } catch {
    // A full disk has no room for a mark, but the entry can be removed all the same. That makes room for the note.
    removeEntry(store, slot);
    retireIfRoom(store, version, slot);
  }
}

function retireIfRoom(store: Store, version: string, slot: string): void {
  try {
    if (version) retire(store, version, slot);
  } catch {
    // The version stays: removing it now would fail the handshakes that were just given its path.
  }
}

/**
 * Removes versions and marks that are due.
 *
 * @param most the number of them to look at
 * @returns whether more may be due
 * @throws Error of the file system
 */
export function sweepStore(store: Store, most: number): boolean {
  return sweep(
    store,
    {
      isCurrent: (version, owner) =>
        slotsOfOwner(store, version, owner).some(
          (slot) => parseEntry(readEntry(store, slot)).version === version,
        ),
      removeMark: (slot) => {
        if (parseEntry(readEntry(store, slot)).deleted) removeEntry(store, slot);
      },
    },
    most,
  );
}

/** The keys of the slots that a version may be current for. */
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
