import { type Zone, isLocked, lock, unlock } from '../store';
import { pause } from '../pause';

/**
 * Does what needs the right to write some names' records. Waits for who has it: what a worker read from disk before a
 * request must not be stored after it.
 *
 * @param names each once
 * @param work synchronous, so that no lock is broken before it is through
 * @throws (rejects with) SharedMemoryError: the zone has no room for the locks; what `work` throws
 */
export async function withLocks<T>(zone: Zone, names: string[], work: () => T): Promise<T> {
  // In one order everywhere: two requests for the same names must not wait for each other.
  const ordered = names.slice().sort();
  for (;;) {
    const tickets: string[] = [];
    try {
      for (let i = 0; i < ordered.length; i++) {
        tickets.push(await ticketFor(zone, ordered[i] as string));
      }
      // The first may be broken by the time that the last is there.
      if (tickets.every((ticket, i) => isLocked(zone, ordered[i] as string, ticket))) return work();
    } finally {
      tickets.forEach((ticket, i) => {
        unlock(zone, ordered[i] as string, ticket);
      });
    }
  }
}

async function ticketFor(zone: Zone, name: string): Promise<string> {
  let ticket = lock(zone, name);
  while (ticket === undefined) {
    await pause();
    ticket = lock(zone, name);
  }
  return ticket;
}
