import { filesOf } from '../disk';
import { type Facts, checkedAt, factsOf, holdsPair } from '../record';
import type { Settings } from '../settings';
import { slices } from '../slices';
import { fileKey } from '../slot';
import { type Zone, find } from '../store';
import { type Entry, entryOf } from './entry';
import { labelsAfter } from './names';

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
  const labels = await labelsAfter(zone, after, limit + 1);
  const giveWay = slices();
  for (let i = 0; i < Math.min(labels.length, limit); i++) {
    const key = fileKey(labels[i] as string);
    const record = find(zone, key) || '';
    const facts = factsOf(record);
    if (facts) files.push(fileEntryOf(filesOf(settings, key).cert, record, facts));
    await giveWay();
  }
  return { files, next: labels.length > limit ? (labels[limit - 1] as string) : null };
}

function fileEntryOf(file: string, record: string, facts: Facts): FileEntry {
  const names = facts.found ? facts.found.names : [];
  const { problem } = facts;
  const entry: FileEntry = {
    file,
    names,
    state: problem ? 'refused' : 'not-held',
    error: problem ? `${problem.code}: ${problem.detail}` : null,
    checked_at: new Date(checkedAt(record)).toISOString(),
  };
  if (holdsPair(record)) {
    entry.certificate = entryOf(names[0] || '', record, facts);
    entry.state = entry.certificate.state;
  }
  return entry;
}
