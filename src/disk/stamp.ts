import { type Files, slotPaths } from '../config/paths';
import type { Settings } from '../config/settings';
import { isFileKey } from '../config/slot';
import { exists, stat } from './fs';

const MISSING = 'missing';

/**
 * Tells one state of the files from another without reading them: by inode, size, and the times of the last change of
 * the content and of the inode, which a copied modification time does not hide.
 *
 * @returns text to compare; '' where none of the files is there
 */
export function stampOf(files: Files): string {
  const cert = stampOfPath(files.cert);
  if (files.cert === files.key) return cert === MISSING ? '' : cert;
  const key = stampOfPath(files.key);
  return cert === MISSING && key === MISSING ? '' : `${cert} ${key}`;
}

/**
 * Whether a chain is not there, though its key is.
 *
 * @param stamp of `stampOf`
 */
export function lacksChain(stamp: string): boolean {
  return stamp.startsWith(MISSING);
}

/**
 * Whether a key is not there, though its chain is.
 *
 * @param stamp of `stampOf`
 */
export function lacksKey(stamp: string): boolean {
  return stamp.endsWith(` ${MISSING}`);
}

function stampOfPath(path: string): string {
  try {
    const { dev, ino, size, mtimeMs, ctimeMs } = stat(path);
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
 * @param stamp of `stampOf`
 */
export function isSettled(stamp: string): boolean {
  const now = Date.now();
  return stamp.split(' ').every((one) => {
    const changed = +one.slice(one.lastIndexOf(':') + 1);
    return !(Math.abs(now - changed) < TICK_MS);
  });
}

/** A link that leads nowhere. */
const DANGLING = 'dangling';

/**
 * Tells one state of a slot's files from another.
 *
 * @returns '' where there are none
 */
export function stampOfSlot(settings: Settings, slot: string): string {
  const files = slotPaths(settings, slot);
  let stamp = stampOf(files);
  // The keys of files with any names may be where those of names would be: then the chain decides.
  if (settings.scan && lacksChain(stamp)) stamp = '';
  // In a scanned folder that is a file that cannot be read, and no file that is not there.
  return stamp || (isFileKey(slot) && exists(files.cert) ? DANGLING : '');
}
