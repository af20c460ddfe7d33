import { makeFolder, makeLink, readLink, renameFile, unlink, writeNewFile } from './fs';
import { type Store, uniqueId } from './store';

// Files and links get their names by a rename, complete: a worker may be killed at any instant.
//
// A link that several nginx replace at the same time is made under its claim first: a path that is always the same for that
// link, so that one of them alone gets it, until its rename. It compares the link that is there, and replaces that very one.

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

/** A link that several nginx may replace. */
export interface ClaimedLink {
  path: string;
  /** The path of its claim. */
  claim: string;
}

/** Whether a link may be replaced, by its target; undefined where there is no link. */
export type Condition = (target: string | undefined) => boolean;

/**
 * Makes a link in the place of the one that is there, if that one meets a condition. No other nginx replaces it between the two.
 *
 * @returns false where the condition was not met
 * @throws Error of the file system. The link that was there stays
 */
export function replaceLink(
  store: Store,
  { path, claim }: ClaimedLink,
  target: string,
  mayReplace: Condition,
): boolean {
  for (;;) {
    makeClaim(store, claim, target);
    try {
      const isMet = mayReplace(readLink(path));
      if (isMet) {
        inFolder(store.root, path, () => {
          renameFile(claim, path);
        });
      } else {
        unlink(claim);
      }
      return isMet;
    } catch (e) {
      // Another nginx has broken the claim. It may have replaced the link as well.
      if (isNotThere(e)) continue;
      quietly(() => {
        unlink(claim);
      });
      throw e;
    }
  }
}

/**
 * Removes a link, if it meets a condition. On a full disk, where no claim can be made, the link is removed all the same.
 *
 * @throws Error of the file system
 */
export function removeLink(
  store: Store,
  { path, claim }: ClaimedLink,
  mayRemove: Condition,
): boolean {
  quietly(() => {
    makeClaim(store, claim, 'removal');
  });
  try {
    const isMet = mayRemove(readLink(path));
    if (isMet) unlink(path);
    return isMet;
  } finally {
    quietly(() => {
      unlink(claim);
    });
  }
}

/** The number of tries after which a claim is broken: some 10 milliseconds, where its holder needs a tenth of one. */
const MOST_TRIES = 1000;

/** Waits for a claim, and breaks it where its holder is stuck or was killed. */
function makeClaim({ root }: Store, claim: string, target: string): void {
  for (let tries = 1; ; tries++) {
    try {
      inFolder(root, claim, () => {
        makeLink(target, claim);
      });
      return;
    } catch (e) {
      if ((e as { code?: string }).code !== 'EEXIST') throw e;
    }
    if (tries % MOST_TRIES === 0) unlink(claim);
  }
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
    quietly(() => {
      unlink(temporary);
    });
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

/** Removes what is in the way, or leaves it to a later sweep. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // The error of the work itself is the one to tell.
  }
}

function isNotThere(e: unknown): boolean {
  return (e as { code?: string }).code === 'ENOENT';
}
