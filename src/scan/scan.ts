import { contextOf } from '../certs/context';
import { type Caller, callerOf } from '../engine/session';
import { yieldFor } from '../engine/yielding';
import { type Effort, SCAN_INTERVAL_MS, scanSlice } from './pass';
import { readScanState } from './state';

// Looks for certificates in the folder of `$cert_scan`. A scan is done in slices, each by any worker that comes for it: the
// state is in the zone, and a lock is held for no longer than a slice. Handshakes wait for one slice and no more.

/** A call leaves off before `js_periodic` makes the next one: nginx would end it, and log an error. */
const CALL_MS = SCAN_INTERVAL_MS - 100;

/**
 * The njs engine gives memory back at the end of a call: some 200 kB for each file that is read, and 5 kB for each one that
 * has not changed. Who has to wait for more lets others do it.
 */
const MOST_READ = 200;

const MOST_LOOKED_AT = 2500;

/** Who can do no more waits for others as long as these get on, in milliseconds: for longer than any lock lasts. */
const PATIENCE_MS = 6000;

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
      await yieldFor(now);
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
      const { zone } = contextOf(caller);
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
    await yieldFor(began);
  }
}

function hasStrength({ read, lookedAt }: Effort): boolean {
  return read < MOST_READ && lookedAt < MOST_LOOKED_AT;
}
