import { slotPaths } from '../config/paths';
import type { Settings } from '../config/settings';
import { fileKey } from '../config/slot';
import { timeSlicer } from '../engine/yielding';
import type { Zone } from '../zone/dict';
import { type RecordMeta, checkedAt, holdsPair, readMeta } from '../zone/record';
import { findRecord } from '../zone/slots';
import { type Entry, entryOf } from './entry';
import { stemsAfter } from './pages';

/** A file that a scan found, as the API shows it. */
export interface FileEntry {
  /** The path of the chain. */
  file: string;
  /** The names of the certificate that is held, or of the one that the zone has no room for. */
  names: string[];
  /** `refused`: nothing is held; `not-held`: nor is there room, and each handshake reads the file. */
  state: Entry['state'] | 'refused' | 'not-held';
  /** Why the newest state of the file is not served: `code: detail`. */
  error: string | null;
  /** ISO 8601: when it was last looked at. */
  checked_at: string;
  /** The certificate that is held. */
  certificate?: Entry;
}

/**
 * The files whose labels come after one, in that order.
 *
 * @param after a label; '' for the first page
 * @returns `next` is a label, or null where no file is left
 */
export async function filePage(
  zone: Zone,
  settings: Settings,
  after: string,
  limit: number,
): Promise<{ files: FileEntry[]; next: string | null }> {
  const files: FileEntry[] = [];
  // One more tells whether there is a next page.
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
