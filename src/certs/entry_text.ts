import { fitsEntry } from '../disk/entries';
import { newToken } from '../zone/clear_token';
import type { RecordMeta } from '../zone/meta';
import { STALE_TOKEN } from '../zone/record';

// The text of entries, by which the store tells what is current for a slot. It is one of these, as JSON:
//
//   {"version":"FINGERPRINT.ID","token":"…","meta":{…}}   the current version, and the clear that it has seen
//   {"file":"*file:STEM","others":[…]}                    a pointer
//   {"deleted":true}                                      a mark: the slot's pair was deleted

export interface Entry {
  version?: string;
  token?: string;
  meta?: RecordMeta;
  file?: string;
  others?: string[];
  deleted?: true;
}

/** @returns an empty entry where the text is not JSON */
export function parseEntry(text: string | undefined): Entry {
  if (text === undefined) return {};
  try {
    return (JSON.parse(text) as Entry | null) || {};
  } catch {
    return {};
  }
}

/**
 * The text of an entry for a version.
 *
 * @param token the store's clear token that the version has seen
 * @param meta `before` is the version that it replaces
 */
export function entryOfVersion(version: string, token: string, meta: RecordMeta): string {
  const kept: Partial<RecordMeta> = Object.assign({}, meta);
  delete kept.problem;
  delete kept.store;
  const entry: Entry = { version, token, meta: kept as RecordMeta };
  const whole = JSON.stringify(entry);
  if (fitsEntry(whole)) return whole;
  delete kept.warnings;
  const unwarned = JSON.stringify(entry);
  if (fitsEntry(unwarned)) return unwarned;
  // The names of a scanned file are in its certificate as well.
  delete kept.found;
  return JSON.stringify(entry);
}

/** The version that an entry leads to; '' where it leads to none. */
export function versionOfEntry(entry: string | undefined): string {
  return parseEntry(entry).version || '';
}

/** The clear token that an entry has seen. */
export function tokenIn(entry: string): string {
  return parseEntry(entry).token || STALE_TOKEN;
}

/** The first character of the token that a clear of one name leaves in its entry. No clear of all names has such a token. */
const NAME_CLEARED = '-';

/**
 * The text of an entry after a clear of its name. No two clears make the same text: a look that began before the second one must
 * not end that one as well.
 */
export function clearedEntry(entry: string): string {
  return withToken(entry, NAME_CLEARED + newToken().slice(1));
}

/** Whether the name of an entry was cleared, and nobody has looked at its files since. */
export function isNameCleared(entry: string): boolean {
  return isOfNameClear(tokenIn(entry));
}

/** Whether an entry's token is one that a clear of its name has left. */
export function isOfNameClear(token: string): boolean {
  return token.charAt(0) === NAME_CLEARED;
}

/** The entry after a look at its slot's files that changed nothing. */
export function withToken(entry: string, token: string): string {
  return JSON.stringify(Object.assign(parseEntry(entry), { token }));
}
