import { makeFolder, makeLink, renameFile, unlink, writeNewFile } from './fs';
import { type Store, uniqueId } from './store';

// Files and links get their names by a rename, complete: a worker may be killed at any instant.

/**
 * Writes a file under a name that no file has had.
 *
 * @param isDurable the content is on the disk before the file has its name
 * @throws Error of the file system, with the path. No part of the file is left
 */
export function placeFile(store: Store, path: string, text: string, isDurable: boolean): void {
  place(store, path, (temporary) => {
    writeNewFile(temporary, text, isDurable);
  });
}

/**
 * Makes a symlink under a name, and replaces the one that is there.
 *
 * @throws Error of the file system, with the path. The link that was there stays
 */
export function placeLink(store: Store, path: string, target: string): void {
  place(store, path, (temporary) => {
    makeLink(target, temporary);
  });
}

function place({ root }: Store, path: string, make: (temporary: string) => void): void {
  const temporary = `${root}/temporary/${uniqueId()}`;
  try {
    inFolder(root, temporary, () => {
      make(temporary);
    });
    inFolder(root, path, () => {
      renameFile(temporary, path);
    });
  } catch (e) {
    try {
      unlink(temporary);
    } catch {
      // A sweep removes the temporary file later.
    }
    throw e;
  }
}

/** Does work that needs the folders between the root and a path. Where it fails for want of them, they are made first. */
function inFolder(root: string, path: string, work: () => void): void {
  try {
    work();
    return;
  } catch (e) {
    if (!isNotThere(e)) throw e;
  }
  let at = path.indexOf('/', root.length + 1);
  while (at > 0) {
    makeFolder(path.slice(0, at));
    at = path.indexOf('/', at + 1);
  }
  work();
}

function isNotThere(e: unknown): boolean {
  return (e as { code?: string }).code === 'ENOENT';
}
