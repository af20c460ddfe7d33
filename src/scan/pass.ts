import { type Context, contextOf } from '../certs/context';
import { sweepIfDue } from '../certs/keep';
import { isRoomy, pointsOnlyTo, restorePointer, slotsFor } from '../certs/pointers';
import { refreshSlot } from '../certs/refresh';
import { slotPaths } from '../config/paths';
import { readScanPattern, stemsIn } from '../config/scan_pattern';
import type { Settings } from '../config/settings';
import { fileKey } from '../config/slot';
import { listFolder } from '../disk/fs';
import { isSettled, stampOf, stampOfSlot } from '../disk/stamp';
import type { Caller } from '../engine/session';
import { SLICE_MS } from '../engine/yielding';
import type { Zone } from '../zone/dict';
import { tryWithLocks } from '../zone/locks';
import { holdsPair, isCleared } from '../zone/record';
import { findRecord, findSummary, noteLeftOut } from '../zone/slots';
import { readFileSummary } from '../zone/summary';
import {
  type ScanState,
  listedStems,
  readScanState,
  stemsAt,
  writeScanState,
  writeStems,
} from './state';

// One slice of a scan: it lists the folder, or checks some of the files in the list, reads those that have changed, and points the
// names of their certificates to them.

/**
 * Unchanged files are checked at no more than this rate per second on average, which takes some 5 % of a worker's time. A scan of
 * many files is therefore due less often than `$cert_check_interval` says.
 */
const RATE = 2000;
/** The interval of `js_periodic` that the documents tell to set, in milliseconds. */
export const SCAN_INTERVAL_MS = 500;

const MINUTE_MS = 60_000;

/** The lock for the state of the scan. */
const SCAN_LOCK = '#scan';

const NO_ROOM_FOR_NAMES =
  'the zone has no room for all files and their names; give js_shared_dict_zone a larger size';
const NO_ZONE = 'cert_rotation: scan: there is no js_shared_dict_zone to store the certificates in';

/** The work that one call has done. */
export interface Effort {
  /** The number of files that it read. */
  read: number;
  /** The number of files that it checked. */
  checked: number;
  /** Whether the zone had no room for a file or a name. */
  lacksRoom: boolean;
}

/**
 * Does one slice of a scan, if one is due and no other worker is doing one. A scan is finished before the next one begins, so that
 * it reaches the last file however often scans are requested.
 *
 * @param since in milliseconds since 1970: the caller needs a scan that began later; 0 for any
 * @param effort of the call, which this slice is added to
 * @returns `done` where no scan is due any more, or where there can be none
 */
export function scanSlice(caller: Caller, since: number, effort: Effort): 'done' | 'more' {
  const context = contextOf(caller);
  const { zone, settings } = context;
  sweepIfDue(context);
  if (!settings.scan) return 'done';
  if (!zone) {
    // Without a zone nothing can note that this was logged, so it is logged about once a minute.
    if (Date.now() % MINUTE_MS < SCAN_INTERVAL_MS) caller.error(NO_ZONE);
    return 'done';
  }
  if (!isDue(context, readScanState(zone), since)) return 'done';
  return tryWithLocks(zone, [SCAN_LOCK], ({ state: lockState }) => {
    if (lockState === 'busy') return 'more';
    const end = Date.now() + SLICE_MS;
    const previous = readScanState(zone);
    if (!isDue(context, previous, since)) return 'done';
    let state = previous;
    if (!state || state.ended || state.settings !== scanSettingsOf(settings)) {
      // The listing of the folder is a slice of its own, because it takes long for a large one.
      state = newScan(context, zone, previous, since);
    } else {
      checkStems(context, zone, state, end, effort);
    }
    if (effort.lacksRoom && !state.fault) state.fault = NO_ROOM_FOR_NAMES;
    if (state.fault && state.fault !== state.logged)
      caller.error(`cert_rotation: scan: ${state.fault}`);
    if (state.fault) state.logged = state.fault;
    if (state.done >= state.count) {
      state.ended = Date.now();
      if (!state.fault) state.logged = '';
    }
    // A state that cannot be stored ends the call: the next slice would begin the scan again.
    if (!writeScanState(zone, state)) return 'done';
    return state.ended && state.began > since ? 'done' : 'more';
  });
}

/** Whether there is a scan to continue or to begin. */
function isDue(
  { settings, token, interval }: Context,
  state: ScanState | null,
  since: number,
): boolean {
  if (!state || !state.ended || state.began <= since) return true;
  if (state.settings !== scanSettingsOf(settings) || state.token !== token) return true;
  const age = Date.now() - state.began;
  // A negative age means that the clock was set back.
  return age < 0 || (interval > 0 && age >= Math.max(interval, (state.count / RATE) * 1000));
}

/** The settings that a scan depends on, as one text to compare. */
function scanSettingsOf(settings: Settings): string {
  return [settings.scan, settings.keyFile, settings.certFileRsa ? 'RSA' : ''].join('\n');
}

/**
 * Begins a scan with a listing of the folder.
 *
 * @param previous the state of the scan before; null where there was none
 */
function newScan(
  context: Context,
  zone: Zone,
  previous: ScanState | null,
  since: number,
): ScanState {
  const began = Math.max(Date.now(), since + 1);
  const { folder, count, fault } = listStems(context, zone, previous);
  return {
    settings: scanSettingsOf(context.settings),
    folder,
    token: context.token,
    began,
    count,
    done: 0,
    ended: 0,
    fault,
    logged: previous ? previous.logged : '',
  };
}

/**
 * Lists the stems to check: those of the folder's entries, and those of the previous scan whose files are gone while the zone still
 * has a record for them. Where the folder has not changed, the list of the previous scan stays.
 */
function listStems(
  { settings }: Context,
  zone: Zone,
  previous: ScanState | null,
): Pick<ScanState, 'folder' | 'count' | 'fault'> {
  const before = previous ? previous.count : 0;
  let folder: string;
  let stems: string[] = [];
  let fault = '';
  try {
    const pattern = readScanPattern(settings.scan);
    folder = stampOf({ cert: pattern.folder, key: pattern.folder });
    const isUnchanged = folder !== '' && previous?.folder === folder;
    if (isUnchanged && previous.settings === scanSettingsOf(settings)) {
      return { folder, count: before, fault: '' };
    }
    if (!isSettled(folder)) folder = '';
    stems = stemsIn(pattern, listFolder(pattern.folder));
  } catch (e) {
    folder = '';
    fault = (e as Error).message;
  }
  const isListed: Record<string, boolean> = {};
  for (let i = 0; i < stems.length; i++) isListed['/' + (stems[i] as string)] = true;
  const gone = listedStems(zone, before).filter(
    (stem) => !isListed['/' + stem] && findSummary(zone, fileKey(stem)) !== '',
  );
  stems = stems.concat(gone);
  if (!writeStems(zone, stems, before)) {
    fault = NO_ROOM_FOR_NAMES;
    folder = '';
  }
  return { folder, count: stems.length, fault };
}

/**
 * Checks the next files of the list, until the slice is over or another worker is busy with one.
 *
 * @param end of the slice, in milliseconds since 1970
 */
function checkStems(
  context: Context,
  zone: Zone,
  state: ScanState,
  end: number,
  effort: Effort,
): void {
  let { stems, at } = stemsAt(zone, state.done);
  while (state.done < state.count) {
    const stem = stems[at];
    if (stem !== undefined && !checkStem(context, zone, stem, effort)) return;
    state.done++;
    at++;
    if (Date.now() >= end) return;
    if (at >= stems.length) ({ stems, at } = stemsAt(zone, state.done));
  }
}

/**
 * Reads a file if it has changed, and gives each name of its certificate a pointer to it. An error is logged, and does not keep the
 * scan from the other files.
 *
 * @returns false where another worker is busy with the file or one of its names, so that the check has to be done again
 */
function checkStem(context: Context, zone: Zone, stem: string, effort: Effort): boolean {
  const key = fileKey(stem);
  try {
    return indexFile(context, zone, key, effort);
  } catch (e) {
    context.r.error(
      `cert_rotation: scan: ${slotPaths(context.settings, key).cert}: ${(e as Error).message}`,
    );
    return true;
  }
}

function indexFile(context: Context, zone: Zone, key: string, effort: Effort): boolean {
  const stamp = stampOfSlot(context.settings, key);
  const summary = findSummary(zone, key);
  effort.checked++;
  let known = readFileSummary(summary);
  if (!stamp && findRecord(zone, key) === undefined) {
    noteLeftOut(zone, key, '');
    return true;
  }
  if (!summary || stamp === '' || stamp !== known.files) {
    effort.read++;
    const loaded = refreshSlot(context, key);
    const record = findRecord(zone, key);
    if (record !== undefined && holdsPair(record) && isCleared(record, context.token)) return false;
    if (loaded && record === undefined) {
      // The record was not stored though there is room: another worker has the lock of one of the names.
      if (isRoomy(zone)) return false;
      effort.lacksRoom = true;
    }
    known = readFileSummary(findSummary(zone, key));
  }
  const slots = slotsFor(context.settings, known.names, known.isRsa);
  const isBusy = slots.filter((slot) => !ensurePointer(context, zone, slot, key)).length > 0;
  if (!isBusy && slots.some((slot) => findRecord(zone, slot) === undefined))
    effort.lacksRoom = true;
  return !isBusy;
}

/** @returns false where another worker is busy with the slot */
function ensurePointer(context: Context, zone: Zone, slot: string, key: string): boolean {
  const record = findRecord(zone, slot);
  if (pointsOnlyTo(record, key)) return true;
  // After a clear the refresh removes a pair whose own files are gone, and so makes place for the pointer.
  if (record !== undefined && holdsPair(record) && isCleared(record, context.token))
    refreshSlot(context, slot);
  return restorePointer(context, zone, slot, key);
}
