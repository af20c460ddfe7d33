import fs from 'fs';
// The only file that touches fs.
/** As much as a put body may hold; no chain comes near. In bytes. */
export const LARGEST_FILE = 1024 * 1024;
/** Linux: a link for each file that this process holds open. */
const OPEN_FILES = '/proc/self/fd';

/** njs has it from 0.8.7 on, its typings do not. */
interface ReadLink {
  readlinkSync(path: string): string;
}

/**
 * The entries of a folder, in no order.
 *
 * @throws Error of the file system with a message that names the path
 */
export function listFolder(folder: string): string[] {
  let names: string[] = [];
  naming(folder, () => {
    names = fs.readdirSync(folder);
  });
  return names;
}

/**
 * Reads a file as text.
 *
 * @throws Error with a message that names the path: not there, not readable, no regular file, over 1 MiB
 */
export function readFile(path: string): string {
  return readBytes(path).toString();
}

/** The same as bytes. */
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
 * @param path the name it was opened under
 * @throws Error: this process holds no such file, and what `read` throws
 */
export function readUnnamed(path: string): string {
  const target = `${path} (deleted)`;
  const numbers = fs.readdirSync(OPEN_FILES).filter((number) => targetOf(number) === target);
  if (numbers[0] === undefined) throw new Error(`${path}: not open`);
  return readFile(`${OPEN_FILES}/${numbers[0]}`);
}

function targetOf(number: string): string {
  try {
    return (fs as unknown as ReadLink).readlinkSync(`${OPEN_FILES}/${number}`);
  } catch {
    // The one that the list was read with.
    return '';
  }
}

/**
 * Writes a file that is not there yet, for its owner alone.
 *
 * @throws Error of the file system; what was begun is there then
 */
export function createFile(path: string, text: string): void {
  removeFile(path);
  // Exclusive: a link in its place would lead elsewhere.
  naming(path, () => {
    fs.writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  });
}

/** What a path leads to, links followed. Throws what the file system says. */
export function stat(path: string): ReturnType<typeof fs.statSync> {
  return fs.statSync(path);
}

/** Whether there is anything under a path, be it a dangling link. */
export function exists(path: string): boolean {
  try {
    fs.lstatSync(path);
    return true;
  } catch {
    return false;
  }
}

export function isFolder(path: string): boolean {
  return fs.lstatSync(path).isDirectory();
}

/** Renames within a file system, over what is there. */
export function renameFile(from: string, to: string): void {
  naming(to, () => {
    fs.renameSync(from, to);
  });
}

/** Removes a file if it is there. */
export function removeFile(path: string): void {
  if (!exists(path)) return;
  naming(path, () => {
    fs.unlinkSync(path);
  });
}

/** Has errors say where: those of njs do not. */
function naming(path: string, work: () => void): void {
  try {
    work();
  } catch (e) {
    const { message, code } = e as FileError;
    const error = new Error(`${path}: ${message}`) as FileError;
    if (code !== undefined) error.code = code;
    throw error;
  }
}

/** A write that a full disk cuts off throws without a code. */
interface FileError extends Error {
  code?: string;
}

/**
 * Makes a file's folder, and those above it, for the owner alone.
 *
 * @param made gets those that were made, the outermost first, for `dropFolder`: also where it throws
 */
export function makeFolders(path: string, made: string[]): void {
  const folder = path.slice(0, path.lastIndexOf('/'));
  if (!folder || exists(folder)) return;
  makeFolders(folder, made);
  try {
    naming(folder, () => {
      fs.mkdirSync(folder, { mode: 0o700 });
    });
  } catch (e) {
    // Another worker may have been faster, for another name.
    if (exists(folder)) return;
    throw e;
  }
  made.push(folder);
}

/** Removes a folder if it is there and empty. */
export function removeFolder(path: string): void {
  try {
    fs.rmdirSync(path);
  } catch {
    // Somebody has put a file there.
  }
}

/** njs has them, its typings do not. */
interface Links {
  readlinkSync(path: string): string;
  symlinkSync(target: string, path: string): void;
}

/** What is under a path itself, a link not followed. Throws what the file system says. */
export function statLink(path: string): ReturnType<typeof fs.lstatSync> {
  return fs.lstatSync(path);
}

/** The target of a symlink; undefined where there is none under the path. Throws another error of the file system. */
export function readLink(path: string): string | undefined {
  try {
    return (fs as unknown as Links).readlinkSync(path);
  } catch (e) {
    const { code } = e as { code?: string };
    // EINVAL: something else than a link.
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EINVAL') return undefined;
    throw e;
  }
}

/** Makes a symlink. Throws what the file system says, also where there is something under the path. */
export function makeLink(target: string, path: string): void {
  naming(path, () => {
    (fs as unknown as Links).symlinkSync(target, path);
  });
}

/** Makes a folder for its owner alone, in one that is there. One that another worker has made by now is as good. */
export function makeFolder(path: string): void {
  try {
    fs.mkdirSync(path, { mode: 0o700 });
  } catch (e) {
    if ((e as { code?: string }).code !== 'EEXIST') throw e;
  }
}

/**
 * Writes a file that is not there yet, for its owner alone.
 *
 * @param isDurable the content is on the disk when this returns (flag `as`: O_SYNC)
 * @throws Error of the file system; what was begun is there then
 */
export function writeNewFile(path: string, text: string, isDurable: boolean): void {
  naming(path, () => {
    // Exclusive: a link in its place would lead elsewhere.
    fs.writeFileSync(path, isDurable ? '' : text, { mode: 0o600, flag: 'wx' });
    if (isDurable) fs.appendFileSync(path, text, { flag: 'as' });
  });
}

/** Does a step that may be in vain because the file is not there, or not there any more. */
export function ifThere(work: () => void): void {
  try {
    work();
  } catch (e) {
    const { code } = e as { code?: string };
    if (code !== 'ENOENT' && code !== 'ENOTDIR') throw e;
  }
}

/** Removes a name that is no folder; false where there is none. */
export function unlink(path: string): boolean {
  try {
    fs.unlinkSync(path);
    return true;
  } catch (e) {
    if ((e as { code?: string }).code === 'ENOENT') return false;
    throw e;
  }
}

/** The user and group of this process are those of its folder in /proc; undefined where that cannot be seen. */
export function userOfProcess(): number | undefined {
  try {
    return fs.statSync('/proc/self').uid;
  } catch {
    return undefined;
  }
}
