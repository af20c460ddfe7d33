import { filesOf, list } from './disk';
import { pointsOnlyTo, restorePointer, slotsFor } from './indexed';
import { type Lookup, load } from './load';
import { lookupFor } from './lookup';
import { pause } from './pause';
import { holdsPair, isCleared, readFileSummary } from './record';
import { identityFor } from './renewal';
import { labelIn, readScanTemplate } from './scan_template';
import {
  type ScanState,
  labelsAt,
  listedLabels,
  readScanState,
  writeLabels,
  writeScanState,
} from './scan_state';
import type { Caller, Settings } from './settings';
import { fileKey } from './slot';
import { type Zone, find, findSummary, lockIfRoom, unlock } from './store';

// Looks for certificates in the folder of `$cert_scan`. A scan is done in slices, each by any worker that comes for it: the
// state is in the zone, and a lock is held for no longer than a slice. Handshakes wait for one slice and no more.

/** For how long a slice goes on, in milliseconds. It ends with the file that it has begun. */
const SLICE_MS = 5;

/** A call of `js_periodic` leaves off before the next one, a second later: nginx would end it, and log an error. */
const CALL_MS = 800;

/**
 * The njs engine gives memory back at the end of a call: some 250 kB for each file that is read, and 5 kB for each one that
 * has not changed. Who has to wait for more lets others do it.
 */
const MOST_READ = 250;
const MOST_LOOKED_AT = 5000;

/** A scan takes a tenth of a worker's time at most: it begins when the last one is this many times as long ago as it took. */
const LEAST_REST = 10;

/** Who can read no more waits for others as long as these get on: in milliseconds. */
const PATIENCE_MS = 3000;

const LOCK = '#scan';

/** What one call has done. */
interface Effort {
  read: number;
  lookedAt: number;
}

/**
 * For `js_periodic`, with an interval of a second: keeps the index of the certificates under `$cert_scan`. Looks at all
 * files when nginx starts, after each clear, and when `$cert_check_interval` is over; reads those that have changed.
 */
export async function scan(session: NginxPeriodicSession): Promise<void> {
  const caller: Caller = {
    variables: session.variables,
    log: (message) => {
      ngx.log(ngx.INFO, message);
    },
    error: (message) => {
      ngx.log(ngx.ERR, message);
    },
  };
  try {
    const end = Date.now() + CALL_MS;
    const effort: Effort = { read: 0, lookedAt: 0 };
    while (Date.now() < end && effort.lookedAt < MOST_LOOKED_AT && effort.read < MOST_READ) {
      if (scanSlice(caller, 0, effort) === 'done') return;
      await pause();
    }
  } catch (e) {
    caller.error(`cert_rotation: scan: ${(e as Error).message}`);
  }
}

/**
 * Looks at all files now, for who has to know that the index is up to date. Does nothing without `$cert_scan`.
 *
 * @returns false where not all could be read: `js_periodic` goes on with it
 */
export async function scanNow(caller: Caller): Promise<boolean> {
  const since = Date.now();
  const effort: Effort = { read: 0, lookedAt: 0 };
  let progress = '';
  let patience = 0;
  for (;;) {
    if (effort.read < MOST_READ) {
      if (scanSlice(caller, since, effort) === 'done') return true;
    } else {
      const { zone } = lookupFor(caller);
      const state = zone && readScanState(zone);
      if (!state || (state.ended > 0 && state.began > since)) return true;
      const now = `${state.began} ${state.done}`;
      if (now !== progress) patience = Date.now() + PATIENCE_MS;
      else if (Date.now() > patience) return false;
      progress = now;
    }
    await pause();
  }
}

/**
 * Does one slice of a scan, if there is one to do and nobody else is at it. A scan that goes on is brought to its end before
 * another one begins: however many ask for one, all come to the last file.
 *
 * @param since only a scan that began after it will do
 */
function scanSlice(caller: Caller, since: number, effort: Effort): 'done' | 'more' {
  const lookup = lookupFor(caller);
  const { zone, settings } = lookup;
  if (!settings.scan) return 'done';
  if (!zone) throw new Error('there is no js_shared_dict_zone for what it finds');
  if (!isToDo(lookup, readScanState(zone), since)) return 'done';
  const ticket = lockIfRoom(zone, LOCK);
  if (ticket === null) return 'more';
  try {
    const start = Date.now();
    const last = readScanState(zone);
    if (!isToDo(lookup, last, since)) return 'done';
    let state = last;
    if (!state || state.ended || state.settings !== settingsOf(settings)) {
      // To list a large folder is a slice of its own.
      state = begun(lookup, zone, last, since);
    } else {
      lookOn(lookup, zone, state, start + SLICE_MS, effort);
    }
    if (state.done >= state.count) state.ended = Date.now();
    state.work += Date.now() - start;
    // Without it there would be no end.
    if (!writeScanState(zone, state)) return 'done';
    return state.ended && state.began > since ? 'done' : 'more';
  } finally {
    if (ticket) unlock(zone, LOCK, ticket);
  }
}

/** Whether a scan is going on, or one is due. */
function isToDo(
  { settings, token, interval }: Lookup,
  last: ScanState | null,
  since: number,
): boolean {
  if (!last || !last.ended || last.began <= since) return true;
  if (last.settings !== settingsOf(settings) || last.token !== token) return true;
  const age = Date.now() - last.began;
  // The clock may have been set back.
  return age < 0 || (interval > 0 && age >= Math.max(interval, LEAST_REST * last.work));
}

function settingsOf(settings: Settings): string {
  return [settings.scan, settings.keyFile, settings.certFileRsa ? 'RSA' : ''].join('\n');
}

/** Lists what there is to look at: the entries of the folder, and what is held of others. */
function begun(lookup: Lookup, zone: Zone, last: ScanState | null, since: number): ScanState {
  const before = last ? last.count : 0;
  const began = Math.max(Date.now(), since + 1);
  const held = last ? listedLabels(zone, before) : [];
  let labels: string[] = [];
  let fault = '';
  try {
    const template = readScanTemplate(lookup.settings.scan);
    labels = list(template.folder)
      .map((entry) => labelIn(template, entry))
      .filter((label) => label !== '');
  } catch (e) {
    fault = (e as Error).message;
  }
  const isListed: Record<string, boolean> = {};
  labels.forEach((label) => {
    isListed['/' + label] = true;
  });
  const gone = held.filter(
    (label) => !isListed['/' + label] && findSummary(zone, fileKey(label)) !== '',
  );
  labels = labels.concat(gone);
  if (!writeLabels(zone, labels, before)) fault = 'the zone has no room for a list of the files';
  if (fault && fault !== last?.fault) lookup.r.error(`cert_rotation: scan: ${fault}`);
  return {
    settings: settingsOf(lookup.settings),
    token: lookup.token,
    began,
    count: labels.length,
    done: 0,
    work: 0,
    ended: 0,
    fault,
  };
}

/** Looks at the next files, for as long as a slice may take. */
function lookOn(lookup: Lookup, zone: Zone, state: ScanState, end: number, effort: Effort): void {
  let { labels, at } = labelsAt(zone, state.done);
  while (state.done < state.count) {
    const label = labels[at];
    if (label !== undefined && !lookAt(lookup, zone, label, effort)) return;
    state.done++;
    at++;
    if (Date.now() >= end) return;
    if (at >= labels.length) ({ labels, at } = labelsAt(zone, state.done));
  }
}

/**
 * Reads a file if it has changed, and sees to it that each name of its certificate has a pointer.
 *
 * @returns false where another worker is busy with it
 */
function lookAt(lookup: Lookup, zone: Zone, label: string, effort: Effort): boolean {
  const key = fileKey(label);
  try {
    return index(lookup, zone, key, effort);
  } catch (e) {
    // Of one file, and no reason to leave out the others.
    lookup.r.error(
      `cert_rotation: scan: ${filesOf(lookup.settings, key).cert}: ${(e as Error).message}`,
    );
    return true;
  }
}

function index(lookup: Lookup, zone: Zone, key: string, effort: Effort): boolean {
  const identity = identityFor(lookup.settings, key);
  const summary = findSummary(zone, key);
  effort.lookedAt++;
  let known = readFileSummary(summary);
  if (!summary && !identity) return true;
  if (!summary || identity === '' || identity !== known.files) {
    effort.read++;
    load(lookup, key);
    known = readFileSummary(findSummary(zone, key));
  }
  const slots = slotsFor(lookup.settings, known.names, known.isRsa);
  return slots.filter((slot) => !ensurePointer(lookup, zone, slot, key)).length === 0;
}

function ensurePointer(lookup: Lookup, zone: Zone, slot: string, key: string): boolean {
  const held = find(zone, slot);
  if (pointsOnlyTo(held, key)) return true;
  // After a clear, what was read from files that are gone gives way.
  if (held !== undefined && holdsPair(held) && isCleared(held, lookup.token)) load(lookup, slot);
  return restorePointer(lookup.settings, zone, slot, key);
}
