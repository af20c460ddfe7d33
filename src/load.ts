import { covers, isExpired } from './certificate';
import { type Files, filesOf, identify, isPerName, read } from './disk';
import { type Pair, readPair } from './pair';
import {
  type Facts,
  type Problem,
  factsOf,
  holdsPair,
  isCleared,
  makeRecord,
  pemOf,
  touched,
  withFacts,
} from './record';
import { isRefusal, refuse } from './refusal';
import type { Session, Settings } from './settings';
import {
  type Zone,
  expireMissing,
  find,
  isLocked,
  isZoneFull,
  lock,
  noteMissing,
  put,
  remove,
  unlock,
} from './store';

/** What one handshake looks names up with. */
export interface Lookup {
  r: Session;
  settings: Settings;
  zone: Zone | undefined;
  misses: Zone | undefined;
  /** The clear token, read before anything else. */
  token: string;
  /** Milliseconds; 0: until a clear. */
  interval: number;
  /** The normalised fallback; its pair need not cover it. */
  fallback: string;
}

/** What a look at a name's files came to. */
interface Finding {
  /** The record to keep; '' drops the one that is there. */
  record: string;
  /** There is nothing under this name. */
  isMissing?: boolean;
  /** One line, where something changed. */
  message?: string;
  isError?: boolean;
}

/** A renewal may be seen between its two renames: then the files are read again, as often. */
const MOST_READS = 3;

/**
 * Looks at a name's files and keeps what it finds: a new pair, or the one that is held where they did not change or
 * cannot be used. Only the worker that gets the name's lock writes it down; the others serve what they found.
 *
 * @param name normalised, or a wildcard
 * @returns a record with a pair, or '' where there is none to serve
 */
export function load(lookup: Lookup, name: string): string {
  const { zone, misses } = lookup;
  const ticket = zone && lockIfRoom(zone, name);
  try {
    if (misses) expireMissing(misses, name);
    // Read after the lock was taken: nobody else writes it now.
    const finding = look(lookup, name, zone && find(zone, name));
    if (zone && ticket !== undefined && isLocked(zone, name, ticket)) {
      keep(lookup, zone, name, finding);
    } else if (!zone && finding.message !== undefined && finding.isError) {
      lookup.r.error(finding.message);
    }
    if (misses && finding.isMissing) noteMissing(misses, name, lookup.token);
    return holdsPair(finding.record) ? finding.record : '';
  } finally {
    if (zone && ticket !== undefined) unlock(zone, name, ticket);
  }
}

function lockIfRoom(zone: Zone, name: string): string | undefined {
  try {
    return lock(zone, name);
  } catch (e) {
    if (isZoneFull(e)) return undefined;
    throw e;
  }
}

function keep(lookup: Lookup, zone: Zone, name: string, finding: Finding): void {
  if (finding.record) put(zone, name, finding.record);
  else remove(zone, name);
  if (finding.message === undefined) return;
  if (finding.isError) lookup.r.error(finding.message);
  else lookup.r.log(finding.message);
}

function look(lookup: Lookup, name: string, text: string | undefined): Finding {
  const { settings, token } = lookup;
  const facts = text === undefined ? null : factsOf(text);
  // What is no record is nothing.
  const held = text !== undefined && facts ? text : '';
  const cleared = isCleared(held, token);
  const files = filesOf(settings, name);
  const identity = identify(files);

  if (!identity && (cleared || !holdsPair(held))) {
    return { record: '', isMissing: true };
  }
  // A clear asks for the content: two writes within one tick of the file system's clock look alike from outside.
  if (facts && !cleared && identity === facts.files && identity) {
    return { record: touched(held, token) };
  }
  try {
    if (!identity) throw new Error(`${files.cert}: the files are gone`);
    const pair = readChecked(lookup, name, files, holdsPair(held) ? facts : null);
    return found(lookup, name, files, identity, held, facts, pair);
  } catch (e) {
    return refused(lookup, name, files, identity, held, facts, e);
  }
}

/** Reads and checks a pair. A refusal counts only when the files did not change while they were read. */
function readChecked(lookup: Lookup, name: string, files: Files, last: Facts | null): Pair {
  for (let reads = 1; ; reads++) {
    const identity = identify(files);
    try {
      const text = read(files.cert);
      const pair = files.key === files.cert ? readPair(text) : readPair(text, read(files.key));
      expectUsable(lookup, name, pair, last);
      return pair;
    } catch (e) {
      if (reads === MOST_READS || identify(files) === identity) throw e;
    }
  }
}

function expectUsable(lookup: Lookup, name: string, pair: Pair, last: Facts | null): void {
  if (!pair.keyProven) {
    refuse(
      'unsupported-key',
      'the key file holds no public part to compare with the certificate; for an EC key, "openssl ec" writes one',
    );
  }
  if (name !== lookup.fallback && !covers(pair.leaf, name)) {
    refuse('name-not-covered', `the certificate is not for ${name}`);
  }
  const now = Date.now() / 1000;
  if (isExpired(pair.leaf, now) && last && last.notAfter >= now) {
    refuse('expired', 'the certificate has expired, and the one that is held has not');
  }
}

function found(
  lookup: Lookup,
  name: string,
  files: Files,
  identity: string,
  held: string,
  last: Facts | null,
  pair: Pair,
): Finding {
  const { notAfter } = pair.leaf;
  const isSame = last !== null && pemOf(held) === pair.chain + pair.key;
  const loadedAt = isSame ? last.loadedAt : Date.now();
  const facts: Facts = { source: 'disk', files: identity, notAfter, loadedAt };
  const record = makeRecord(lookup.token, facts, pair);
  if (isSame) return { record };
  const isLate = isExpired(pair.leaf, Date.now() / 1000);
  const validity = `${isLate ? 'EXPIRED' : 'valid until'} ${new Date(notAfter * 1000).toISOString()}`;
  return {
    record,
    message: `cert_rotation: ${name}: loaded from ${files.cert}, ${validity}`,
    isError: isLate,
  };
}

function refused(
  lookup: Lookup,
  name: string,
  files: Files,
  identity: string,
  held: string,
  last: Facts | null,
  e: unknown,
): Finding {
  const { settings, token } = lookup;
  const isPair = holdsPair(held);
  const problem: Problem = isRefusal(e)
    ? { code: e.code, detail: e.message }
    : { code: 'unreadable', detail: (e as Error).message };
  // One file for all names is no reason to keep a record for each name that somebody makes up.
  if (!isPair && problem.code === 'name-not-covered' && !isPerName(settings.certFile)) {
    return { record: '', isMissing: true };
  }
  // What could not be read, and for what reason ever, is tried again; what was read and refused only when it changes.
  const seen = isRefusal(e) ? identity : '';
  const facts: Facts =
    isPair && last
      ? Object.assign({}, last, { files: seen, problem })
      : { source: 'disk', files: seen, notAfter: 0, loadedAt: 0, problem };
  const record = isPair ? withFacts(held, token, facts) : makeRecord(token, facts, null);
  const isKnown =
    last?.problem?.code === problem.code &&
    last.problem.detail === problem.detail &&
    last.files === seen;
  if (isKnown) return { record };
  const where = isRefusal(e) ? ` (${describeFiles(files)})` : '';
  const consequence = isPair ? 'the pair held before is still served' : 'nothing is served for it';
  return {
    record,
    message: `cert_rotation: ${name}: ${problem.code}: ${problem.detail}${where}; ${consequence}`,
    isError: true,
  };
}

function describeFiles(files: Files): string {
  return files.cert === files.key ? files.cert : `${files.cert}, ${files.key}`;
}
