import { type Zone, hasRoom, replaceValue } from './dict';

/** The key of the clear token, for the hot path. */
export const CLEAR_KEY = '#clear';

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
export function clearAll(zone: Zone, token: string = newToken()): void {
  zone.set(CLEAR_KEY, token);
}

/** A clear token that no clear had before. It holds no time: no clock is believed, and all are of one length. */
export function newToken(): string {
  const bytes = Buffer.alloc(FIRST_TOKEN.length / 2);
  crypto.getRandomValues(bytes);
  return bytes.toString('hex');
}

/**
 * Gives the clear token its place while there is room: its later values take the same, also in a full zone.
 */
export function reserveToken(zone: Zone): void {
  if (zone.get(CLEAR_KEY) === undefined) hasRoom(() => zone.add(CLEAR_KEY, FIRST_TOKEN));
}

/** The token of a zone that was never cleared. */
export const FIRST_TOKEN = '000000000000';

/** The token that the store had when the zone last took it over. */
const STORE_CLEAR_KEY = '#clear:store';

/**
 * Takes over the clear of another nginx that shares the store.
 *
 * @param token the zone's, as it was read
 * @param storeToken the store's
 * @returns the zone's token now
 */
export function adoptToken(zone: Zone, token: string, storeToken: string): string {
  const last = zone.get(STORE_CLEAR_KEY);
  if (last === storeToken) return token;
  // Without room it is done again at the next look, and does no harm.
  replaceValue(zone, STORE_CLEAR_KEY, storeToken);
  // A zone that had clears of its own before it had this store: no record of it may become fresh by that.
  const next = last === undefined && token !== FIRST_TOKEN ? newToken() : storeToken;
  if (!replaceValue(zone, CLEAR_KEY, next)) return token;
  return next;
}

/** Notes the token of a clear that the store has, so that it is not taken over from there. */
export function noteStoreToken(zone: Zone, token: string): void {
  replaceValue(zone, STORE_CLEAR_KEY, token);
}
