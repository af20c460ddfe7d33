import { isFileKey, isRsaKey, nameOf } from '../config/slot';
import { makeFolder, statLink, userOfProcess } from './fs';

// The layout of `$cert_store`. Several nginx may use one store at the same time, and need no lock for it: a file is written
// once, gets its name by one rename when it is complete, and the name is never used twice. One rename replaces an entry, and
// the other nginx wait for it: see place.ts.
//
//   $cert_store/cert-rotation.v1/     made by this program
//     versions/HH/FINGERPRINT.ID      the key and the chain of one version; HH begins the fingerprint
//     names/HH/NAME                   what is current for a name: a symlink, whose target is text; HH is a hash of NAME
//     rsa/HH/NAME                     the same for RSA slots
//     files/HH/STEM                   the same for files that a scan found
//     retired/TIME/FINGERPRINT.ID     versions that may have to be removed: see versions.ts
//     temporary/ID                    files that are being written
//     changing/KIND/NAME              the claim of an entry that is being replaced: its next target; KIND is names, rsa or files
//     clear                           a symlink, whose target is the clear token
//     etcd                            a symlink, whose target says which history of etcd the pairs come from

const OWN_FOLDER = '/cert-rotation.v1';

/** The rights of the group and of others. */
const FOREIGN_RIGHTS = 0o077;

/** A store that can be read. Only a write tells whether it can be written. */
export interface Store {
  /** The absolute path of this program's folder in it, without a slash at the end. */
  root: string;
  /** The device and inode of that folder. They differ where a mount went away, or another one came. */
  id: string;
}

/**
 * Opens a store, and makes this program's folder in it where it is missing.
 *
 * @param path the value of `$cert_store`
 * @throws Error with a message that names the path and says what to do
 */
export function openStore(path: string): Store {
  if (path.charAt(0) !== '/') throw new Error(`$cert_store "${path}" has to be an absolute path`);
  const root = withoutSlash(path) + OWN_FOLDER;
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

/** Without a regular expression, which is slow in the njs engine: each look at the store comes here. */
function withoutSlash(path: string): string {
  return path.endsWith('/') ? withoutSlash(path.slice(0, -1)) : path;
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
    // It is not there yet, or cannot be seen.
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

/**
 * The path of a slot's entry.
 *
 * @param slot its key
 */
export function entryPath({ root }: Store, slot: string): string {
  const name = nameOf(slot);
  return `${root}/${kindOf(slot)}/${shardOf(name)}/${name}`;
}

/**
 * The path of the claim of a slot's entry.
 *
 * @param slot its key
 */
export function claimPath({ root }: Store, slot: string): string {
  return `${root}/changing/${kindOf(slot)}/${nameOf(slot)}`;
}

/** The folders of the kinds of entries. */
export const KINDS = ['names', 'rsa', 'files'];

function kindOf(slot: string): string {
  return isFileKey(slot) ? 'files' : isRsaKey(slot) ? 'rsa' : 'names';
}

/**
 * The path of a version's file.
 *
 * @param version its name, `FINGERPRINT.ID`
 */
export function versionPath({ root }: Store, version: string): string {
  return `${root}/versions/${version.slice(0, 2)}/${version}`;
}

/** The number of folders that entries are divided into: with 100,000 names each has some 400. */
const SHARDS = 256;

/** The hash of a name, as two hex digits: FNV-1a folded to a byte. */
function shardOf(name: string): string {
  let hash = 0x811c;
  for (let i = 0; i < name.length; i++) {
    // The product of two numbers of 16 bits is exact.
    hash = ((hash ^ name.charCodeAt(i)) * 0x0193) & 0xffff;
  }
  const byte = (hash ^ (hash >> 8)) % SHARDS;
  return byte < 16 ? `0${byte.toString(16)}` : byte.toString(16);
}

/** A part of a file name that no nginx which shares the store has used before. */
export function uniqueId(): string {
  const bytes = Buffer.alloc(9);
  crypto.getRandomValues(bytes);
  return bytes.toString('base64').replace(/\+/g, '-').replace(/\//g, '_');
}
