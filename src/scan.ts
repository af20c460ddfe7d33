import { filesOf, identify, isSettled, list } from './disk';
import { isRoomy, pointsOnlyTo, restorePointer, slotsFor } from './indexed';
import { type Lookup, load } from './load';
import { lookupFor } from './lookup';
import { rest } from './pause';
import { callerOf } from './periodic';
import { holdsPair, isCleared, readFileSummary } from './record';
import { identityFor } from './renewal';
import { labelsIn, readScanTemplate } from './scan_template';
import {
  type ScanState,
  labelsAt,
  listedLabels,
  readScanState,
  writeLabels,
  writeScanState,
} from './scan_state';
import type { Caller, Settings } from './settings';
import { SLICE_MS } from './slices';
import { fileKey } from './slot';
import { type Zone, find, findSummary, lockIfRoom, noteLeftOut, unlock } from './store';

// Looks for certificates in the folder of `$cert_scan`. A scan is done in slices, each by any worker that comes for it: the
// state is in the zone, and a lock is held for no longer than a slice. Handshakes wait for one slice and no more.

/** Of `js_periodic`, as it is documented. A call leaves off before the next one: nginx would end it, and log an error. */
const INTERVAL_MS = 500;
const CALL_MS = 400;

/**
 * The njs engine gives memory back at the end of a call: some 200 kB for each file that is read, and 5 kB for each one that
 * has not changed. Who has to wait for more lets others do it.
 */
const MOST_READ = 200;
const MOST_LOOKED_AT = 2500;

/** Of files that have not changed, a worker looks at this many per second in the long run: it takes some 5 % of its time. */
const RATE = 2000;

/** Who can do no more waits for others as long as these get on, in milliseconds: for longer than any lock lasts. */
const PATIENCE_MS = 6000;

const MINUTE_MS = 60_000;

const LOCK = '#scan';

const NO_ROOM =
  'the zone has no room for all that is found; give js_shared_dict_zone a larger size';
const NO_ZONE = 'cert_rotation: scan: there is no js_shared_dict_zone for what it finds';

/** What one call has done. */
interface Effort {
  read: number;
  lookedAt: number;
  /** The zone has no room for a name. */
  lacksRoom: boolean;
}

/**
 * For `js_periodic`, with an interval of 500 ms: keeps the index of the certificates under `$cert_scan`. Looks at all
 * files when nginx starts, after each clear, and when `$cert_check_interval` is over; reads those that have changed.
 */
export async function scan(session: NginxPeriodicSession): Promise<void> {
  const caller = callerOf(session);
  try {
    const effort: Effort = { read: 0, lookedAt: 0, lacksRoom: false };
    const end = Date.now() + CALL_MS;
    let now = Date.now();
    let longest = 0;
    // On a busy worker a slice and a rest take longer, and the last ones may not last until the next call.
    while (now + longest < end && hasStrength(effort)) {
      if (scanSlice(caller, 0, effort) === 'done') return;
      await rest(now);
      longest = Math.max(longest, Date.now() - now);
      now = Date.now();
    }
  } catch (e) {
    caller.error(`cert_rotation: scan: ${(e as Error).message}`);
  }
}

/**
 * Looks at all files now, for who has to know that the index is up to date. Does a part of it, and waits for `js_periodic` to do
 * the rest of it where there is more. Does nothing without `$cert_scan`.
 */
export async function scanNow(caller: Caller): Promise<void> {
  const since = Date.now();
  const effort: Effort = { read: 0, lookedAt: 0, lacksRoom: false };
  let progress = '';
  let patience = 0;
  for (;;) {
    const began = Date.now();
    if (hasStrength(effort)) {
      if (scanSlice(caller, since, effort) === 'done') return;
    } else {
      const { zone } = lookupFor(caller);
      const state = zone && readScanState(zone);
      if (!state || (state.ended > 0 && state.began > since)) return;
      const now = `${state.began} ${state.done}`;
      if (now !== progress) patience = Date.now() + PATIENCE_MS;
      else if (Date.now() > patience) {
        caller.error(
          'cert_rotation: scan: js_periodic does not go on with it; not all files were read',
        );
        return;
      }
      progress = now;
    }
    await rest(began);
  }
}

function hasStrength({ read, lookedAt }: Effort): boolean {
  return read < MOST_READ && lookedAt < MOST_LOOKED_AT;
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
  if (!zone) {
    // There is nowhere to note that it was said.
    if (Date.now() % MINUTE_MS < INTERVAL_MS) caller.error(NO_ZONE);
    return 'done';
  }
  if (!isToDo(lookup, readScanState(zone), since)) return 'done';
  const ticket = lockIfRoom(zone, LOCK);
  if (ticket === null) return 'more';
  try {
    const end = Date.now() + SLICE_MS;
    const last = readScanState(zone);
    if (!isToDo(lookup, last, since)) return 'done';
    let state = last;
    if (!state || state.ended || state.settings !== settingsOf(settings)) {
      // To list a large folder is a slice of its own.
      state = begun(lookup, zone, last, since);
    } else {
      lookOn(lookup, zone, state, end, effort);
    }
    if (effort.lacksRoom && !state.fault) state.fault = NO_ROOM;
    if (state.fault && state.fault !== state.said)
      caller.error(`cert_rotation: scan: ${state.fault}`);
    if (state.fault) state.said = state.fault;
    if (state.done >= state.count) {
      state.ended = Date.now();
      if (!state.fault) state.said = '';
    }
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
  return age < 0 || (interval > 0 && age >= Math.max(interval, (last.count / RATE) * 1000));
}

function settingsOf(settings: Settings): string {
  return [settings.scan, settings.keyFile, settings.certFileRsa ? 'RSA' : ''].join('\n');
}

/** A scan that has all before it. */
function begun(lookup: Lookup, zone: Zone, last: ScanState | null, since: number): ScanState {
  const began = Math.max(Date.now(), since + 1);
  const { folder, count, fault } = listed(lookup, zone, last);
  return {
    settings: settingsOf(lookup.settings),
    folder,
    token: lookup.token,
    began,
    count,
    done: 0,
    ended: 0,
    fault,
    said: last ? last.said : '',
  };
}

/** Lists what there is to look at: the entries of the folder, if it has changed, and what is held of others. */
function listed(
  { settings }: Lookup,
  zone: Zone,
  last: ScanState | null,
): Pick<ScanState, 'folder' | 'count' | 'fault'> {
  const before = last ? last.count : 0;
  let folder: string;
  let labels: string[] = [];
  let fault = '';
  try {
    const template = readScanTemplate(settings.scan);
    folder = identify({ cert: template.folder, key: template.folder });
    if (last && folder !== '' && last.folder === folder && last.settings === settingsOf(settings)) {
      return { folder, count: before, fault: '' };
    }
    if (!isSettled(folder)) folder = '';
    labels = labelsIn(template, list(template.folder));
  } catch (e) {
    folder = '';
    fault = (e as Error).message;
  }
  const isListed: Record<string, boolean> = {};
  for (let i = 0; i < labels.length; i++) isListed['/' + (labels[i] as string)] = true;
  const gone = listedLabels(zone, before).filter(
    (label) => !isListed['/' + label] && findSummary(zone, fileKey(label)) !== '',
  );
  labels = labels.concat(gone);
  if (!writeLabels(zone, labels, before)) {
    fault = NO_ROOM;
    folder = '';
  }
  return { folder, count: labels.length, fault };
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
  if (!identity && find(zone, key) === undefined) {
    noteLeftOut(zone, key, '');
    return true;
  }
  if (!summary || identity === '' || identity !== known.files) {
    effort.read++;
    const loaded = load(lookup, key);
    const held = find(zone, key);
    if (held !== undefined && holdsPair(held) && isCleared(held, lookup.token)) return false;
    if (loaded && held === undefined) {
      // Another worker is busy with one of its names, or held up in it.
      if (isRoomy(zone)) return false;
      effort.lacksRoom = true;
    }
    known = readFileSummary(findSummary(zone, key));
  }
  const slots = slotsFor(lookup.settings, known.names, known.isRsa);
  const isBusy = slots.filter((slot) => !ensurePointer(lookup, zone, slot, key)).length > 0;
  if (!isBusy && slots.some((slot) => find(zone, slot) === undefined)) effort.lacksRoom = true;
  return !isBusy;
}

function ensurePointer(lookup: Lookup, zone: Zone, slot: string, key: string): boolean {
  const held = find(zone, slot);
  if (pointsOnlyTo(held, key)) return true;
  // After a clear, what was read from files that are gone gives way.
  if (held !== undefined && holdsPair(held) && isCleared(held, lookup.token)) load(lookup, slot);
  return restorePointer(lookup.settings, zone, slot, key);
}
