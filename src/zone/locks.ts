import { isWithin, timestamp } from '../engine/clock';
import { isRunning } from '../engine/worker';
import { yieldOnce } from '../engine/yielding';
import { type Zone, isZoneFull } from './dict';

// Locks give the right to write the record of a slot. Readers need none. A lock is a key of the zone that `add` makes, so that
// only one worker gets it. Its value, the ticket, has the time and the worker's process number.

const LOCK_PREFIX = '#lock:';

/** The age from which a lock is broken, in milliseconds. A refresh takes about one: a worker that needs 5000 is stuck. */
export const LOCK_LIFETIME_MS = 5000;

/** The outcome of one try at a lock. */
export type LockResult =
  | { state: 'locked'; ticket: string }
  /** Another worker holds it. */
  | { state: 'busy' }
  /** The zone has no room for it, and so nobody holds it. */
  | { state: 'no-room' };

/** The outcome of one try at several locks. */
export interface LockAttempt {
  /** `busy` where another worker holds one of them: then none was kept. `no-room` where the zone had no room for one. */
  state: LockResult['state'];
  /** Whether this worker still holds all of them: none was broken by another worker. */
  isLocked(): boolean;
}

interface Taken {
  slot: string;
  ticket: string;
}

/**
 * Tries once for a slot's lock. The caller frees it by `unlock`.
 *
 * @param slot its key
 */
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
 * @returns the ticket; undefined where another worker holds the lock
 * @throws SharedMemoryError where the zone has no room for a lock
 */
function ticketFor(zone: Zone, key: string): string | undefined {
  // The process number tells the tickets of two workers apart, and the time those of one worker.
  const ticket = `${timestamp()}:${process.pid}`;
  if (zone.add(key, ticket)) return ticket;
  const holder = zone.get(key);
  if (holder === undefined || isHeld(holder)) return undefined;
  const popped = zone.pop(key);
  // Another worker was faster to break the lock, and its ticket is valid.
  if (popped !== undefined && popped !== holder) zone.add(key, popped);
  return zone.add(key, ticket) ? ticket : undefined;
}

/** Whether a ticket is valid: it is not too old, and its worker was not killed. */
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

/** Whether a slot's lock still has this ticket: it was not broken. */
export function isLocked(zone: Zone, slot: string, ticket: string): boolean {
  return zone.get(LOCK_PREFIX + slot) === ticket;
}

/** Frees a lock, unless it was broken meanwhile. */
export function unlock(zone: Zone, slot: string, ticket: string): void {
  if (isLocked(zone, slot, ticket)) zone.delete(LOCK_PREFIX + slot);
}

/**
 * Tries once for some locks and does the work, whatever the outcome. Handshakes and scans use it, because they must not wait.
 *
 * @param slots their keys, each once
 * @param work gets the outcome. The locks are freed after it
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
 * Waits for some locks and does the work. Requests use it: a pair that a worker read from disk before a request must not be
 * stored after it.
 *
 * @param slots their keys, each once
 * @param work synchronous, so that no lock is broken before its end
 * @throws (rejects with) SharedMemoryError: the zone has no room for the locks; what `work` throws
 */
export function withLocks<T>(zone: Zone, slots: string[], work: () => T): Promise<T> {
  return withAll(zone, slots, ticketOrError, work);
}

/**
 * Waits for some locks as `withLocks` does, for work that makes room in the zone. Where there is no room for a lock the work is
 * done without it: no other worker holds that lock, and none can get it.
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
      // The first lock may be broken by the time that the last one is taken.
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
