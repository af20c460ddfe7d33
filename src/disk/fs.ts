import fs from 'fs';

// The only file that touches fs. It adds the path to the errors of functions whose callers tell them: those of njs do not name it.

/** The size of the largest file that is read, in bytes: that of the largest body of a put. No chain comes near it. */
export const LARGEST_FILE = 1024 * 1024;

/** Linux has a link in it for each file that this process holds open. */
const OPEN_FILES = '/proc/self/fd';

/** The part of fs that njs has, and its typings lack. */
interface Links {
  readlinkSync(path: string): string;
  symlinkSync(target: string, path: string): void;
}

/** An error of the file system. A write that a full disk cuts off throws one without a code. */
interface FileError extends Error {
  code?: string;
}

/** Adds the path to the message of an error. */
function naming<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (e) {
    const { message, code } = e as FileError;
    const error = new Error(`${path}: ${message}`) as FileError;
    if (code !== undefined) error.code = code;
    throw error;
  }
}

/** Does a step that is in vain where the file is not there, or not there any more. */
export function ifThere(work: () => void): void {
  try {
    work();
  } catch (e) {
    const { code } = e as FileError;
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw e;
  }
}

/**
 * The names of a folder's entries, in no order.
 *
 * @throws FileError with a message that names the path
 */
export function listFolder(folder: string): string[] {
  return naming(folder, () => fs.readdirSync(folder));
}

/** The names of a folder's entries, in no order; none where there is no folder. It throws as `listFolder` does. */
export function listIfThere(folder: string): string[] {
  let names: string[] = [];
  ifThere(() => {
    names = listFolder(folder);
  });
  return names;
}

/**
 * Reads a file as text.
 *
 * @throws Error with a message that names the path: it is not there, not readable, no regular file, or over 1 MiB
 */
export function readFile(path: string): string {
  return readBytes(path).toString();
}

/** Reads a file as bytes. It throws as `readFile` does. */
export function readBytes(path: string): Buffer {
  let fault: string;
  try {
    const stat = fs.statSync(path);
    // Opening a named pipe would block the worker.
    if (stat.isFile() && stat.size <= LARGEST_FILE) return fs.readFileSync(path);
    fault = stat.isFile() ? 'larger than 1 MiB' : 'not a regular file';
  } catch (e) {
    fault = (e as Error).message;
  }
  throw new Error(`${path}: ${fault}`);
}

/**
 * Reads a file that this process holds open, and that has lost its name.
 *
 * @param path the name under which it was opened
 * @throws Error where this process holds no such file, and otherwise as `readFile` does
 */
export function readUnnamed(path: string): string {
  const target = `${path} (deleted)`;
  const open = fs.readdirSync(OPEN_FILES).map((number) => `${OPEN_FILES}/${number}`);
  // The list has the file in it with which the list itself was read: that one is closed by now.
  const found = open.filter((link) => readLink(link) === target)[0];
  if (found === undefined) throw new Error(`${path}: not open`);
  return readFile(found);
}

/** The state of the file that a path leads to, links followed. Throws FileError without the path. */
export function stat(path: string): ReturnType<typeof fs.statSync> {
  return fs.statSync(path);
}

/** The state of the entry under a path itself, which may be a link. Throws FileError without the path. */
export function statLink(path: string): ReturnType<typeof fs.lstatSync> {
  return fs.lstatSync(path);
}

/** Whether there is an entry under a path, a dangling link included. */
export function exists(path: string): boolean {
  try {
    fs.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

/**
 * The target of a symlink.
 *
 * @returns undefined where there is no symlink under the path
 * @throws FileError with the path
 */
export function readLink(path: string): string | undefined {
  try {
    return naming(path, () => (fs as unknown as Links).readlinkSync(path));
  } catch (e) {
    const { code } = e as FileError;
    // EINVAL: the entry is no link.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return undefined;
    throw e;
  }
}

/**
 * Makes a symlink.
 *
 * @throws FileError with the path, also where there is an entry under it
 */
export function makeLink(target: string, path: string): void {
  naming(path, () => {
    (fs as unknown as Links).symlinkSync(target, path);
  });
}

/**
 * Makes a folder, mode 0700, in one that is there. It does nothing where another worker was faster.
 *
 * @throws FileError without the path
 */
export function makeFolder(path: string): void {
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (e) {
    if ((e as FileError).code !== 'EEXIST') throw e;
  }
}

/**
 * Writes a file that is not there yet, mode 0600.
 *
 * @param isDurable whether the content is on the disk when this returns (flag `as`: O_SYNC)
 * @throws FileError with the path. The file may be there then, empty or cut off
 */
export function writeNewFile(path: string, text: string, isDurable: boolean): void {
  naming(path, () => {
    // Flag `x` keeps a link under this path from leading the content elsewhere.
    fs.writeFileSync(path, isDurable ? '' : text, { mode: 0o600, flag: 'wx' });
    if (isDurable) fs.appendFileSync(path, text, { flag: 'as' });
  });
}

/**
 * Renames within a file system, and replaces the entry under the new name.
 *
 * @throws FileError with the new path
 */
export function renameFile(from: string, to: string): void {
  naming(to, () => {
    fs.renameSync(from, to);
  });
}

/**
 * Removes an entry that is no folder, if it is there.
 *
 * @throws FileError with the path
 */
export function unlink(path: string): void {
  ifThere(() => {
    naming(path, () => {
      fs.unlinkSync(path);
    });
  });
}

/** Removes a folder if it is there and empty. */
export function removeFolder(path: string): void {
  try {
    fs.rmdirSync(path);
  } catch {
    // Another worker has put a file there.
  }
}

/** The number of this process's user, as its folder in /proc shows it; undefined where there is no /proc. */
export function userOfProcess(): number | undefined {
  try {
    return fs.statSync('/proc/self').uid;
  } catch {
    return undefined;
  }
}
