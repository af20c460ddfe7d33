import { isFileKey, nameOf, rsaKey, slotKeys } from '../config/slot';
import { fitsEntry, placeEntry, readEntry, removeEntry } from '../disk/entries';
import type { Condition } from '../disk/place';
import { exists } from '../disk/fs';
import { type Store, versionPath } from '../disk/store';
import {
  type Swept,
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
import { clearedEntry, isOfNameClear, parseEntry, versionOfEntry } from './entry_text';

// Reads and writes the entries of slots in the store: see entry_text.ts.

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
  const { version, token, meta: stored, file, others, deleted } = parseEntry(entry);
  if (isPastStore(text, meta, store, version)) {
    return { record: text, version: version || '', entry: entry || '', isAdopted: false };
  }
  if (deleted) return text !== undefined && isAnswer(text) ? none : known;
  if (file !== undefined) {
    const isSame = text !== undefined && isPointer(text) && targetOf(text) === file;
    const record = isSame ? text : pointerTo(file, others);
    return Object.assign({}, none, { record, isAdopted: !isSame });
  }
  if (version === undefined || !stored) {
    const isGone = isHere && (meta?.store === store.id || !exists(pathOf(text)));
    return isGone ? none : known;
  }
  const isSame = isHere && pathOf(text) === versionPath(store, version) && exists(pathOf(text));
  const record = isSame
    ? isOfNameClear(token || STALE_TOKEN)
      ? markStale(text)
      : text
    : adopt(context, store, slot, entry as string);
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
  if (file !== undefined) return pointerTo(file, others);
  if (version === undefined || !meta) return '';
  const known = Object.assign({}, meta, { store: store.id });
  return markStale(makeVersionRecord(STALE_TOKEN, known, versionPath(store, version)));
}

/** The pointer that an entry with `file` and `others` stands for. */
function pointerTo(file: string, others: string[] | undefined): string {
  return makePointer(file, others ? { others } : {});
}

/** Whether the store has an entry for a slot, a mark included. */
export function hasEntry({ store }: Context, slot: string): boolean {
  return store !== undefined && readEntry(store, slot) !== undefined;
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
 * Makes the entry of a slot stale, as a clear does. The first nginx that looks at the slot's files after it brings the entry up
 * to date.
 *
 * @throws Error of the file system
 */
export function clearEntry(store: Store, slot: string): void {
  for (;;) {
    const before = readEntry(store, slot);
    if (versionOfEntry(before) === '') return;
    if (placeEntry(store, slot, clearedEntry(before as string), (held) => held === before)) return;
  }
}

/**
 * Makes a pointer the entry of a slot. Where the entry has no room for the other files, the scan finds them again.
 *
 * @param file the key of the file that it points to
 * @param others the keys of other files with a certificate for the name
 * @param mayReplace as in `placeEntry`
 * @throws Error of the file system
 */
export function placePointer(
  store: Store,
  slot: string,
  file: string,
  others: string[],
  mayReplace?: Condition,
): void {
  let text = JSON.stringify({ file, others });
  if (!fitsEntry(text)) text = JSON.stringify({ file });
  placeEntry(store, slot, text, mayReplace);
}

/**
 * Marks a slot as deleted. A sweep removes the mark and the version when every nginx that shares the store has seen it.
 *
 * @param version the slot's; '' for none
 * @param mayReplace as in `placeEntry`
 * @throws Error of the file system where neither a mark could be made nor the entry removed
 */
export function placeMark(
  store: Store,
  slot: string,
  version: string,
  mayReplace?: Condition,
): void {
  try {
    if (version) retire(store, version, slot);
    retireMark(store, slot);
    placeEntry(store, slot, JSON.stringify({ deleted: true }), mayReplace);
  } catch {
    // A full disk has no room for a mark, but the entry can be removed all the same. That makes room for the note.
    removeEntry(store, slot, mayReplace);
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
 */
export function sweepStore(store: Store, most: number): Swept {
  return sweep(
    store,
    {
      isCurrent: (version, owner) =>
        slotsOfOwner(store, version, owner).some(
          (slot) => parseEntry(readEntry(store, slot)).version === version,
        ),
      removeMark: (slot) => {
        removeEntry(store, slot, (held) => parseEntry(held).deleted === true);
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
