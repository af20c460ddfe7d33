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
 * @throws Error with a message that names the path
 */
export function listFolder(folder: string): string[] {
  let fault: string;
  try {
    return fs.readdirSync(folder);
  } catch (e) {
    fault = (e as Error).message;
  }
  throw new Error(`${folder}: ${fault}`);
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
  let fault = '';
  try {
    work();
  } catch (e) {
    fault = (e as Error).message;
  }
  if (fault) throw new Error(`${path}: ${fault}`);
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
