import { ifThere, listFolder, readLink, stat, unlink } from './fs';
import { placeLink } from './place';
import { type Store, entryPath } from './store';

// What is current for each slot, and the clear token: symlinks whose targets are text that leads nowhere. One rename
// replaces such a link, and one readlink reads it.

/** XFS takes no longer target (XFS_SYMLINK_MAXLEN). In bytes; all of these texts are ASCII but for the stems of files. */
export const LONGEST_ENTRY = 1000;

/** @returns the text of a slot's entry; undefined where there is none. Throws an error of the file system. */
export function readEntry(store: Store, slot: string): string | undefined {
  return readLink(entryPath(store, slot));
}

/** Replaces a slot's entry. Throws an error of the file system: what was there stays. */
export function placeEntry(store: Store, slot: string, text: string): void {
  placeLink(store, entryPath(store, slot), text);
}

/** Removes a slot's entry if it is there. Throws an error of the file system. */
export function removeEntry(store: Store, slot: string): void {
  ifThere(() => {
    unlink(entryPath(store, slot));
  });
}

/** The clear token; undefined where nobody has cleared yet. Throws an error of the file system. */
export function readClearToken({ root }: Store): string | undefined {
  return readLink(`${root}/clear`);
}

/** Replaces the clear token. Throws an error of the file system. */
export function placeClearToken(store: Store, token: string): void {
  placeLink(store, `${store.root}/clear`, token);
}

/** A folder of entries: of 100,000 names each has some 400. */
export interface Shard {
  /** `names/0a`: below the store's root. */
  path: string;
  toSlot: (name: string) => string;
}

/** @returns those of a folder of shards, `names`, `rsa` or `files`; none where it is not there */
export function shardsOf({ root }: Store, folder: string, toSlot: Shard['toSlot']): Shard[] {
  let shards: string[] = [];
  ifThere(() => {
    shards = listFolder(`${root}/${folder}`);
  });
  return shards.map((shard) => ({ path: `${folder}/${shard}`, toSlot }));
}

/** The slots that have entries in a shard. */
export function slotsIn({ root }: Store, { path, toSlot }: Shard): string[] {
  let names: string[] = [];
  ifThere(() => {
    names = listFolder(`${root}/${path}`);
  });
  return names.map(toSlot);
}

/** Tells one state of a shard from another, and when it changed: each entry that is placed or removed changes it. */
export function shardStamp({ root }: Store, { path }: Shard): { text: string; changed: number } {
  const { dev, ino, mtimeMs } = stat(`${root}/${path}`);
  return { text: `${dev}:${ino}:${mtimeMs}`, changed: mtimeMs };
}

/** The path of the shard that a slot's entry is in, below the store's root. */
export function shardOfSlot(slot: string): string {
  const path = entryPath({ root: '', id: '' }, slot);
  return path.slice(1, path.lastIndexOf('/'));
}
