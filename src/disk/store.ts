import { isFileKey, isRsaKey, nameOf } from '../config/slot';
import { makeFolder, statLink, userOfProcess } from './fs';

// The folder of `$cert_store`, and where everything is in it. Several nginx may use one at the same time, without a lock:
// files are written once, under names that are never used twice, and get these names, or take the place of others, by one
// rename.
//
//   $cert_store/cert-rotation.v1/     of this program's own making
//     versions/HH/FINGERPRINT.ID      the key and the chain of one version; HH begins the fingerprint
//     names/HH/NAME                   what is current for a name: a symlink, whose target is text; HH is a hash of NAME
//     rsa/HH/NAME                     the same for RSA slots
//     files/HH/STEM                   the same for files that a scan found
//     retired/TIME/FINGERPRINT.ID     versions that may have to be removed: see retired.ts
//     temporary/ID                    what has no name yet
//     clear                           the clear token: a symlink with it as its target

const FOLDER = '/cert-rotation.v1';

/** Group and others. */
const FOREIGN_RIGHTS = 0o077;

/** A store that can be read. Whether it can be written, only writing tells. */
export interface Store {
  /** The absolute path of this program's own folder in it, without a slash at the end. */
  root: string;
  /** Device and inode of that: a mount that went away, or another one that came, has others. */
  id: string;
}

/**
 * Opens a store, and makes this program's folder in it where there is none.
 *
 * @param path of `$cert_store`
 * @throws Error with a message that names the path and says what to do
 */
export function openStore(path: string): Store {
  if (path.charAt(0) !== '/') throw new Error(`$cert_store "${path}" has to be an absolute path`);
  const root = path.replace(/\/+$/, '') + FOLDER;
  const { dev, ino, mode, uid, isFolder } = statOrMake(root);
  if (!isFolder) throw new Error(`${root}: this has to be a folder, and is something else`);
  if ((mode & FOREIGN_RIGHTS) !== 0) {
    throw new Error(`${root}: its mode has to be 0700, so that nobody else reads keys there`);
  }
  const user = userOfProcess();
  if (user !== undefined && user !== uid) {
    throw new Error(`${root}: it belongs to user ${uid}, and the workers run as user ${user}`);
  }
  return { root, id: `${dev}:${ino}` };
}

interface Folder {
  dev: number;
  ino: number;
  mode: number;
  uid: number;
  isFolder: boolean;
}

function statOrMake(root: string): Folder {
  let fault: string;
  try {
    return statFolder(root);
  } catch {
    // It is not there yet, or cannot be.
  }
  try {
    makeFolder(root);
    return statFolder(root);
  } catch (e) {
    fault = (e as Error).message;
  }
  throw new Error(
    `${root}: ${fault}; make the folder of $cert_store, for the workers' user, mode 0700`,
  );
}

function statFolder(root: string): Folder {
  const stat = statLink(root);
  const { dev, ino, mode, uid } = stat;
  return { dev, ino, mode, uid, isFolder: stat.isDirectory() };
}

/** Where what is current for a slot is kept. */
export function entryPath({ root }: Store, slot: string): string {
  const name = nameOf(slot);
  const folder = isFileKey(slot) ? 'files' : isRsaKey(slot) ? 'rsa' : 'names';
  return `${root}/${folder}/${shardOf(name)}/${name}`;
}

/** Where a version is. */
export function versionPath({ root }: Store, version: string): string {
  return `${root}/versions/${version.slice(0, 2)}/${version}`;
}

/** 100,000 names are some 400 in each of 256 folders. */
const SHARDS = 256;

/** The hash of a name, as two hex digits: FNV-1a folded to a byte. */
function shardOf(name: string): string {
  let hash = 0x811c;
  for (let i = 0; i < name.length; i++) {
    // 16 bits: a product of two such numbers is exact.
    hash = ((hash ^ name.charCodeAt(i)) * 0x0193) & 0xffff;
  }
  const byte = (hash ^ (hash >> 8)) % SHARDS;
  return byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
}

/** A part of a file name that nobody has used before, in any nginx that shares the store. */
export function uniqueId(): string {
  const bytes = Buffer.alloc(9);
  crypto.getRandomValues(bytes);
  return bytes.toString('base64').replace(/\+/g, '-').replace(/\//g, '_');
}
