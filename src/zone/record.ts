import { LONGEST_FRESH_MS } from '../config/settings';
import { TIMESTAMP_LENGTH, isWithin, timestamp } from '../engine/clock';
import type { Pem } from '../x509/pem';

// The record of a slot: one string, so that one `set` replaces it for all workers. It is a header, a body, and
// RecordMeta as JSON. The fields that the hot path reads lie at fixed offsets:
//
//   0    1  kind: `5` a version in the store; `3` a pair in the zone itself; `4` a pointer to a file's record;
//           `2` no pair, only why the files were refused
//   1   12  the clear token that was current when the files were last read
//  13   13  when the files were last looked at, in milliseconds since 1970
//  26    6  where the key ends and the chain begins
//  32    6  where the body ends and the meta begins
//  38       the body. Kind 5: until when it is fresh, 15 digits of milliseconds since 1970, then the path of the version.
//           Kind 3: the PEM of key and chain. Kind 4: the key of the file's record
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
const TOKEN_LENGTH = 12;
const CHECKED_AT = TOKEN_AT + TOKEN_LENGTH;
const KEY_END_AT = CHECKED_AT + TIMESTAMP_LENGTH;
const OFFSET_LENGTH = 6;
const PEM_END_AT = KEY_END_AT + OFFSET_LENGTH;
const PEM_AT = PEM_END_AT + OFFSET_LENGTH;
const FRESH_LENGTH = 15;
const PATH_AT = PEM_AT + FRESH_LENGTH;

/** Of a version: it is not fresh. */
const STALE = '000000000000000';

const FACTS_CODE = 123;
const LINE_END_CODE = 10;
const HYPHEN_CODE = 45;

const BLOCK_BEGIN = '-----BEGIN ';
const BLOCK_END = '-----\n';
/** In a record: it is stale, whatever the zone's token. */
export const STALE_TOKEN = '------------';

/** Why the newest files are not served. */
export interface Problem {
  code: string;
  detail: string;
  /** It is about a value that etcd has, and not about the name's files. */
  isOfEtcd?: true;
}

/** The rest of what is known of a record's pair. */
export interface RecordMeta {
  /** Read from the name's files, put through the API, or come from etcd. */
  source: 'disk' | 'api' | 'etcd';
  /** The identity of the files that were last looked at, served or not. */
  files: string;
  /** Seconds since 1970. */
  notAfter: number;
  /** Milliseconds since 1970. */
  loadedAt: number;
  /** Set: the pair is the last good one, or there is none. */
  problem?: Problem;
  /** Of a pair that was put: it has outlived a clear. */
  isCleared?: boolean;
  /** Of a file that a scan found: what its certificate says. */
  found?: Found;
  /** Of a pointer: the keys of other files with a certificate for the name. */
  others?: string[];
  /** The last value of the slot that came from etcd, taken or refused; see etcd/position.ts. */
  etcd?: string;
  /**
   * Of a version: the identity of the store that it is in, and the version that it replaced there, '' for none. Of a pair that
   * the store could not take: that store, and the version that it has instead.
   */
  store?: string;
  before?: string;
}

/** What an index has to know of a certificate. */
export interface Found {
  /** Normalised. */
  names: string[];
  isRsa: boolean;
  /** Seconds since 1970. */
  notBefore: number;
}

/** Of a pointer, what it does not say otherwise: of those there are many, and they are to be short. */
const NO_FILES: RecordMeta = { source: 'disk', files: '', notAfter: 0, loadedAt: 0 };

/**
 * Whether a record can be served as it stands: it holds a whole pair, no clear came after it, and its files were looked
 * at less than an interval ago. Runs in every handshake.
 *
 * @param record what the zone holds under a name: any text
 * @param token the zone's clear token
 * @param interval milliseconds; 0: no clear is enough
 */
export function isServable(record: string, token: string, interval: number): boolean {
  return (
    record.charCodeAt(0) === SERVABLE_CODE &&
    record.slice(TOKEN_AT, CHECKED_AT) === token &&
    isWithin(record, CHECKED_AT, interval) &&
    isWhole(record)
  );
}

/** The same also for a record that holds no pair: its files need no look now. */
export function isFresh(record: string, token: string, interval: number): boolean {
  if (isVersion(record)) return freshPathOf(record, token) !== '';
  return record.startsWith(token, TOKEN_AT) && isWithin(record, CHECKED_AT, interval);
}

/** The part of a pair that a handler returns. */
export type Part = 'pair' | 'chain' | 'key';

/** A part of a record with PEM. Runs in every handshake that is served from such a record. */
export function partOf(record: string, part: Part): string {
  const from = part === 'chain' ? +record.slice(KEY_END_AT, PEM_END_AT) : PEM_AT;
  const to =
    part === 'key' ? +record.slice(KEY_END_AT, PEM_END_AT) : +record.slice(PEM_END_AT, PEM_AT);
  return record.slice(from, to);
}

/** The key and the chain of a servable record, in one PEM. */
export function pemOf(record: string): string {
  return record.slice(PEM_AT, pemEnd(record));
}

export function chainOf(record: string): string {
  return record.slice(keyEnd(record), pemEnd(record));
}

export function keyOf(record: string): string {
  return record.slice(PEM_AT, keyEnd(record));
}

function keyEnd(record: string): number {
  return +record.slice(KEY_END_AT, PEM_END_AT);
}

function pemEnd(record: string): number {
  return +record.slice(PEM_END_AT, PEM_AT);
}

/**
 * Puts a record together, as looked at now.
 *
 * @param token the clear token as it was before the files were read: a clear that came since makes the record stale
 * @param pem null: there is no pair to serve
 */
export function makeRecord(token: string, meta: RecordMeta, pem: Pem | null): string {
  const { key, chain } = pem ?? { key: '', chain: '' };
  const ends = offset(PEM_AT + key.length) + offset(PEM_AT + key.length + chain.length);
  const header = (pem ? SERVABLE : REFUSED) + token + timestamp() + ends;
  return header + key + chain + JSON.stringify(meta);
}

/**
 * A pointer, to be looked at by the next handshake: there may be files of the name's own.
 *
 * @param target the key of a file's record
 * @param facts `others`, and of the name's own files `files` and `problem`
 */
export function makePointer(target: string, meta: Partial<RecordMeta>): string {
  const end = offset(PEM_AT + target.length);
  return POINTER + STALE_TOKEN + timestamp() + end + end + target + JSON.stringify(meta);
}

/** Whether a record is a pointer. */
export function isPointer(record: string): boolean {
  return record.charAt(0) === POINTER;
}

/**
 * Where a current pointer points to. Runs in a handshake that has found no pair to serve.
 *
 * @returns a key; '' where the record is none
 */
export function currentTarget(record: string, token: string, interval: number): string {
  const isOne = record.charAt(0) === POINTER && isFresh(record, token, interval);
  return isOne ? record.slice(PEM_AT, pemEnd(record)) : '';
}

/**
 * Whether the certificate of a file's record has a name. Runs in a handshake that a pointer has led there, and reads no more
 * than it has to of the facts: `JSON.stringify` writes a name, which has no character to escape, as itself in quotes.
 *
 * @param record what the zone holds under a file's key: any text
 * @param name normalised, or a wildcard
 */
export function isFoundFor(record: string, name: string): boolean {
  return record.indexOf(`"${name}"`, record.indexOf('"found":', pemEnd(record))) >= 0;
}

/** The key that a pointer points to. */
export function targetOf(pointer: string): string {
  return pointer.slice(PEM_AT, pemEnd(pointer));
}

/** Whether a record holds a pair, or leads to one. */
export function isAnswer(record: string): boolean {
  return holdsPair(record) || isPointer(record);
}

export function offset(value: number): string {
  return `00000${value}`.slice(-OFFSET_LENGTH);
}

/** The record, looked at now and found unchanged. */
export function withCheckedNow(record: string, token: string): string {
  return record.charAt(0) + token + timestamp() + record.slice(KEY_END_AT);
}

/**
 * The record, looked at at another time.
 *
 * @param time of `timestamp`
 */
export function withCheckedAt(record: string, time: string): string {
  return record.slice(0, CHECKED_AT) + time + record.slice(KEY_END_AT);
}

/** The record, to be looked at again by the next handshake. */
export function markStale(record: string): string {
  return record.charAt(0) + STALE_TOKEN + record.slice(CHECKED_AT);
}

/** The record with other facts, looked at now. */
export function withMeta(record: string, token: string, meta: Partial<RecordMeta>): string {
  return withCheckedNow(record, token).slice(0, pemEnd(record)) + JSON.stringify(meta);
}

/** Whether a record has a pair to serve, fresh or not. */
export function holdsPair(record: string): boolean {
  return record.charAt(0) === SERVABLE || isVersion(record);
}

/** Whether the pair is a version in the store, and not in the record itself. */
export function isVersion(record: string): boolean {
  return record.charCodeAt(0) === VERSION_CODE;
}

/**
 * A record of a version in the store, to be looked at by the next handshake: see `withFreshUntil`.
 *
 * @param path the absolute path of the version's file
 */
export function makeVersionRecord(token: string, meta: RecordMeta, path: string): string {
  const ends = offset(PEM_AT) + offset(PATH_AT + path.length);
  return VERSION + token + timestamp() + ends + STALE + path + JSON.stringify(meta);
}

/** The record of a version, fresh until a time in milliseconds since 1970; another record as it is. */
export function withFreshUntil(record: string, until: number): string {
  if (!isVersion(record)) return record;
  const digits = `00000000000000${Math.floor(until)}`.slice(-FRESH_LENGTH);
  return record.slice(0, PEM_AT) + digits + record.slice(PATH_AT);
}

/**
 * The path of a version that can be served without a look at the store. Runs in every handshake.
 *
 * @param record what the zone holds under a name: any text
 * @param token the zone's clear token
 * @returns '' where the record is none of a version, or has to be looked at
 */
export function freshPathOf(record: string, token: string): string {
  if (record.charCodeAt(0) !== VERSION_CODE) return '';
  const left = +record.slice(PEM_AT, PATH_AT) - Date.now();
  // With more left than a look ever gives, the clock was set back.
  const isFresh =
    left > 0 && left <= LONGEST_FRESH_MS && record.slice(TOKEN_AT, CHECKED_AT) === token;
  return isFresh ? record.slice(PATH_AT, +record.slice(PEM_END_AT, PEM_AT)) : '';
}

/** Whether a record has a pair that can be served as it stands, a version or PEM. */
export function isFreshPair(record: string, token: string, interval: number): boolean {
  return isServable(record, token, interval) || freshPathOf(record, token) !== '';
}

/** The path of a version. */
export function pathOf(record: string): string {
  return record.slice(PATH_AT, pemEnd(record));
}

/** What a handshake is served of a record: the path of a version, or the record itself for its PEM; '' for none. */
export function answerOf(record: string): string {
  return isVersion(record) ? pathOf(record) : record;
}

/** Whether its files were looked at less than an interval ago, in milliseconds; 0: however long ago that is. */
export function isCheckedWithin(record: string, interval: number): boolean {
  return isWithin(record, CHECKED_AT, interval);
}

/** When its files were last looked at, in the form of `timestamp`. */
export function checkedAtText(record: string): string {
  return record.slice(CHECKED_AT, KEY_END_AT);
}

/** When its files were last looked at, in milliseconds since 1970. */
export function checkedAt(record: string): number {
  return +record.slice(CHECKED_AT, KEY_END_AT);
}

/** Whether a clear came after the files of this record were read. */
export function isCleared(record: string, token: string): boolean {
  return !record.startsWith(token, TOKEN_AT);
}

/**
 * Reads the facts of a record.
 *
 * @returns null where the text is no record of this format, and nothing in it is to be used
 */
export function readMeta(record: string): RecordMeta | null {
  const kind = record.charAt(0);
  if (kind !== VERSION && kind !== SERVABLE && kind !== REFUSED && kind !== POINTER) return null;
  if (/\D/.test(record.slice(CHECKED_AT, PEM_AT))) return null;
  if (
    kind === VERSION &&
    (/\D/.test(record.slice(PEM_AT, PATH_AT)) || record.charAt(PATH_AT) !== '/')
  ) {
    return null;
  }
  if (kind === SERVABLE && !(isWhole(record) && isPem(keyOf(record)) && isPem(chainOf(record)))) {
    return null;
  }
  try {
    let meta = JSON.parse(record.slice(pemEnd(record))) as Partial<RecordMeta> | null;
    if (kind === POINTER) meta = Object.assign({}, NO_FILES, meta);
    return typeof meta?.files === 'string' && typeof meta.notAfter === 'number'
      ? (meta as RecordMeta)
      : null;
  } catch {
    return null;
  }
}

function isPem(text: string): boolean {
  return text.startsWith(BLOCK_BEGIN) && text.endsWith(BLOCK_END);
}

/**
 * Whether key and chain end where the header says: a block begins after the one, the facts after the other. nginx
 * writes what it cannot read as a pair into the error log, the key with it: half a record must not come so far.
 */
function isWhole(record: string): boolean {
  const chainAt = keyEnd(record);
  const factsAt = pemEnd(record);
  return (
    record.charCodeAt(factsAt) === FACTS_CODE &&
    record.charCodeAt(factsAt - 1) === LINE_END_CODE &&
    record.charCodeAt(chainAt) === HYPHEN_CODE &&
    record.charCodeAt(chainAt - 1) === LINE_END_CODE
  );
}

// No record begins like this: it must not pass for one.
