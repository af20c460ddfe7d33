import type { RecordMeta } from '../zone/meta';

// What is to be done about the files of a slot, before any of them is read.

/** What is known of a slot and its files without reading them. */
export interface Situation {
  /** What the slot has; a `refusal` is only the reason why there is no pair. */
  has: 'nothing' | 'refusal' | 'pair' | 'pointer';
  /** Where that comes from; undefined where the slot has nothing. */
  source: RecordMeta['source'] | undefined;
  /** The files that are there; `same` as at the last look, by their stamp. */
  files: 'none' | 'same' | 'changed';
  /** A clear came after the last look. */
  isCleared: boolean;
  /** `$cert_etcd` is set: the values of etcd win over files. */
  followsEtcd: boolean;
  /** A scan knows the file that the slot's name has of its own. */
  isScanned: boolean;
}

export type Decision =
  /** The slot has what it should have. */
  | { do: 'keep' }
  /** It has a pair that was put, and files for it are not there, or not there any more. */
  | { do: 'keep-without-files' }
  /** There is nothing for the slot: its pair is dropped, and a pointer stays. */
  | { do: 'drop' }
  /** Its files are gone, and nobody has cleared it: the last good pair stays, with this as its problem. */
  | { do: 'note-files-gone' }
  /** A pair from the files may take the place of what is there. */
  | { do: 'read-files' };

/**
 * Decides what a look at a slot's files comes to:
 *
 * 1. The scan keeps a pointer whose file is the name's own as well.
 * 2. A pair that came from etcd stays: there is one truth. Files only stand in for a value that was refused.
 * 3. Without files a pair that was put stays, and one that was read stays until it is cleared.
 * 4. Files that are the same as at the last look are not read, unless a clear asks for their content: two writes within
 *    one tick of the file system's clock look alike from outside.
 * 5. Other files are read.
 */
export function decide(situation: Situation): Decision {
  const { has, source, files, isCleared, isScanned } = situation;
  if (has === 'pointer' && isScanned) return { do: 'drop' };
  const isOfEtcd = situation.followsEtcd && source === 'etcd';
  if (isOfEtcd && (has === 'pair' || files === 'none')) return { do: 'keep' };
  if (files === 'none') {
    if (has === 'pair' && source !== 'disk') return { do: 'keep-without-files' };
    return has === 'pair' && !isCleared ? { do: 'note-files-gone' } : { do: 'drop' };
  }
  return files === 'same' && has !== 'nothing' && !isCleared
    ? { do: 'keep' }
    : { do: 'read-files' };
}
