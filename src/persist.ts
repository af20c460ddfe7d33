import {
  type Files,
  create,
  drop,
  dropFolder,
  exists,
  isFolder,
  makeFolders,
  move,
  read,
} from './disk';
import { readPair } from './pair';
import type { Pem } from './record';
import { refuse } from './refusal';

// Writes pairs to their files so that a worker may be killed at any instant. No two files can be replaced at once:
//
//   1. The whole pair is written beside the key's file, and gets its name by a rename: FILE.staged. From here on it is
//      what the name's files say, whatever becomes of the two: see `stagedOr`.
//   2. What is in the place of the two files is renamed to FILE.old, and what was written beside them, to FILE.
//   3. The .old ones are removed, then the staged one.
//
// All of them are for their owner alone. Only who holds the name's lock calls what writes.

/** Files that were replaced or taken out, until either is called. Neither throws. */
export interface Swap {
  /** Makes it last. */
  commit: () => void;
  /** Puts back what was there. */
  undo: () => void;
}

const STAGED = '.staged';
const NEW = '.new';
const OLD = '.old';

/** Where to read a name's pair: in its own files, or in the staged one that a killed worker left. */
export function stagedOr(files: Files): Files {
  const staged = files.key + STAGED;
  return exists(staged) ? { cert: staged, key: staged } : files;
}

/**
 * Puts a pair into its files. They hold it when this returns.
 *
 * @throws persist-failed: everything is as it was
 */
export function swapIn(files: Files, pair: Pem): Swap {
  const staged = files.key + STAGED;
  let folders: string[] = [];
  const undone: (() => void)[] = [];
  const undo = (): void => {
    for (let i = undone.length - 1; i >= 0; i--) quietly(undone[i] as () => void);
    drops(files, [NEW]);
    quietly(() => {
      drop(staged + NEW);
    });
    quietly(() => {
      drop(staged);
    });
    for (let i = folders.length - 1; i >= 0; i--) dropFolder(folders[i] as string);
  };
  try {
    pathsOf(files).forEach((path) => {
      folders = folders.concat(makeFolders(path));
    });
    writeNew(files, pair);
    create(staged + NEW, pair.chain + pair.key);
    move(staged + NEW, staged);
    pathsOf(files).forEach((path) => {
      undone.push(setAside(path));
      move(path + NEW, path);
    });
  } catch (e) {
    undo();
    return failed(e as Error);
  }
  const commit = (): void => {
    drops(files, [OLD]);
    quietly(() => {
      drop(staged);
    });
  };
  return { commit, undo };
}

/**
 * Takes the files of a name away.
 *
 * @throws persist-failed: everything is as it was
 */
export function takeOut(files: Files): Swap {
  const undone: (() => void)[] = [];
  const undo = (): void => {
    for (let i = undone.length - 1; i >= 0; i--) quietly(undone[i] as () => void);
  };
  try {
    // A staged pair must not bring the name back.
    pathsOf(files)
      .concat(files.key + STAGED)
      .reverse()
      .forEach((path) => undone.push(setAside(path)));
  } catch (e) {
    undo();
    return failed(e as Error);
  }
  return {
    undo,
    commit: () => {
      drops(files, [OLD]);
      quietly(() => {
        drop(files.key + STAGED + OLD);
      });
    },
  };
}

/**
 * Finishes what a killed worker began, where it left a staged pair. Where that cannot be written the pair stays staged,
 * and is served from there.
 */
export function recover(files: Files): void {
  const staged = files.key + STAGED;
  if (!exists(staged)) return;
  quietly(() => {
    const pair = readStaged(staged);
    if (pair) {
      writeNew(files, pair);
      pathsOf(files).forEach((path) => {
        move(path + NEW, path);
      });
    }
    drops(files, [OLD]);
    drop(staged);
  });
}

/** The staged pair; null where the machine went down before it was on the disk. */
function readStaged(staged: string): Pem | null {
  const text = read(staged);
  try {
    return readPair(text);
  } catch {
    return null;
  }
}

function writeNew(files: Files, { chain, key }: Pem): void {
  if (files.cert === files.key) {
    create(files.cert + NEW, chain + key);
    return;
  }
  create(files.cert + NEW, chain);
  create(files.key + NEW, key);
}

/** Renames a file out of the way, if it is there, and returns what undoes that, whatever came into its place. */
function setAside(path: string): () => void {
  if (!exists(path))
    return () => {
      drop(path);
    };
  if (isFolder(path)) throw new Error(`${path} is a directory`);
  move(path, path + OLD);
  return () => {
    move(path + OLD, path);
  };
}

/** The certificate's file last, which tells from outside that the pair is there. */
function pathsOf({ cert, key }: Files): string[] {
  return cert === key ? [cert] : [key, cert];
}

function drops(files: Files, suffixes: string[]): void {
  pathsOf(files).forEach((path) => {
    suffixes.forEach((suffix) => {
      quietly(() => {
        drop(path + suffix);
      });
    });
  });
}

/** For what is to be done as far as it goes. */
function quietly(work: () => void): void {
  try {
    work();
  } catch {
    // The rest is done all the same.
  }
}

function failed(e: Error): never {
  return refuse(
    'persist-failed',
    `${e.message}. Nothing was changed. Workers write the files: give their user the right to, and room.`,
  );
}
