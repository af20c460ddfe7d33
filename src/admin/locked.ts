import { type Zone, isLocked, lock, lockIfRoom, unlock } from '../store';
import { pause } from '../pause';

/** Takes the lock of a name: a ticket; null: another worker holds it; undefined: it is to be done without. */
type Take = (zone: Zone, name: string) => string | null | undefined;

interface Taken {
  name: string;
  ticket: string;
}

/**
 * Does what needs the right to write some names' records. Waits for who has it: what a worker read from disk before a
 * request must not be stored after it.
 *
 * @param names each once
 * @param work synchronous, so that no lock is broken before it is through
 * @throws (rejects with) SharedMemoryError: the zone has no room for the locks; what `work` throws
 */
export function withLocks<T>(zone: Zone, names: string[], work: () => T): Promise<T> {
  return withTaken(zone, names, (_, name) => lock(zone, name) ?? null, work);
}

/**
 * The same for what makes room. Where the zone has none for a lock, it is done without: nobody holds that lock, and
 * nobody else gets it either.
 */
export function withLocksIfRoom<T>(zone: Zone, names: string[], work: () => T): Promise<T> {
  return withTaken(zone, names, lockIfRoom, work);
}

async function withTaken<T>(zone: Zone, names: string[], take: Take, work: () => T): Promise<T> {
  // In one order everywhere: two requests for the same names must not wait for each other.
  const ordered = names.slice().sort();
  for (;;) {
    const taken: Taken[] = [];
    try {
      for (let i = 0; i < ordered.length; i++) {
        const name = ordered[i] as string;
        const ticket = await ticketFor(zone, name, take);
        if (ticket !== undefined) taken.push({ name, ticket });
      }
      // The first may be broken by the time that the last is there.
      if (taken.every(({ name, ticket }) => isLocked(zone, name, ticket))) return work();
    } finally {
      taken.forEach(({ name, ticket }) => {
        unlock(zone, name, ticket);
      });
    }
  }
}

async function ticketFor(zone: Zone, name: string, take: Take): Promise<string | undefined> {
  let ticket = take(zone, name);
  while (ticket === null) {
    await pause();
    ticket = take(zone, name);
  }
  return ticket;
}
