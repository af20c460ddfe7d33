import { makeFolder, makeLink, renameFile, unlink, writeNewFile } from './fs';
import { type Store, uniqueId } from './store';

// Files and links get their names by a rename, complete: a worker may be killed at any instant.

/**
 * Writes a file under a name that nobody has used.
 *
 * @param isDurable the content is on the disk before the file has its name
 * @throws Error of the file system, with the path; nothing is left
 */
export function placeFile(store: Store, path: string, text: string, isDurable: boolean): void {
  place(store, path, (temporary) => {
    writeNewFile(temporary, text, isDurable);
  });
}

/**
 * Puts a link under a name, in the place of one that is there.
 *
 * @throws Error of the file system, with the path; nothing is left, and what was there stays
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
      // A sweep removes it.
    }
    throw e;
  }
}

/** Does what needs the folders of a path below the root, and makes these where it fails for want of them. */
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
