import { type Context, contextOf } from '../certs/context';
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

// Looks for certificates in the folder of `$cert_scan`. A scan is done in slices, each by any worker that comes for it: the
// state is in the zone, and a lock is held for no longer than a slice. Handshakes wait for one slice and no more.
/** Of files that have not changed, a worker looks at this many per second in the long run: it takes some 5 % of its time. */
const RATE = 2000;
/** How often `js_periodic` calls, as it is documented. */
export const SCAN_INTERVAL_MS = 500;

const MINUTE_MS = 60_000;

const LOCK = '#scan';

const NO_ROOM =
  'the zone has no room for all that is found; give js_shared_dict_zone a larger size';
const NO_ZONE = 'cert_rotation: scan: there is no js_shared_dict_zone for what it finds';

/** What one call has done. */
export interface Effort {
  read: number;
  lookedAt: number;
  /** The zone has no room for a name. */
  lacksRoom: boolean;
}

/**
 * Does one slice of a scan, if there is one to do and nobody else is at it. A scan that goes on is brought to its end before
 * another one begins: however many ask for one, all come to the last file.
 *
 * @param since only a scan that began after it will do
 */
export function scanSlice(caller: Caller, since: number, effort: Effort): 'done' | 'more' {
  const context = contextOf(caller);
  const { zone, settings } = context;
  if (!settings.scan) return 'done';
  if (!zone) {
    // There is nowhere to note that it was said.
    if (Date.now() % MINUTE_MS < SCAN_INTERVAL_MS) caller.error(NO_ZONE);
    return 'done';
  }
  if (!isToDo(context, readScanState(zone), since)) return 'done';
  return tryWithLocks(zone, [LOCK], ({ state: lockState }) => {
    if (lockState === 'busy') return 'more';
    const end = Date.now() + SLICE_MS;
    const last = readScanState(zone);
    if (!isToDo(context, last, since)) return 'done';
    let state = last;
    if (!state || state.ended || state.settings !== settingsOf(settings)) {
      // To list a large folder is a slice of its own.
      state = begun(context, zone, last, since);
    } else {
      lookOn(context, zone, state, end, effort);
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
  });
}

/** Whether a scan is going on, or one is due. */
function isToDo(
  { settings, token, interval }: Context,
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
function begun(context: Context, zone: Zone, last: ScanState | null, since: number): ScanState {
  const began = Math.max(Date.now(), since + 1);
  const { folder, count, fault } = listed(context, zone, last);
  return {
    settings: settingsOf(context.settings),
    folder,
    token: context.token,
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
  { settings }: Context,
  zone: Zone,
  last: ScanState | null,
): Pick<ScanState, 'folder' | 'count' | 'fault'> {
  const before = last ? last.count : 0;
  let folder: string;
  let stems: string[] = [];
  let fault = '';
  try {
    const template = readScanPattern(settings.scan);
    folder = stampOf({ cert: template.folder, key: template.folder });
    if (last && folder !== '' && last.folder === folder && last.settings === settingsOf(settings)) {
      return { folder, count: before, fault: '' };
    }
    if (!isSettled(folder)) folder = '';
    stems = stemsIn(template, listFolder(template.folder));
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
    fault = NO_ROOM;
    folder = '';
  }
  return { folder, count: stems.length, fault };
}

/** Looks at the next files, for as long as a slice may take. */
function lookOn(context: Context, zone: Zone, state: ScanState, end: number, effort: Effort): void {
  let { stems, at } = stemsAt(zone, state.done);
  while (state.done < state.count) {
    const stem = stems[at];
    if (stem !== undefined && !lookAt(context, zone, stem, effort)) return;
    state.done++;
    at++;
    if (Date.now() >= end) return;
    if (at >= stems.length) ({ stems, at } = stemsAt(zone, state.done));
  }
}

/**
 * Reads a file if it has changed, and sees to it that each name of its certificate has a pointer.
 *
 * @returns false where another worker is busy with it
 */
function lookAt(context: Context, zone: Zone, stem: string, effort: Effort): boolean {
  const key = fileKey(stem);
  try {
    return index(context, zone, key, effort);
  } catch (e) {
    // Of one file, and no reason to leave out the others.
    context.r.error(
      `cert_rotation: scan: ${slotPaths(context.settings, key).cert}: ${(e as Error).message}`,
    );
    return true;
  }
}

function index(context: Context, zone: Zone, key: string, effort: Effort): boolean {
  const stamp = stampOfSlot(context.settings, key);
  const summary = findSummary(zone, key);
  effort.lookedAt++;
  let known = readFileSummary(summary);
  if (!stamp && findRecord(zone, key) === undefined) {
    noteLeftOut(zone, key, '');
    return true;
  }
  if (!summary || stamp === '' || stamp !== known.files) {
    effort.read++;
    const loaded = refreshSlot(context, key);
    const held = findRecord(zone, key);
    if (held !== undefined && holdsPair(held) && isCleared(held, context.token)) return false;
    if (loaded && held === undefined) {
      // Another worker is busy with one of its names, or held up in it.
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

function ensurePointer(context: Context, zone: Zone, slot: string, key: string): boolean {
  const held = findRecord(zone, slot);
  if (pointsOnlyTo(held, key)) return true;
  // After a clear, what was read from files that are gone gives way.
  if (held !== undefined && holdsPair(held) && isCleared(held, context.token))
    refreshSlot(context, slot);
  return restorePointer(context, zone, slot, key);
}
