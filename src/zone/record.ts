import { LONGEST_FRESH_MS } from '../config/settings';
import { isWithin, timestamp } from '../engine/clock';
import type { Pem } from '../x509/pem';
import { type RecordMeta, parseMeta } from './meta';

// The record of a slot: one string, so that one `set` replaces it for all workers. It is a header, a body, and
// RecordMeta as JSON. The fields that the hot path reads lie at fixed offsets:
//
//   0    1  kind: `5` a version in the store; `3` a pair in the zone itself; `4` a pointer to a file's record;
//           `2` no pair, only the reason why the files were refused
//   1   12  the clear token that was current when the files were last read
//  13   13  the time of the last look at the files, in milliseconds since 1970
//  26    6  the offset at which the key ends and the chain begins
//  32    6  the offset at which the body ends and the meta begins
//  38       the body. Kind 5: the time until which it is fresh, 15 digits of milliseconds since 1970, then the path of the
//           version. Kind 3: the PEM of key and chain. Kind 4: the key of the file's record
//
// A change of this format needs other kinds: the zone outlives a reload that brings a new bundle.
//
// The key comes first because OpenSSL looks for one in every block of PEM that it comes across: with the chain first
// each handshake without ssl_certificate_cache would decode all certificates twice.

const VERSION = '5';
const SERVABLE = '3';
const POINTER = '4';
const REFUSED = '2';
const VERSION_CODE = 53;
const SERVABLE_CODE = 51;

const TOKEN_AT = 1;
const CHECKED_AT = 13;
const KEY_END_AT = 26;
const PEM_END_AT = 32;
const PEM_AT = 38;
const PATH_AT = 53;
const OFFSET_LENGTH = 6;
const FRESH_LENGTH = 15;

/** The time until which a version is fresh, where it is not. */
const STALE = '000000000000000';

/** The clear token of a record that is stale, whatever the zone's token: no clear has this one. */
export const STALE_TOKEN = '------------';

const META_CODE = 123;
const LINE_END_CODE = 10;
const HYPHEN_CODE = 45;

const BLOCK_BEGIN = '-----BEGIN ';
const BLOCK_END = '-----\n';

// The hot path.

/**
 * The path of a version that can be served without a look at the store. Runs in every handshake.
 *
 * @param record the value of the zone under a name, which may be any text
 * @param token the zone's clear token
 * @returns '' where the record is no version, or not fresh
 */
export function freshPathOf(record: string, token: string): string {
  if (record.slice(0, CHECKED_AT) !== VERSION + token) return '';
  const left = +record.slice(PEM_AT, PATH_AT) - Date.now();
  // No look gives a record more time than that: the clock was set back.
  const isFresh = left > 0 && left <= LONGEST_FRESH_MS;
  return isFresh ? record.slice(PATH_AT, +record.slice(PEM_END_AT, PEM_AT)) : '';
}

/**
 * Whether the PEM in a record can be served: it is a whole pair, no clear came after it, and its files need no look now. Runs in
 * every handshake that is not served a version.
 *
 * @param record the value of the zone under a name, which may be any text
 * @param token the zone's clear token
 * @param interval in milliseconds; 0 where only a clear makes a record stale
 */
export function isServable(record: string, token: string, interval: number): boolean {
  return (
    record.charCodeAt(0) === SERVABLE_CODE &&
    record.slice(TOKEN_AT, CHECKED_AT) === token &&
    isWithin(record, CHECKED_AT, interval) &&
    isWhole(record)
  );
}

/** Whether a record has a pair that can be served as it is, a version or PEM. The parameters are those of `isServable`. */
export function isFreshPair(record: string, token: string, interval: number): boolean {
  return isServable(record, token, interval) || freshPathOf(record, token) !== '';
}

/**
 * Whether a record is fresh, with a pair or without: no clear came after it, and its files need no look now. The parameters are
 * those of `isServable`.
 */
export function isFresh(record: string, token: string, interval: number): boolean {
  if (isVersion(record)) return freshPathOf(record, token) !== '';
  return record.startsWith(token, TOKEN_AT) && isWithin(record, CHECKED_AT, interval);
}

/** The part of a pair that a handler of `js_set` returns. */
export type Part = 'pair' | 'chain' | 'key';

/** A part of the PEM of a servable record. Runs in every handshake that is served from such a record. */
export function partOf(record: string, part: Part): string {
  const from = part === 'chain' ? +record.slice(KEY_END_AT, PEM_END_AT) : PEM_AT;
  const to =
    part === 'key' ? +record.slice(KEY_END_AT, PEM_END_AT) : +record.slice(PEM_END_AT, PEM_AT);
  return record.slice(from, to);
}

/**
 * The answer to a handshake that is served a record.
 *
 * @returns the path of a version, or the record itself, for its PEM; '' for ''
 */
export function answerOf(record: string): string {
  return isVersion(record) ? pathOf(record) : record;
}

/** Whether a record is that of a version, whose pair is in the store and not in the record itself. */
export function isVersion(record: string): boolean {
  return record.charCodeAt(0) === VERSION_CODE;
}

/** The path of a version. */
export function pathOf(record: string): string {
  return record.slice(PATH_AT, pemEnd(record));
}

/** The key and the chain of a record with PEM, in one. */
export function pemOf(record: string): string {
  return record.slice(PEM_AT, pemEnd(record));
}

function pemEnd(record: string): number {
  return +record.slice(PEM_END_AT, PEM_AT);
}

/**
 * The target of a fresh pointer. Runs in a handshake that has found no pair to serve. The parameters are those of `isServable`.
 *
 * @returns the key of a file's record; '' where the record is no fresh pointer
 */
export function currentTarget(record: string, token: string, interval: number): string {
  const isOne = record.charAt(0) === POINTER && isFresh(record, token, interval);
  return isOne ? record.slice(PEM_AT, pemEnd(record)) : '';
}

/**
 * Whether the certificate of a file's record has a name. Runs in a handshake that followed a pointer there, and does not parse
 * the meta, which costs it 1 % of a whole handshake: `JSON.stringify` writes a name, which has no character to escape, as
 * itself in quotes.
 *
 * @param record the value of the zone under a file's key, which may be any text
 * @param name normalised, or a wildcard
 */
export function isFoundFor(record: string, name: string): boolean {
  return record.indexOf(`"${name}"`, record.indexOf('"found":', pemEnd(record))) >= 0;
}

/**
 * Whether key and chain end where the header says: a block begins after the key, and the meta after the chain. nginx writes a
 * value that it cannot read as a pair into the error log, the key included, so half a record must never reach it.
 */
function isWhole(record: string): boolean {
  const chainAt = +record.slice(KEY_END_AT, PEM_END_AT);
  const metaAt = pemEnd(record);
  return (
    record.charCodeAt(metaAt) === META_CODE &&
    record.charCodeAt(metaAt - 1) === LINE_END_CODE &&
    record.charCodeAt(chainAt) === HYPHEN_CODE &&
    record.charCodeAt(chainAt - 1) === LINE_END_CODE
  );
}

// The kinds of records, and their times.

/** Whether a record has a pair to serve, fresh or not. */
export function holdsPair(record: string): boolean {
  return record.charAt(0) === SERVABLE || isVersion(record);
}

/** Whether a record is a pointer. */
export function isPointer(record: string): boolean {
  return record.charAt(0) === POINTER;
}

/** Whether a record has a pair, or leads to one. */
export function isAnswer(record: string): boolean {
  return holdsPair(record) || isPointer(record);
}

/** The key of the file's record that a pointer points to. */
export function targetOf(pointer: string): string {
  return pointer.slice(PEM_AT, pemEnd(pointer));
}

/**
 * Whether the last look at a record's files is less than an interval ago.
 *
 * @param interval in milliseconds; 0 for an unlimited one
 */
export function isCheckedWithin(record: string, interval: number): boolean {
  return isWithin(record, CHECKED_AT, interval);
}

/** The time of the last look at a record's files, in the form of `timestamp`. */
export function checkedAtText(record: string): string {
  return record.slice(CHECKED_AT, KEY_END_AT);
}

/** The time of the last look at a record's files, in milliseconds since 1970. */
export function checkedAt(record: string): number {
  return +record.slice(CHECKED_AT, KEY_END_AT);
}

/** Whether a clear came after a record's files were read. */
export function isCleared(record: string, token: string): boolean {
  return !record.startsWith(token, TOKEN_AT);
}

// New records.

/**
 * Makes a record with a pair in itself, or without a pair. Its files count as looked at now.
 *
 * @param token the clear token as it was before the files were read: a clear that came since makes the record stale
 * @param pem null where there is no pair to serve
 */
export function makeRecord(token: string, meta: RecordMeta, pem: Pem | null): string {
  const { key, chain } = pem ?? { key: '', chain: '' };
  const ends = offset(PEM_AT + key.length) + offset(PEM_AT + key.length + chain.length);
  const header = (pem ? SERVABLE : REFUSED) + token + timestamp() + ends;
  return header + key + chain + JSON.stringify(meta);
}

/**
 * Makes the record of a version in the store. It is stale until `withFreshUntil`.
 *
 * @param token as in `makeRecord`
 * @param path the absolute path of the version's file
 */
export function makeVersionRecord(token: string, meta: RecordMeta, path: string): string {
  const ends = offset(PEM_AT) + offset(PATH_AT + path.length);
  return VERSION + token + timestamp() + ends + STALE + path + JSON.stringify(meta);
}

/**
 * Makes a pointer. It is stale, because the name may have files of its own.
 *
 * @param target the key of a file's record
 * @param meta `others`, and where the name's own files were refused `files` and `problem`
 */
export function makePointer(target: string, meta: Partial<RecordMeta>): string {
  const end = offset(PEM_AT + target.length);
  return POINTER + STALE_TOKEN + timestamp() + end + end + target + JSON.stringify(meta);
}

function offset(value: number): string {
  return `00000${value}`.slice(-OFFSET_LENGTH);
}

// Changed records.

/** The record with the token of a clear that it has seen, and with its files looked at now. */
export function withCheckedNow(record: string, token: string): string {
  return record.charAt(0) + token + timestamp() + record.slice(KEY_END_AT);
}

/**
 * The record with another time of the last look.
 *
 * @param time of `timestamp`
 */
export function withCheckedAt(record: string, time: string): string {
  return record.slice(0, CHECKED_AT) + time + record.slice(KEY_END_AT);
}

/**
 * The record of a version with the time until which it is fresh. Other records are returned as they are.
 *
 * @param since when the store was looked at, in milliseconds since 1970
 * @param interval how long the record would be fresh after that without a store, in milliseconds
 */
export function withFreshUntil(record: string, since: number, interval: number): string {
  if (!isVersion(record)) return record;
  const until = Math.floor(since + Math.min(interval, LONGEST_FRESH_MS));
  const digits = `00000000000000${until}`.slice(-FRESH_LENGTH);
  return record.slice(0, PEM_AT) + digits + record.slice(PATH_AT);
}

/** The record, stale: the next handshake looks at its files. */
export function markStale(record: string): string {
  return record.charAt(0) + STALE_TOKEN + record.slice(CHECKED_AT);
}

/** The record with another meta, and with its files looked at now. */
export function withMeta(record: string, token: string, meta: Partial<RecordMeta>): string {
  return withCheckedNow(record, token).slice(0, pemEnd(record)) + JSON.stringify(meta);
}

/**
 * Reads the meta of a record.
 *
 * @returns null where the text is no whole record of this format: no part of it may be used
 */
export function readMeta(record: string): RecordMeta | null {
  const kind = record.charAt(0);
  if (kind !== VERSION && kind !== SERVABLE && kind !== REFUSED && kind !== POINTER) return null;
  // A clear token is shorter, and its hex digits may all be decimal ones.
  if (record.length <= PEM_AT || /\D/.test(record.slice(CHECKED_AT, PEM_AT))) return null;
  if (
    kind === VERSION &&
    (/\D/.test(record.slice(PEM_AT, PATH_AT)) || record.charAt(PATH_AT) !== '/')
  ) {
    return null;
  }
  if (kind === SERVABLE && !hasPem(record)) return null;
  return parseMeta(record.slice(pemEnd(record)), kind === POINTER);
}

function hasPem(record: string): boolean {
  return isWhole(record) && isPem(partOf(record, 'key')) && isPem(partOf(record, 'chain'));
}

function isPem(text: string): boolean {
  return text.startsWith(BLOCK_BEGIN) && text.endsWith(BLOCK_END);
}
