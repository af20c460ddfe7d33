import { contextOf } from '../certs/context';
import { type Caller, callerOf } from '../engine/session';
import { yieldFor } from '../engine/yielding';
import { type Effort, SCAN_INTERVAL_MS, scanSlice } from './pass';
import { readScanState } from './state';

// Scans the folder of `$cert_scan` for certificates. A scan is done in slices (see pass.ts), and each slice by whichever worker
// takes it: the state is in the zone, and a lock is held for one slice at most. A handshake waits for one slice at most.

/** How long a call takes at most, in milliseconds: nginx ends a call with an error once the next one of `js_periodic` is due. */
const CALL_MS = SCAN_INTERVAL_MS - 100;

/**
 * The most files that one call reads. The njs engine frees memory only at the end of a call: some 200 kB for each file that is read,
 * and 5 kB for each one that has not changed. A caller that needs more waits until other calls have done it.
 */
const MOST_READ = 200;

/** The most files that one call checks, for that reason. */
const MOST_CHECKED = 2500;

/** How long `scanNow` waits for the next step of another call, in milliseconds: longer than any lock lasts. */
const PATIENCE_MS = 6000;

/**
 * Keeps the index of the certificates under `$cert_scan`, for `js_periodic` with an interval of 500 ms. All files are checked when
 * nginx starts, after each clear, and once `$cert_check_interval` is over; those that have changed are read.
 */
export async function scan(session: NginxPeriodicSession): Promise<void> {
  const caller = callerOf(session);
  try {
    const effort: Effort = { read: 0, checked: 0, lacksRoom: false };
    const end = Date.now() + CALL_MS;
    let now = Date.now();
    let longest = 0;
    // On a busy worker a slice and the pause after it take longer. Another one must fit in before the next call.
    while (now + longest < end && mayDoMore(effort)) {
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
 * Brings the index up to date, for a request that has to answer after that. This call does a part of a large scan, and waits until
 * `js_periodic` has done the rest; where that makes no progress, an error is logged. Without `$cert_scan` it does nothing.
 */
export async function scanNow(caller: Caller): Promise<void> {
  const since = Date.now();
  const effort: Effort = { read: 0, checked: 0, lacksRoom: false };
  let position = '';
  let giveUpAt = 0;
  for (;;) {
    const began = Date.now();
    if (mayDoMore(effort)) {
      if (scanSlice(caller, since, effort) === 'done') return;
    } else {
      const { zone } = contextOf(caller);
      const state = zone && readScanState(zone);
      if (!state || (state.ended > 0 && state.began > since)) return;
      const reached = `${state.began} ${state.done}`;
      if (reached !== position) giveUpAt = Date.now() + PATIENCE_MS;
      else if (Date.now() > giveUpAt) {
        caller.error(
          'cert_rotation: scan: js_periodic does not continue it; some files were not read',
        );
        return;
      }
      position = reached;
    }
    await yieldFor(began);
  }
}

/** Whether a call may check one more file. */
function mayDoMore({ read, checked }: Effort): boolean {
  return read < MOST_READ && checked < MOST_CHECKED;
}
