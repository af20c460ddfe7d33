import { listIfThere, readLink, stat } from './fs';
import { type ClaimedLink, type Condition, placeLink, removeLink, replaceLink } from './place';
import { type Store, claimPath, entryPath } from './store';

// Entries tell which version is current for each slot. An entry is a symlink whose target is text and leads nowhere: one
// rename replaces it, and one readlink reads it. The clear token is such a symlink as well.

/** The length of the longest entry, in bytes. XFS takes a target of 1024 (XFS_SYMLINK_MAXLEN), other file systems of 4095. */
export const LONGEST_ENTRY = 1000;

/** Whether a text is short enough for an entry. */
export function fitsEntry(text: string): boolean {
  return Buffer.byteLength(text) <= LONGEST_ENTRY;
}

/**
 * The text of a slot's entry.
 *
 * @returns undefined where there is none
 * @throws Error of the file system
 */
export function readEntry(store: Store, slot: string): string | undefined {
  return readLink(entryPath(store, slot));
}

/** The condition that every entry meets. */
const always: Condition = () => true;

/**
 * Replaces a slot's entry. With a condition it is the way to change an entry that was read: what another nginx has placed since
 * is not undone.
 *
 * @param text for which `fitsEntry` is true
 * @param mayReplace gets the text of the entry that is there; undefined where there is none
 * @returns false where the entry that is there does not meet the condition
 * @throws Error of the file system. The entry that was there stays
 */
export function placeEntry(
  store: Store,
  slot: string,
  text: string,
  mayReplace: Condition = always,
): boolean {
  return replaceLink(store, linkOf(store, slot), text, mayReplace);
}

/**
 * Removes a slot's entry if it is there.
 *
 * @param mayRemove as in `placeEntry`
 * @throws Error of the file system
 */
export function removeEntry(store: Store, slot: string, mayRemove: Condition = always): void {
  removeLink(store, linkOf(store, slot), mayRemove);
}

function linkOf(store: Store, slot: string): ClaimedLink {
  return { path: entryPath(store, slot), claim: claimPath(store, slot) };
}

/**
 * The store's clear token.
 *
 * @returns undefined where there was no clear yet
 * @throws Error of the file system
 */
export function readClearToken({ root }: Store): string | undefined {
  return readLink(`${root}/clear`);
}

/**
 * Replaces the store's clear token.
 *
 * @throws Error of the file system. The token that was there stays
 */
export function placeClearToken(store: Store, token: string): void {
  placeLink(store, `${store.root}/clear`, token);
}

/**
 * The store's note which history of etcd its pairs come from.
 *
 * @returns undefined where there is none
 * @throws Error of the file system
 */
export function readHistory({ root }: Store): string | undefined {
  return readLink(`${root}/etcd`);
}

/**
 * Replaces that note.
 *
 * @throws Error of the file system. The note that was there stays
 */
export function placeHistory(store: Store, text: string): void {
  placeLink(store, `${store.root}/etcd`, text);
}

/** One of the folders that entries are divided into. */
export interface Shard {
  /** Its path below the store's root, such as `names/0a`. */
  path: string;
  /** Makes the slot's key from the name of an entry. */
  toSlot: (name: string) => string;
}

/**
 * The shards of one kind of slots.
 *
 * @param folder `names`, `rsa` or `files`
 * @param toSlot as in Shard
 */
export function shardsOf({ root }: Store, folder: string, toSlot: Shard['toSlot']): Shard[] {
  return listIfThere(`${root}/${folder}`).map((shard) => ({ path: `${folder}/${shard}`, toSlot }));
}

/** The keys of the slots that have entries in a shard. */
export function slotsIn({ root }: Store, { path, toSlot }: Shard): string[] {
  return listIfThere(`${root}/${path}`).map(toSlot);
}

/**
 * Tells one state of a shard from another. Each entry that is placed or removed changes it.
 *
 * @returns `text` to compare, and `changed` in milliseconds since 1970
 */
export function shardStamp({ root }: Store, { path }: Shard): { text: string; changed: number } {
  const { dev, ino, mtimeMs } = stat(`${root}/${path}`);
  return { text: `${dev}:${ino}:${mtimeMs}`, changed: mtimeMs };
}

/** The path of the shard that a slot's entry is in, below the store's root. */
export function shardOfSlot(slot: string): string {
  const path = entryPath({ root: '', id: '' }, slot);
  return path.slice(1, path.lastIndexOf('/'));
}
