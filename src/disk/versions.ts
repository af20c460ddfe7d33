import { isFileKey, nameOf } from '../config/slot';
import { fromAnywhere } from '../engine/fairness';
import type { Pem } from '../x509/pem';
import {
  exists,
  ifThere,
  listIfThere,
  makeFolder,
  makeLink,
  readFile,
  readLink,
  removeFolder,
  renameFile,
  statLink,
  unlink,
} from './fs';
import { placeFile } from './place';
import { KINDS, type Store, uniqueId, versionPath } from './store';

// The files of versions, and their removal. A version is noted under retired/TIME/, with TIME in steps of ten seconds, when it
// is made, since its worker may be killed before an entry leads to it, and before another one replaces it. A sweep removes the
// version a minute after a note, unless it is current then or is noted anew.

/** The time for which a version that was replaced is kept, in milliseconds: handshakes of the last seconds were given its path. */
const KEPT_MS = 60_000;

/** The time whose notes share a folder of retired/, in milliseconds. */
const BUCKET_MS = 10_000;

/** The owner of a version that was put for all names of its leaf at once. The version's own name ends with SHARED then. */
export const ALL_NAMES = '*all';
const SHARED = '+';

/** The prefix of the note about a mark. No version begins with it. */
const MARK = 'mark.';

/** The parts of a sweep that need to understand entries. */
export interface Sweeper {
  /** Whether a version is current for its owner, which is a name, the key of a scanned file, or ALL_NAMES. */
  isCurrent: (version: string, owner: string) => boolean;
  /** Removes the mark of a deleted slot, if it is still there. */
  removeMark: (slot: string) => void;
}

/**
 * Writes a pair as a new version, even where there is one of the same pair: under an old name nginx would go on serving the
 * object that it keeps, and another nginx may be about to remove that file.
 *
 * @param fingerprint of the leaf, SHA-256 in hex
 * @param slot the key of the slot that it is for, or ALL_NAMES
 * @param isDurable whether it is on the disk when this returns
 * @returns the version's name
 * @throws Error of the file system, with the path. No part of the file is left
 */
export function writeVersion(
  store: Store,
  fingerprint: string,
  pem: Pem,
  slot: string,
  isDurable: boolean,
): string {
  const version = `${fingerprint}.${uniqueId()}${slot === ALL_NAMES ? SHARED : ''}`;
  retire(store, version, slot);
  // The key comes first: OpenSSL looks for one in every block of PEM that it comes across.
  placeFile(store, versionPath(store, version), pem.key + pem.chain, isDurable);
  return version;
}

/**
 * The PEM of a version, the key first.
 *
 * @throws Error with a message that names the path
 */
export function readVersion(store: Store, version: string): string {
  return readFile(versionPath(store, version));
}

/** The fingerprint of a version's leaf, SHA-256 in hex, as the version's name has it. */
export function fingerprintIn(version: string): string {
  return version.slice(0, version.indexOf('.'));
}

/**
 * Notes that a sweep has to look at a version in a minute. The note comes before the step that replaces the version: a worker
 * that is killed in between would leave it for good.
 *
 * @param slot the key of the slot that it is or was current for, or ALL_NAMES
 * @throws Error of the file system
 */
export function retire(store: Store, version: string, slot: string): void {
  const owner = version.endsWith(SHARED) ? ALL_NAMES : isFileKey(slot) ? slot : nameOf(slot);
  note(store, version, owner);
}

/**
 * Notes that a sweep has to remove the mark of a slot in a minute.
 *
 * @throws Error of the file system
 */
export function retireMark(store: Store, slot: string): void {
  note(store, MARK + uniqueId(), slot);
}

function note({ root }: Store, name: string, owner: string): void {
  const folder = `${root}/retired`;
  const bucket = `${folder}/${bucketOf(Date.now())}`;
  try {
    makeLink(owner, `${bucket}/${name}`);
  } catch (e) {
    const { code } = e as { code?: string };
    if (code === 'EEXIST') return;
    if (code !== 'ENOENT') throw e;
    makeFolder(folder);
    makeFolder(bucket);
    makeLink(owner, `${bucket}/${name}`);
  }
}

function bucketOf(ms: number): number {
  return Math.floor(ms / BUCKET_MS);
}

/** The outcome of a sweep. */
export interface Swept {
  /** Whether more may be due. */
  isMoreDue: boolean;
  /** The last fault of the file system; '' for none. What has one is left, and the sweep goes on with others. */
  fault: string;
}

/**
 * Removes versions that were retired for long enough, and what killed workers left in temporary/ and changing/.
 *
 * @param most the number of notes to look at, and of files in temporary/
 */
export function sweep(store: Store, sweeper: Sweeper, most: number): Swept {
  const sweeping: Sweeping = { store, sweeper, most, left: most, removed: 0, fault: '' };
  tryTo(sweeping, () => {
    sweepUnfinished(sweeping);
  });
  const folder = `${store.root}/retired`;
  tryTo(sweeping, () => {
    const buckets = fromAnywhere(listIfThere(folder).filter((name) => BUCKET_NAME.test(name)));
    for (let i = 0; i < buckets.length && sweeping.left > 0; i++) {
      tryTo(sweeping, () => {
        const bucket = dueBucket(folder, buckets[i] as string);
        if (bucket) sweepBucket(sweeping, bucket);
      });
    }
  });
  const { left, removed, fault } = sweeping;
  // What cannot be removed is no reason to sweep again at once.
  return { isMoreDue: removed > 0 && (left <= 0 || removed >= most), fault };
}

/** A sweep that is going on. */
interface Sweeping {
  store: Store;
  sweeper: Sweeper;
  most: number;
  /** The number of notes that may still be looked at. */
  left: number;
  removed: number;
  fault: string;
}

/** Does a step of a sweep, and notes the fault that ends it. */
function tryTo(sweeping: Sweeping, step: () => void): void {
  try {
    step();
  } catch (e) {
    sweeping.fault = (e as Error).message;
  }
}

/** The name of a bucket: of `bucketOf`, and a part of its own where the clock was set back. Other folders are somebody else's. */
const BUCKET_NAME = /^\d+(-.*)?$/;

/** @returns the path of a bucket whose notes are due; '' where they are not */
function dueBucket(folder: string, name: string): string {
  const now = Date.now();
  const begins = parseInt(name, 10) * BUCKET_MS;
  const path = `${folder}/${name}`;
  if (begins <= now + BUCKET_MS) return begins + BUCKET_MS + KEPT_MS <= now ? path : '';
  // The clock was set back: their age is unknown, and they are kept for another minute.
  ifThere(() => {
    renameFile(path, `${folder}/${bucketOf(now)}-${uniqueId()}`);
  });
  return '';
}

/** Looks at the notes of a bucket. The bucket itself counts as one. */
function sweepBucket(sweeping: Sweeping, bucket: string): void {
  const { store, sweeper } = sweeping;
  const names = fromAnywhere(listIfThere(bucket)).slice(0, sweeping.left);
  sweeping.left -= names.length + 1;
  const notes: string[] = [];
  const replaced: string[] = [];
  names.forEach((name) => {
    tryTo(sweeping, () => {
      const owner = readLink(`${bucket}/${name}`);
      // No note, or one that another nginx has dealt with.
      if (owner === undefined) return;
      if (name.startsWith(MARK)) sweeper.removeMark(owner);
      else if (!sweeper.isCurrent(name, owner)) replaced.push(name);
      notes.push(name);
    });
  });
  const buckets = replaced.length > 0 ? otherBuckets(store, bucket) : [];
  notes.forEach((name) => {
    tryTo(sweeping, () => {
      // A version that was current for long may be replaced only now: the note of its making says nothing about that.
      const isNotedAnew = buckets.some((other) => exists(`${other}/${name}`));
      if (replaced.indexOf(name) >= 0 && !isNotedAnew) unlink(versionPath(store, name));
      unlink(`${bucket}/${name}`);
      sweeping.removed++;
    });
  });
  removeFolder(bucket);
}

/** The paths of all buckets but one. They are listed after the entries were read: a version is noted before it is replaced. */
function otherBuckets({ root }: Store, bucket: string): string[] {
  const folder = `${root}/retired`;
  return listIfThere(folder)
    .map((name) => `${folder}/${name}`)
    .filter((other) => other !== bucket);
}

/** Removes what killed workers left in temporary/ and changing/. */
function sweepUnfinished(sweeping: Sweeping): void {
  const { root } = sweeping.store;
  ['temporary'].concat(KINDS.map((kind) => `changing/${kind}`)).forEach((folder) => {
    fromAnywhere(listIfThere(`${root}/${folder}`))
      .slice(0, sweeping.most)
      .forEach((name) => {
        tryTo(sweeping, () => {
          ifThere(() => {
            const path = `${root}/${folder}/${name}`;
            const age = Date.now() - statLink(path).mtimeMs;
            if (age <= KEPT_MS && age >= -KEPT_MS) return;
            unlink(path);
            sweeping.removed++;
          });
        });
      });
  });
}
