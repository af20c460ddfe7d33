import { placeHistory, readHistory } from '../disk/entries';
import { type Store, uniqueId } from '../disk/store';
import type { Etcd } from './client';
import type { Position } from './position';
import type { Header } from './wire';

// The store notes which history of etcd its pairs come from. The zone loses its position when nginx ends, and only a pair of the
// history that etcd continues may be removed because its key is gone: an etcd that is empty by mistake has deleted nothing.

interface History {
  prefix: string;
  cluster: string;
  term: number;
  /** A revision that etcd had, no older than the newest change of a key that the store has. */
  revision: number;
  historyId: string;
}

/**
 * The id of the store's history where etcd continues that one; otherwise a new id.
 *
 * @param ended the id of the history that the zone has found to be over; '' for none
 */
export function historyIdFor(
  store: Store | undefined,
  etcd: Etcd,
  header: Header,
  ended: string,
): string {
  const known = findHistory(store);
  const isSame =
    known !== null &&
    known.historyId !== ended &&
    known.prefix === etcd.prefix &&
    known.cluster === header.cluster &&
    header.term >= known.term &&
    header.revision >= known.revision;
  return isSame ? known.historyId : uniqueId();
}

/**
 * Notes in the store the history that a position is in. The note of another history stays, unless this one begins: two nginx
 * with two etcd on one store would replace it by turns.
 *
 * @param revision that etcd has
 * @param isBeginning whether the zone has just begun to follow this history
 */
export function keepHistory(
  store: Store | undefined,
  { prefix, cluster, term, historyId, ranges }: Position,
  revision: number,
  isBeginning: boolean,
): void {
  if (!store) return;
  const newest = ranges.reduce((most, { since }) => Math.max(most, since), revision);
  const history: History = { prefix, cluster, term, revision: newest, historyId };
  const known = findHistory(store);
  if (known && known.historyId === historyId) {
    // Another nginx on the store may be ahead.
    if (known.term >= term && known.revision >= newest) return;
    history.revision = Math.max(known.revision, newest);
  } else if (known && !isBeginning) return;
  try {
    placeHistory(store, JSON.stringify(history));
  } catch {
    // Without the note the next start begins a new history, and keeps the pairs whose keys are gone.
  }
}

/** @returns null where none is noted, or it cannot be read */
function findHistory(store: Store | undefined): History | null {
  try {
    return JSON.parse((store && readHistory(store)) ?? 'null') as History | null;
  } catch {
    return null;
  }
}
