import { slotPaths } from '../config/paths';
import type { Settings } from '../config/settings';
import { fileKey } from '../config/slot';
import { timeSlicer } from '../engine/yielding';
import type { Zone } from '../zone/dict';
import type { RecordMeta } from '../zone/meta';
import { checkedAt, holdsPair, readMeta } from '../zone/record';
import { findRecord } from '../zone/slots';
import { type Entry, entryOf } from './entry';
import { stemsAfter } from './pages';

/** A scanned file as the API shows it. */
export interface FileEntry {
  /** The path of the chain. */
  file: string;
  /** The names of the file's certificate, even if the zone has no room for the pair. */
  names: string[];
  /**
   * `refused` where the file has no pair to serve; `not-held` where the zone has no room for its pair, so that each handshake reads
   * the file.
   */
  state: Entry['state'] | 'refused' | 'not-held';
  /** The reason why the file was refused as `code: detail`; null where it was not. */
  error: string | null;
  /** When the file was last checked, in ISO 8601. */
  checked_at: string;
  /** The stored certificate. */
  certificate?: Entry;
}

/**
 * One page of the scanned files, in the order of their stems.
 *
 * @param after the last stem of the page before; '' for the first page
 * @param limit the most files of a page
 * @returns the files, and as `next` the last stem of the page, or null where no file follows
 */
export async function filePage(
  zone: Zone,
  settings: Settings,
  after: string,
  limit: number,
): Promise<{ files: FileEntry[]; next: string | null }> {
  const files: FileEntry[] = [];
  // The stem after the page tells whether there is a next one.
  const stems = await stemsAfter(zone, after, limit + 1);
  const yieldIfDue = timeSlicer();
  for (let i = 0; i < Math.min(stems.length, limit); i++) {
    const key = fileKey(stems[i] as string);
    const record = findRecord(zone, key) || '';
    const meta = readMeta(record);
    if (meta) files.push(fileEntryOf(slotPaths(settings, key).cert, record, meta));
    await yieldIfDue();
  }
  return { files, next: stems.length > limit ? (stems[limit - 1] as string) : null };
}

function fileEntryOf(file: string, record: string, meta: RecordMeta): FileEntry {
  const names = meta.found ? meta.found.names : [];
  const { problem } = meta;
  const entry: FileEntry = {
    file,
    names,
    state: problem ? 'refused' : 'not-held',
    error: problem ? `${problem.code}: ${problem.detail}` : null,
    checked_at: new Date(checkedAt(record)).toISOString(),
  };
  if (holdsPair(record)) {
    entry.certificate = entryOf(names[0] || '', record, meta);
    entry.state = entry.certificate.state;
  }
  return entry;
}
