import { count, refusalLabels } from './counters';
import { filesOf, isSettled } from './disk';
import { recover } from './persist';
import { keepFile } from './indexed';
import { factsOf, isAnswer, isCleared, lookedAt, timestamp } from './record';
import { type Finding, identityFor, lookAtFiles } from './renewal';
import type { Caller, Settings } from './settings';
import { isFileKey } from './slot';
import {
  type Zone,
  clearToken,
  expireMissing,
  find,
  isLocked,
  lockIfRoom,
  noteLeftOut,
  noteMissing,
  put,
  remove,
  unlock,
} from './store';

/** What one handshake looks names up with. */
export interface Lookup {
  r: Caller;
  settings: Settings;
  zone: Zone | undefined;
  misses: Zone | undefined;
  /** The clear token, read before the name is looked up. */
  token: string;
  /** Milliseconds; 0: until a clear. */
  interval: number;
  /** The normalised fallback; its pair need not cover it. */
  fallback: string;
}

/**
 * Looks at a slot's files and keeps what it finds: a new pair, or the one that is held where they did not change or
 * cannot be used. Only the worker that gets the slot's lock writes it down. Meanwhile the others serve what is held: a
 * new pair that they found by themselves would be followed by the old one. After a clear that is what they must do.
 *
 * @param slot its key
 * @returns a record with a pair, or a pointer; '' where there is none to serve
 */
export function load(lookup: Lookup, slot: string): string {
  const { zone, misses } = lookup;
  if (misses) expireMissing(misses, slot);
  // A name that nobody owns is to cost no write to the zone, not even a lock's.
  if ((!zone || find(zone, slot) === undefined) && !identityFor(lookup.settings, slot)) {
    if (misses) noteMissing(misses, slot, lookup.token);
    return '';
  }
  const ticket = zone && lockIfRoom(zone, slot);
  // A clear and a put may have come since it was read: what was put would pass for cleared.
  const current = zone ? Object.assign({}, lookup, { token: clearToken(zone) }) : lookup;
  if (zone && ticket === null) {
    const record = find(zone, slot);
    if (record !== undefined && factsOf(record) && !isCleared(record, current.token)) {
      return isAnswer(record) ? record : '';
    }
  }
  try {
    // Nobody who holds no lock writes files, and who holds it finds no staged pair but a killed worker's.
    if (lookup.settings.isPersistent && !isFileKey(slot) && (ticket || !zone)) {
      recover(filesOf(lookup.settings, slot));
    }
    // Read after the lock was taken: nobody else writes it now.
    const began = timestamp();
    const finding = lookAtFiles(current, slot, zone && find(zone, slot));
    // What changes after this look has begun is found by one that comes an interval later, however long this one took.
    if (finding.record) finding.record = lookedAt(finding.record, began);
    if (zone && ticket && isLocked(zone, slot, ticket)) {
      keep(lookup, zone, slot, finding);
    } else if (!zone && finding.message !== undefined && finding.isError) {
      lookup.r.error(finding.message);
    }
    if (misses && finding.isMissing) noteMissing(misses, slot, current.token);
    return isAnswer(finding.record) ? finding.record : '';
  } finally {
    if (zone && ticket) unlock(zone, slot, ticket);
  }
}

function keep(lookup: Lookup, zone: Zone, slot: string, finding: Finding): void {
  if (isFileKey(slot)) {
    if (!keepFile(lookup, zone, slot, finding.record)) return;
    if (finding.leftOut !== undefined && isSettled(finding.leftOut)) {
      noteLeftOut(zone, slot, finding.leftOut);
    }
  } else if (finding.record) put(zone, slot, finding.record);
  else remove(zone, slot);
  if (finding.result) count(zone, 'loads_total', `result="${finding.result}"`);
  if (finding.code) count(zone, 'refusals_total', refusalLabels('disk', finding.code));
  if (finding.message === undefined) return;
  if (finding.isError) lookup.r.error(finding.message);
  else lookup.r.log(finding.message);
}
