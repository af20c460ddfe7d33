import fs from 'fs';
import type { Settings } from './settings';
import { fileKey, isFileKey, isRsaKey, nameOf } from './slot';

// The only file that touches fs.

/** Where the chain and the key of a slot are. The same path twice is one file that holds both. */
export interface Files {
  cert: string;
  key: string;
}

/** As much as a put body may hold; no chain comes near. In bytes. */
export const LARGEST_FILE = 1024 * 1024;

const MISSING = 'missing';

/** Linux: a link for each file that this process holds open. */
const OPEN_FILES = '/proc/self/fd';

/** njs has it from 0.8.7 on, its typings do not. */
interface ReadLink {
  readlinkSync(path: string): string;
}

/** @param slot its key */
export function filesOf(settings: Settings, slot: string): Files {
  const label = labelOf(settings, slot);
  const { cert, key } = templatesOf(settings, slot);
  return { cert: fill(cert, label), key: fill(key, label) };
}

/** What stands for a slot's name in its paths. */
function labelOf(settings: Settings, slot: string): string {
  const name = nameOf(slot);
  const isWildcard = name.charAt(0) === '*' && !isFileKey(slot);
  return isWildcard ? settings.wildcardLabel + name.slice(1) : name;
}

/**
 * The file of `$cert_scan` that is a slot's own as well.
 *
 * @returns its key; '' where files for names are elsewhere
 */
export function scannedFileOf(settings: Settings, slot: string): string {
  if (!settings.scan) return '';
  const key = fileKey(labelOf(settings, slot));
  const own = templatesOf(settings, slot);
  const scanned = templatesOf(settings, key);
  return own.cert === scanned.cert && own.key === scanned.key ? key : '';
}

/** The path templates of a slot. */
export function templatesOf(settings: Settings, slot: string): Files {
  if (isFileKey(slot)) {
    return { cert: settings.scan.replace('*', '{name}'), key: settings.keyFile };
  }
  return isRsaKey(slot)
    ? { cert: settings.certFileRsa, key: settings.keyFileRsa }
    : { cert: settings.certFile, key: settings.keyFile };
}

/** Whether a template has a file for each name, and not one for all. */
export function isPerName(template: string): boolean {
  return template.indexOf('{name}') >= 0;
}

function fill(template: string, label: string): string {
  return template.split('{name}').join(label);
}

/**
 * Tells one state of the files from another without reading them: by inode, size, and the times of the last change of
 * the content and of the inode, which a copied modification time does not hide.
 *
 * @returns text to compare; '' where none of the files is there
 */
export function identify(files: Files): string {
  const cert = identifyOne(files.cert);
  if (files.cert === files.key) return cert === MISSING ? '' : cert;
  const key = identifyOne(files.key);
  return cert === MISSING && key === MISSING ? '' : `${cert} ${key}`;
}

/**
 * Whether a chain is not there, though its key is.
 *
 * @param identity of `identify`
 */
export function lacksChain(identity: string): boolean {
  return identity.startsWith(MISSING);
}

/**
 * Whether a key is not there, though its chain is.
 *
 * @param identity of `identify`
 */
export function lacksKey(identity: string): boolean {
  return identity.endsWith(` ${MISSING}`);
}

function identifyOne(path: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = fs.statSync(path);
    return `${dev}:${ino}:${size}:${mtimeMs}:${ctimeMs}`;
  } catch (e) {
    const { code } = e as { code?: string };
    // A name may be too long for a file, or the folder that the template makes of it not be there.
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
    return isMissing ? MISSING : `${code}`;
  }
}

/** Longer than the tick of any file system's clock, in milliseconds. */
const TICK_MS = 2000;

/**
 * Whether files that look like this were left alone for long enough: of two writes within a tick the second one shows in
 * no time stamp.
 *
 * @param identity of `identify`
 */
export function isSettled(identity: string): boolean {
  const now = Date.now();
  return identity.split(' ').every((one) => {
    const changed = +one.slice(one.lastIndexOf(':') + 1);
    return !(Math.abs(now - changed) < TICK_MS);
  });
}

/**
 * The entries of a folder, in no order.
 *
 * @throws Error with a message that names the path
 */
export function list(folder: string): string[] {
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
export function read(path: string): string {
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
  return read(`${OPEN_FILES}/${numbers[0]}`);
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
export function create(path: string, text: string): void {
  drop(path);
  // Exclusive: a link in its place would lead elsewhere.
  naming(path, () => {
    fs.writeFileSync(path, text, { mode: 0o600, flag: 'wx' });
  });
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
export function move(from: string, to: string): void {
  naming(to, () => {
    fs.renameSync(from, to);
  });
}

/** Removes a file if it is there. */
export function drop(path: string): void {
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
export function dropFolder(path: string): void {
  try {
    fs.rmdirSync(path);
  } catch {
    // Somebody has put a file there.
  }
}
