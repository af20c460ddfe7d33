// The record of a name: one string, so that one `set` replaces it for all workers. A line of header, then the PEM of the
// chain and that of the key. What the hot path reads lies at fixed offsets:
//
//   0    1  kind: `1` a pair to serve; `0` none, only why the files were refused
//   1   12  the clear token that was current when the files were last read
//   13  13  when the files were last looked at, in milliseconds since 1970
//   26   6  length of the chain
//   32      Facts as JSON, to the end of the line
//
// A change of this format needs other kinds: the zone outlives a reload that brings a new bundle.

const SERVABLE = '1';
const REFUSED = '0';
const SERVABLE_CODE = 49;

const TOKEN_AT = 1;
const TOKEN_LENGTH = 12;
const CHECKED_AT = TOKEN_AT + TOKEN_LENGTH;
const CHECKED_LENGTH = 13;
const CHAIN_LENGTH_AT = CHECKED_AT + CHECKED_LENGTH;
const CHAIN_LENGTH_LENGTH = 6;
const FACTS_AT = CHAIN_LENGTH_AT + CHAIN_LENGTH_LENGTH;

const PEM_BEGIN = '-----BEGIN ';
const PEM_END = '-----\n';

/** The token of a zone that was never cleared. */
export const FIRST_TOKEN = '000000000000';
/** In a record: it is stale, whatever the zone's token. */
export const STALE_TOKEN = '------------';

/** Why the newest files are not served. */
export interface Problem {
  code: string;
  detail: string;
}

/** The rest of what is known of a record's pair. */
export interface Facts {
  /** Read from the name's files, or put through the API. */
  source: 'disk' | 'api';
  /** The identity of the files that were last looked at, served or not. */
  files: string;
  /** Seconds since 1970. */
  notAfter: number;
  /** Milliseconds since 1970. */
  loadedAt: number;
  /** Set: the pair is the last good one, or there is none. */
  problem?: Problem;
}

export interface Pem {
  chain: string;
  key: string;
}

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
    record.charCodeAt(0) === SERVABLE_CODE && isCurrent(record, token, interval) && isWhole(record)
  );
}

/** The same also for a record that holds no pair: its files need no look now. */
export function isCurrent(record: string, token: string, interval: number): boolean {
  return record.startsWith(token, TOKEN_AT) && isRecent(record, CHECKED_AT, interval);
}

/**
 * Whether the time at `offset`, 13 digits, is less than an interval ago. A time to come is not: the clock was set back,
 * and nobody knows how long ago it was.
 */
export function isRecent(text: string, offset: number, interval: number): boolean {
  const age = Date.now() - +text.slice(offset, offset + CHECKED_LENGTH);
  return age >= 0 && (interval === 0 || age < interval);
}

/** The chain and the key of a servable record, in one PEM. */
export function pemOf(record: string): string {
  return record.slice(record.indexOf('\n') + 1);
}

export function chainOf(record: string): string {
  const start = record.indexOf('\n') + 1;
  return record.slice(start, start + chainLength(record));
}

export function keyOf(record: string): string {
  return record.slice(record.indexOf('\n') + 1 + chainLength(record));
}

function chainLength(record: string): number {
  return +record.slice(CHAIN_LENGTH_AT, FACTS_AT);
}

/**
 * Puts a record together, as looked at now.
 *
 * @param token the clear token as it was before the files were read: a clear that came since makes the record stale
 * @param pem null: there is no pair to serve
 */
export function makeRecord(token: string, facts: Facts, pem: Pem | null): string {
  const chain = pem ? pem.chain : '';
  return (
    (pem ? SERVABLE : REFUSED) +
    token +
    timestamp() +
    `00000${chain.length}`.slice(-CHAIN_LENGTH_LENGTH) +
    JSON.stringify(facts) +
    '\n' +
    chain +
    (pem ? pem.key : '')
  );
}

/** The record, looked at now and found unchanged. */
export function touched(record: string, token: string): string {
  return record.charAt(0) + token + timestamp() + record.slice(CHAIN_LENGTH_AT);
}

/** The record, to be looked at again by the next handshake. */
export function staled(record: string): string {
  return record.charAt(0) + STALE_TOKEN + record.slice(CHECKED_AT);
}

/** The record with other facts, looked at now. */
export function withFacts(record: string, token: string, facts: Facts): string {
  const header = record.charAt(0) + token + timestamp() + record.slice(CHAIN_LENGTH_AT, FACTS_AT);
  return header + JSON.stringify(facts) + record.slice(record.indexOf('\n'));
}

/** Whether a record holds a pair, fresh or not. */
export function holdsPair(record: string): boolean {
  return record.charAt(0) === SERVABLE;
}

/** When its files were last looked at, in milliseconds since 1970. */
export function checkedAt(record: string): number {
  return +record.slice(CHECKED_AT, CHAIN_LENGTH_AT);
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
export function factsOf(record: string): Facts | null {
  const end = record.indexOf('\n');
  const kind = record.charAt(0);
  if (end < FACTS_AT || (kind !== SERVABLE && kind !== REFUSED)) return null;
  if (/\D/.test(record.slice(CHECKED_AT, FACTS_AT))) return null;
  if (kind === SERVABLE && !isWhole(record)) return null;
  try {
    const facts = JSON.parse(record.slice(FACTS_AT, end)) as Partial<Facts> | null;
    return typeof facts?.files === 'string' && typeof facts.notAfter === 'number'
      ? (facts as Facts)
      : null;
  } catch {
    return null;
  }
}

/**
 * Whether two stretches of PEM follow the header, the first as long as that says. nginx writes what it cannot read as a
 * pair into the error log, the key with it: half a record must not come so far.
 */
function isWhole(record: string): boolean {
  const chainAt = record.indexOf('\n') + 1;
  const keyAt = chainAt + chainLength(record);
  return (
    record.startsWith(PEM_BEGIN, chainAt) &&
    record.startsWith(PEM_END + PEM_BEGIN, keyAt - PEM_END.length) &&
    record.lastIndexOf('-----END ') > keyAt &&
    record.endsWith(PEM_END)
  );
}

/** Milliseconds in 13 digits: the year 2286 is the first with more. */
export function timestamp(): string {
  return `${Date.now()}`;
}

/** What the metrics tell of a name. */
export interface Summary {
  isPair: boolean;
  /** Seconds since 1970. */
  notAfter: number;
  /** Why its newest files are not served; '' where they are. */
  problem: string;
}

// No record begins like this: it must not pass for one.
const SUMMARY = '~';

/** A record's summary as text, for who reads many of them: a record is a hundred times as long. */
export function summaryOf(record: string): string {
  const facts = factsOf(record);
  if (!facts) return '';
  const problem = facts.problem ? facts.problem.code : '';
  return `${SUMMARY}${record.charAt(0)}${facts.notAfter} ${problem}`;
}

export function readSummary(text: string): Summary {
  const space = text.indexOf(' ');
  return {
    isPair: text.charAt(1) === SERVABLE,
    notAfter: +text.slice(2, space),
    problem: text.slice(space + 1),
  };
}
