import { type Files, slotPaths } from '../config/paths';
import type { Settings } from '../config/settings';
import { isFileKey } from '../config/slot';
import { exists, stat } from './fs';

const MISSING = 'missing';

/**
 * Tells one state of files from another without reading them: by inode, size, and the times of the last change of the content
 * and of the inode. The latter shows a change even where a modification time was copied.
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
    // A name may be too long for a file, or the folder that the template makes of it may not be there.
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR' || code === 'ENAMETOOLONG';
    return isMissing ? MISSING : `${code}`;
  }
}

/** A time that is longer than the tick of any file system's clock, in milliseconds. */
const TICK_MS = 2000;

/**
 * Whether files with this stamp were left alone for longer than a tick. The second of two writes within a tick shows in no
 * time of the file.
 *
 * @param stamp of `stampOf`
 */
export function isSettled(stamp: string): boolean {
  return stamp.split(' ').every((one) => {
    return isPastTick(+one.slice(one.lastIndexOf(':') + 1));
  });
}

/**
 * Whether a change is more than a tick ago, so that a further one would show. One of the future is as well: the clock was set
 * back.
 *
 * @param changed in milliseconds since 1970; NaN for no time
 */
export function isPastTick(changed: number): boolean {
  return !(Math.abs(Date.now() - changed) < TICK_MS);
}

/** The stamp of a link that leads nowhere. */
const DANGLING = 'dangling';

/**
 * Tells one state of a slot's files from another.
 *
 * @param slot its key
 * @returns text to compare; '' where there are no files
 */
export function stampOfSlot(settings: Settings, slot: string): string {
  const files = slotPaths(settings, slot);
  let stamp = stampOf(files);
  // The key of a scanned file may lie where a name's key would: then only the chain tells whether the name has files.
  if (settings.scan && lacksChain(stamp)) stamp = '';
  // In a scanned folder a dangling link is a file that cannot be read, and not a missing one.
  return stamp || (isFileKey(slot) && exists(files.cert) ? DANGLING : '');
}
