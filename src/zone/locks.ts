import { isWithin, timestamp } from '../engine/clock';
import { isRunning } from '../engine/worker';
import { yieldOnce } from '../engine/yielding';
import { type Zone, isZoneFull } from './dict';

// The right to write the record of a slot. Readers need none. A lock is a key of the zone that `add` makes, so that one
// worker of all gets it; its value, the ticket, tells who that is and since when.

const LOCK_PREFIX = '#lock:';

/** A refresh takes about a millisecond. A worker that holds a lock for longer is held up, and nobody knows for how long. */
export const LOCK_LIFETIME_MS = 5000;

/** The outcome of one try at a lock. */
export type LockResult =
  | { state: 'locked'; ticket: string }
  /** Another worker holds it. */
  | { state: 'busy' }
  /** The zone has no room for it, and so nobody holds it. */
  | { state: 'no-room' };

/** Some locks that were tried for together. */
export interface LockAttempt {
  /** `busy` where one of them is, and then none was kept; `no-room` where the zone lacked room for one. */
  state: LockResult['state'];
  /** Whether all of them are still this worker's: none was held for so long that another worker broke it. */
  isLocked(): boolean;
}

interface Taken {
  slot: string;
  ticket: string;
}

/** Tries to take the right to write a slot's record. The caller frees it by `unlock`. */
export function tryLock(zone: Zone, slot: string): LockResult {
  try {
    const ticket = ticketFor(zone, LOCK_PREFIX + slot);
    return ticket === undefined ? { state: 'busy' } : { state: 'locked', ticket };
  } catch (e) {
    if (isZoneFull(e)) return { state: 'no-room' };
    throw e;
  }
}

/**
 * @returns undefined: another worker holds the lock
 * @throws SharedMemoryError where the zone has no room for a lock
 */
function ticketFor(zone: Zone, key: string): string | undefined {
  // The process number tells two workers' tickets apart, the time two of one worker.
  const ticket = `${timestamp()}:${process.pid}`;
  if (zone.add(key, ticket)) return ticket;
  const holder = zone.get(key);
  if (holder === undefined || isHeld(holder)) return undefined;
  const popped = zone.pop(key);
  // Another worker was faster to break it, and the ticket that it put there is good.
  if (popped !== undefined && popped !== holder) zone.add(key, popped);
  return zone.add(key, ticket) ? ticket : undefined;
}

/** Whether the worker of a ticket is still at it, and was not killed. */
function isHeld(ticket: string): boolean {
  return isWithin(ticket, 0, LOCK_LIFETIME_MS) && isRunning(workerOf(ticket));
}

/** Whether this worker took a ticket. */
export function isOwnTicket(ticket: string): boolean {
  return workerOf(ticket) === process.pid;
}

function workerOf(ticket: string): number {
  return Number(ticket.slice(ticket.indexOf(':') + 1));
}

/** Whether the lock is still the ticket's: it was not held for too long and broken. */
export function isLocked(zone: Zone, slot: string, ticket: string): boolean {
  return zone.get(LOCK_PREFIX + slot) === ticket;
}

/** Frees a lock, unless it was broken meanwhile. */
export function unlock(zone: Zone, slot: string, ticket: string): void {
  if (isLocked(zone, slot, ticket)) zone.delete(LOCK_PREFIX + slot);
}

/**
 * Tries for some locks once and does the work, whatever came of that: for handshakes and scans, which wait for nobody.
 *
 * @param slots each once
 * @param work gets the outcome; the locks are freed after it
 * @returns what `work` returns
 */
export function tryWithLocks<T>(zone: Zone, slots: string[], work: (attempt: LockAttempt) => T): T {
  const taken: Taken[] = [];
  let state: LockResult['state'] = 'locked';
  try {
    for (let i = 0; i < slots.length && state !== 'busy'; i++) {
      const slot = slots[i] as string;
      const result = tryLock(zone, slot);
      if (result.state === 'locked') taken.push({ slot, ticket: result.ticket });
      else state = result.state;
    }
    if (state === 'busy') free(zone, taken);
    return work({ state, isLocked: () => state === 'locked' && areLocked(zone, taken) });
  } finally {
    free(zone, taken);
  }
}

/**
 * Does what needs the right to write some slots' records, and waits for it: for requests. A pair that a worker read from
 * disk before a request must not be stored after it.
 *
 * @param slots each once
 * @param work synchronous, so that no lock is broken before it is through
 * @throws (rejects with) SharedMemoryError: the zone has no room for the locks; what `work` throws
 */
export function withLocks<T>(zone: Zone, slots: string[], work: () => T): Promise<T> {
  return withAll(zone, slots, ticketOrError, work);
}

/**
 * Does the same for work that makes room. Without room for a lock the work is done without it: nobody holds that lock, and
 * nobody else gets it either.
 */
export function withLocksIfRoom<T>(zone: Zone, slots: string[], work: () => T): Promise<T> {
  return withAll(zone, slots, tryLock, work);
}

function ticketOrError(zone: Zone, slot: string): LockResult {
  const ticket = ticketFor(zone, LOCK_PREFIX + slot);
  return ticket === undefined ? { state: 'busy' } : { state: 'locked', ticket };
}

async function withAll<T>(
  zone: Zone,
  slots: string[],
  take: (zone: Zone, slot: string) => LockResult,
  work: () => T,
): Promise<T> {
  // In one order everywhere: two requests for the same slots must not wait for each other.
  const ordered = slots.slice().sort();
  for (;;) {
    const taken: Taken[] = [];
    try {
      for (let i = 0; i < ordered.length; i++) {
        const slot = ordered[i] as string;
        let result = take(zone, slot);
        while (result.state === 'busy') {
          await yieldOnce();
          result = take(zone, slot);
        }
        if (result.state === 'locked') taken.push({ slot, ticket: result.ticket });
      }
      // The first may be broken by the time that the last is there.
      if (areLocked(zone, taken)) return work();
    } finally {
      free(zone, taken);
    }
  }
}

function areLocked(zone: Zone, taken: Taken[]): boolean {
  return taken.every(({ slot, ticket }) => isLocked(zone, slot, ticket));
}

function free(zone: Zone, taken: Taken[]): void {
  taken.forEach(({ slot, ticket }) => {
    unlock(zone, slot, ticket);
  });
}
