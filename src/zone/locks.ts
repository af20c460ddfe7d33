import { isWithin, timestamp } from '../engine/clock';
import { isRunning } from '../engine/worker';
import { yieldOnce } from '../engine/yielding';
import { type Zone, hasRoom, isZoneFull } from './dict';

// Locks give the right to write the record of a slot. Readers need none. A lock is a key of the zone that `add` makes, so that
// only one worker gets it. Its value, the ticket, has the time and the worker's process number.
//
// A dictionary has no step that compares a value and replaces it. So a ticket whose holder is dead stays, and the worker that is first to
// add a successor to it has the lock:
//
//   #lock:SLOT            TICKET      the head of a chain
//   #broken:SLOT TICKET   SUCCESSOR   the ticket was broken by this one, or its holder gives the lock back
//
// The holder is the last of the chain. It gives the lock back by a successor of its own, which keeps others from breaking it, and then
// removes the chain, the head first: from there on others begin a new one.

const LOCK_PREFIX = '#lock:';
const BROKEN_PREFIX = '#broken:';

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
    return ticketOrError(zone, slot);
  } catch (e) {
    if (isZoneFull(e)) return { state: 'no-room' };
    throw e;
  }
}

/**
 * Tries once for a slot's lock.
 *
 * @returns the ticket; undefined where another worker holds the lock
 * @throws SharedMemoryError where the zone has no room for a lock
 */
function ticketFor(zone: Zone, slot: string): string | undefined {
  const ticket = newTicket();
  let key = LOCK_PREFIX + slot;
  while (!zone.add(key, ticket)) {
    const holder = zone.get(key);
    if (holder === undefined || isHeld(holder)) return undefined;
    key = successorKey(slot, holder);
  }
  if (chainTo(zone, slot, ticket).length > 0) return ticket;
  // The chain of the dead ticket was removed meanwhile.
  zone.delete(key);
  return undefined;
}

/** A ticket that no worker has had before: a worker may take two within a millisecond. */
function newTicket(): string {
  return `${timestamp()}:${process.pid}:${Math.random().toString(36).slice(2, 8)}`;
}

/** The key of the ticket that has broken another one. */
function successorKey(slot: string, ticket: string): string {
  return `${BROKEN_PREFIX}${slot} ${ticket}`;
}

/** The keys from the head of a lock's chain to a ticket; none where that is not in the chain. */
function chainTo(zone: Zone, slot: string, ticket: string): string[] {
  const keys = [LOCK_PREFIX + slot];
  for (;;) {
    const found = zone.get(keys[keys.length - 1] as string);
    if (found === ticket) return keys;
    if (found === undefined) return [];
    keys.push(successorKey(slot, found));
  }
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
  return Number(ticket.split(':')[1]);
}

/** Whether a slot's lock still has this ticket: it was not broken. */
export function isLocked(zone: Zone, slot: string, ticket: string): boolean {
  return (
    chainTo(zone, slot, ticket).length > 0 && zone.get(successorKey(slot, ticket)) === undefined
  );
}

/** Frees a lock, unless it was broken meanwhile. */
export function unlock(zone: Zone, slot: string, ticket: string): void {
  const key = successorKey(slot, ticket);
  const last = newTicket();
  let isFirst = false;
  const isNoted = hasRoom(() => {
    isFirst = zone.add(key, last);
  });
  // Where the zone has no room for that, no other worker has broken the lock, and none can.
  if (isNoted && !isFirst) return;
  const keys = chainTo(zone, slot, isNoted ? last : ticket);
  if (isNoted && keys.length === 0) keys.push(key);
  keys.forEach((one) => zone.delete(one));
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
  const ticket = ticketFor(zone, slot);
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
