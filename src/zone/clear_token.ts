import { type Zone, hasRoom, replaceValue } from './dict';
import { STALE_TOKEN } from './record';

/** The key of the clear token, for the hot path. */
export const CLEAR_KEY = '#clear';

/** The zone's clear token. A record with another one is stale. */
export function clearToken(zone: Zone): string {
  const token = zone.get(CLEAR_KEY);
  // A token of another length would move the fields of a record from their offsets.
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

/** A clear token that no clear had before: random, because a clock may be set back, and always of one length. */
export function newToken(): string {
  const bytes = Buffer.alloc(FIRST_TOKEN.length / 2);
  crypto.getRandomValues(bytes);
  return bytes.toString('hex');
}

/** Stores a first clear token while there is room. Its later values take the same room, so that a full zone can be cleared. */
export function reserveToken(zone: Zone): void {
  if (zone.get(CLEAR_KEY) === undefined) hasRoom(() => zone.add(CLEAR_KEY, FIRST_TOKEN));
}

/** The token of a zone that was never cleared. */
export const FIRST_TOKEN = '000000000000';

/** The key of the store's token as it was when the zone last took over a clear; STALE_TOKEN before the first time. */
const STORE_CLEAR_KEY = '#clear:store';

/**
 * Takes over the clear of another nginx that shares the store, as a clear of this zone: a worker that has read the store's token
 * before the last clear, and comes here after it, must not make the records of then fresh again.
 *
 * @param token the zone's token, as it was read
 * @param storeToken the store's token
 * @returns the zone's token now
 */
export function adoptToken(zone: Zone, token: string, storeToken: string): string {
  const last = zone.get(STORE_CLEAR_KEY);
  if (last === storeToken) return token;
  const hasNote = last !== undefined || replaceValue(zone, STORE_CLEAR_KEY, STALE_TOKEN);
  // Without room for the note every look does this, and must not clear everything.
  const next = hasNote ? newToken() : storeToken;
  if (!replaceValue(zone, CLEAR_KEY, next)) return token;
  // This comes last: a worker may be killed in between.
  if (hasNote) replaceValue(zone, STORE_CLEAR_KEY, storeToken);
  return next;
}

/** Notes the token of a clear of this nginx that the store has as well, so that it is not taken over from there. */
export function noteStoreToken(zone: Zone, token: string): void {
  replaceValue(zone, STORE_CLEAR_KEY, token);
}
