import type { Files } from '../config/paths';
import { refuse } from '../engine/refusal';
import { readPair } from '../x509/pair';
import type { Pem } from '../x509/pem';
import {
  createFile,
  exists,
  isFolder,
  makeFolders,
  readFile,
  removeFile,
  removeFolder,
  renameFile,
} from './fs';

// Writes pairs to their files so that a worker may be killed at any instant. No two files can be replaced at once:
//
//   1. The whole pair is written beside the key's file, and gets its name by a rename: KEY.put-staged. From here on it is
//      what the name's files say, whatever becomes of the two: see `stagedOr`.
//   2. What is in the place of the two files is renamed to FILE.put-old, and what was written beside them, from
//      FILE.put-new to FILE.
//   3. The old ones are removed, then the staged one.
//
// To take a pair out, its chain is set aside, then its key. Then the key is removed, and at last the chain: one without a
// key is nothing to serve. Until the key is set aside it gets its chain back; after that the pair is gone unless a put or
// a delete of the name comes first, which puts both back to begin with.
//
// All of them are for their owner alone. Only who holds the name's lock calls what writes.

/** Files that were replaced, until either is called. Neither throws. */
export interface Swap {
  /** Makes it last. */
  commit: () => void;
  /** Puts back what was there. */
  undo: () => void;
}

// No other program writes such files: what is left of them is removed.
const STAGED = '.put-staged';
const NEW = '.put-new';
const OLD = '.put-old';

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
  expectRecovered(files);
  const staged = files.key + STAGED;
  const folders: string[] = [];
  const undone: (() => void)[] = [];
  const undo = (): void => {
    const isBack = undone.reverse().map(quietly).indexOf(false) < 0;
    // Where a file cannot be put back, the staged pair is all there is.
    if (isBack) drops([staged]);
    drops(temporaries(files));
    folders.reverse().forEach(removeFolder);
  };
  try {
    pathsOf(files).forEach((path) => {
      makeFolders(path, folders);
    });
    writeNew(files, pair);
    createFile(staged + NEW, pair.chain + pair.key);
    renameFile(staged + NEW, staged);
    pathsOf(files).forEach((path) => {
      undone.push(setAside(path));
      renameFile(path + NEW, path);
    });
  } catch (e) {
    undo();
    return failed(e as Error);
  }
  const commit = (): void => {
    drops(pathsOf(files).map((path) => path + OLD));
    drops([staged]);
  };
  return { commit, undo };
}

/**
 * Takes a pair's files away. They are gone when this returns.
 *
 * @throws persist-failed: everything is as it was
 */
export function takeOut(files: Files): Swap {
  expectRecovered(files);
  const undone: (() => void)[] = [];
  const undo = (): void => {
    undone.reverse().forEach(quietly);
  };
  try {
    // The chain first: a key whose chain is set aside gets it back.
    pathsOf(files)
      .reverse()
      .forEach((path) => {
        undone.push(setAside(path));
      });
  } catch (e) {
    undo();
    return failed(e as Error);
  }
  const commit = (): void => {
    drops(pathsOf(files).map((path) => path + OLD));
  };
  return { commit, undo };
}

/**
 * Makes several swaps, or none of them.
 *
 * @throws persist-failed: everything is as it was
 */
export function together(swaps: (() => Swap)[]): Swap {
  const done: Swap[] = [];
  const undo = (): void => {
    done.forEach((swap) => {
      swap.undo();
    });
  };
  try {
    swaps.forEach((swap) => done.push(swap()));
  } catch (e) {
    undo();
    throw e;
  }
  const commit = (): void => {
    done.forEach((swap) => {
      swap.commit();
    });
  };
  return { commit, undo };
}

/**
 * Finishes what a killed worker began, or undoes it where it had not come to stage the pair. Where that cannot be
 * written, a staged pair stays, and is served from there.
 */
export function recover(files: Files): void {
  const staged = files.key + STAGED;
  const isStaged = exists(staged);
  const old = pathsOf(files).map((path) => path + OLD);
  if (!isStaged && !old.concat(temporaries(files)).some(exists)) return;
  quietly(() => {
    const pair = isStaged ? readStaged(staged) : null;
    if (pair) {
      writeNew(files, pair);
      pathsOf(files).forEach((path) => {
        renameFile(path + NEW, path);
      });
    } else if (exists(files.key) || exists(files.key + OLD)) {
      pathsOf(files).forEach((path) => {
        // Beside a staged pair that is none, what came into the place is none either.
        if (exists(path + OLD) && (isStaged || !exists(path))) renameFile(path + OLD, path);
      });
    }
    drops(old);
    removeFile(staged);
  });
  drops(temporaries(files));
}

/** @throws persist-failed: there is a staged pair, and it cannot be brought to its files */
function expectRecovered(files: Files): void {
  recover(files);
  const staged = files.key + STAGED;
  if (exists(staged))
    failed(new Error(`${staged}: left by an earlier put, and cannot be put in place`));
}

/** The staged pair; null where the machine went down before it was on the disk. */
function readStaged(staged: string): Pem | null {
  const text = readFile(staged);
  try {
    return readPair(text);
  } catch {
    return null;
  }
}

function writeNew(files: Files, { chain, key }: Pem): void {
  if (files.cert === files.key) {
    createFile(files.cert + NEW, chain + key);
    return;
  }
  createFile(files.cert + NEW, chain);
  createFile(files.key + NEW, key);
}

/** Renames a file out of the way, if it is there, and returns what undoes that, whatever came into its place. */
function setAside(path: string): () => void {
  if (!exists(path))
    return () => {
      removeFile(path);
    };
  if (isFolder(path)) throw new Error(`${path}: a directory is in its place`);
  renameFile(path, path + OLD);
  return () => {
    renameFile(path + OLD, path);
  };
}

/** The certificate's file last, which tells from outside that the pair is there. */
function pathsOf({ cert, key }: Files): string[] {
  return cert === key ? [cert] : [key, cert];
}

/** What is written before it gets its name. */
function temporaries(files: Files): string[] {
  return pathsOf(files)
    .concat(files.key + STAGED)
    .map((path) => path + NEW);
}

function drops(paths: string[]): void {
  paths.forEach((path) => {
    quietly(() => {
      removeFile(path);
    });
  });
}

/** For what is to be done as far as it goes; false where it threw. */
function quietly(work: () => void): boolean {
  try {
    work();
    return true;
  } catch {
    return false;
  }
}

function failed(e: Error): never {
  return refuse(
    'persist-failed',
    `${e.message}. Nothing was changed. Workers write the files: give their user the right to, and room.`,
  );
}
