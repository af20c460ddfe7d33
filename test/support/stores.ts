import fs, { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { vi } from 'vitest';
import { entryPath, openStore, type Store } from '../../src/disk/store.js';
import type { RecordMeta } from '../../src/zone/meta.js';

// A real store in a temporary folder, for tests of what is written to it.

/** Makes the folder of `$cert_store` in another one, and opens it. */
export function makeStore(folder: string, name = 'store'): Store {
  mkdirSync(join(folder, name), { mode: 0o700 });
  return openStore(join(folder, name));
}

/** All files and links in a store by their paths below its root; a link has its target as its text. */
export function contentOf({ root }: Store): Record<string, string> {
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  const content: Record<string, string> = {};
  for (const path of paths) {
    const stat = lstatSync(join(root, path));
    if (stat.isSymbolicLink()) content[path] = readlinkSync(join(root, path));
    else if (stat.isFile()) content[path] = readFileSync(join(root, path), 'utf8');
  }
  return content;
}

/** What is current for all slots, by the paths of their entries. */
export function entriesOf(store: Store): Record<string, string> {
  const entries = Object.entries(contentOf(store));
  return Object.fromEntries(entries.filter(([path]) => /^(names|rsa|files)\//.test(path)));
}

/** The names of all versions in a store. */
export function versionsOf(store: Store): string[] {
  const paths = Object.keys(contentOf(store)).filter((path) => path.startsWith('versions/'));
  return paths.map((path) => path.slice('versions/00/'.length));
}

/** The names of what a sweep of a store is to look at, and whose each of them is. */
export function retiredIn(store: Store): Record<string, string> {
  const noted = Object.entries(contentOf(store)).filter(([path]) => path.startsWith('retired/'));
  return Object.fromEntries(noted.map(([path, owner]) => [path.split('/')[2]!, owner]));
}

export interface StoredEntry {
  version: string;
  token: string;
  meta: RecordMeta;
}

/** The entry of a slot that has a version. */
export function entryOf(store: Store, slot: string): StoredEntry {
  return JSON.parse(readlinkSync(entryPath(store, slot))) as StoredEntry;
}

type Call = 'renameSync' | 'symlinkSync' | 'writeFileSync' | 'mkdirSync' | 'unlinkSync';

/**
 * Has a call of the file system fail as on a file system without room.
 *
 * @param isConcerned whether it fails, by the path that is to be changed; none: always
 */
export function failOf(
  call: Call,
  isConcerned: (path: string) => boolean = () => true,
  code = 'ENOSPC',
): void {
  const real = fs[call] as (...args: unknown[]) => unknown;
  vi.spyOn(fs, call).mockImplementation((...args: unknown[]) => {
    const changed = call === 'renameSync' || call === 'symlinkSync' ? args[1] : args[0];
    if (isConcerned(String(changed))) throw Object.assign(new Error(`${code} of a test`), { code });
    return real(...args);
  });
}

/** Whether a path below a store's root is in one of its folders. */
export function isIn({ root }: Store, folder: string): (path: string) => boolean {
  return (path) => relative(root, path).startsWith(`${folder}/`);
}
