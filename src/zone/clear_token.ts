import { type Zone, hasRoom } from './dict';
const CLEAR_KEY = '#clear';

/** The clear token: a record with another one is stale. */
export function clearToken(zone: Zone): string {
  const token = zone.get(CLEAR_KEY);
  // With one of another length nothing in a record would be at its offset.
  return token !== undefined && token.length === FIRST_TOKEN.length ? token : FIRST_TOKEN;
}

/**
 * Makes every record and every negative answer of the zone stale, whatever their number.
 *
 * @throws SharedMemoryError where the zone is full
 */
export function clearAll(zone: Zone): void {
  const random = Math.floor(Math.random() * 0x10000);
  // Two clears at once are one: it does no harm if they should make the same token.
  zone.set(CLEAR_KEY, Date.now().toString(36) + `000${random.toString(16)}`.slice(-4));
}

/**
 * Gives the clear token its place while there is room: its later values take the same, also in a full zone.
 */
export function reserveToken(zone: Zone): void {
  if (zone.get(CLEAR_KEY) === undefined) hasRoom(() => zone.add(CLEAR_KEY, FIRST_TOKEN));
}

/** The token of a zone that was never cleared. */
export const FIRST_TOKEN = '000000000000';
