import { covers, isExpired, readLeaf } from './certificate';
import {
  type Files,
  exists,
  filesOf,
  identify,
  isPerName,
  isSettled,
  lacksChain,
  lacksKey,
  read,
  scannedFileOf,
  templatesOf,
} from './disk';
import type { Lookup } from './load';
import { stagedOr } from './persist';
import { type Pair, isRsa, readPair, servedPem } from './pair';
import {
  type Facts,
  type Problem,
  factsOf,
  isPointer,
  holdsPair,
  isAnswer,
  isCleared,
  makeRecord,
  pemOf,
  touched,
  withFacts,
} from './record';
import { isRefusal, refuse } from './refusal';
import type { Settings } from './settings';
import { serverNamesOf } from './server_names';
import { isFileKey, isRsaKey, nameOf } from './slot';

/** What a look at a slot's files came to. */
export interface Finding {
  /** The record to keep; '' drops the one that is there. */
  record: string;
  /** There is nothing in this slot. */
  isMissing?: boolean;
  /** The identity of a file that a scan found, and that is nobody's to serve. */
  leftOut?: string;
  /** One line, where something changed. */
  message?: string;
  isError?: boolean;
  /** Of the files, where they were read: `refused` only once for the same reason. */
  result?: 'loaded' | 'unchanged' | 'refused';
  /** With `refused`: why. */
  code?: string;
}

/** A slot's files as they were found, beside what it holds. */
interface Look {
  lookup: Lookup;
  slot: string;
  /** Whose slot it is. */
  name: string;
  files: Files;
  /** Of the files, before they were read: what changes them after that is seen the next time. */
  identity: string;
  /** The record, with a pair or without; '' where there is none. */
  held: string;
  /** Those of `held`. */
  last: Facts | null;
}

/** A renewal may be seen between its two renames: then the files are read again, as often. */
const MOST_READS = 3;

/**
 * Compares a slot's files with what it holds, and reads them where they may have changed:
 *
 * 1. What came from etcd stays: there is one truth. Files only stand in for a value that was refused.
 * 2. None there: a pointer stays; a pair that is held stays, unless it was cleared. One that was put into the zone alone stays then too.
 * 3. The same as at the last look, and no clear since: nothing is read.
 * 4. A pair that passes every check takes the place of the one that is held.
 * 5. What does not pass is noted once, with the reason, and what is held stays.
 *
 * Writes nothing.
 *
 * @param slot its key
 * @param text what the zone holds under that
 */
export function lookAtFiles(lookup: Lookup, slot: string, text: string | undefined): Finding {
  const { settings, token } = lookup;
  const last = text === undefined ? null : factsOf(text);
  // What is no record is nothing.
  const held = text !== undefined && last ? text : '';
  // The scan knows the name's own file, too.
  if (isPointer(held) && scannedFileOf(settings, slot)) return none(held, token, last);
  const cleared = isCleared(held, token);
  const isOfEtcd = settings.followsEtcd && last?.source === 'etcd';
  if (isOfEtcd && holdsPair(held)) return { record: touched(held, token) };
  const files = filesFor(settings, slot);
  const identity = identityFor(settings, slot);
  if (!identity && isOfEtcd) return { record: touched(held, token) };
  if (
    !identity &&
    last &&
    last.source !== 'disk' &&
    holdsPair(held) &&
    !(settings.isPersistent && last.files)
  ) {
    // It never was in a file.
    const { source, notAfter, loadedAt } = last;
    const facts: Facts = { source, files: '', notAfter, loadedAt };
    if (cleared || last.isCleared) facts.isCleared = true;
    return { record: withFacts(held, token, facts) };
  }
  if (!identity && (cleared || !holdsPair(held))) return none(held, token, last);
  // A clear asks for the content: two writes within one tick of the file system's clock look alike from outside.
  if (last && !cleared && identity && identity === last.files) {
    return { record: touched(held, token) };
  }
  const seen: Look = { lookup, slot, name: nameOf(slot), files, identity, held, last };
  try {
    if (!identity) throw new Error(`${files.cert}: the files are gone`);
    if (isIssuerAlone(seen)) return { record: '', leftOut: identity };
    return accepted(seen, readChecked(seen));
  } catch (e) {
    return refused(seen, e as Error);
  }
}

/** Nothing is there. A pointer stays, and forgets about files of the name's own. */
function none(held: string, token: string, last: Facts | null): Finding {
  if (!isPointer(held)) return { record: '', isMissing: true };
  const facts: Partial<Facts> = refusedByEtcd(last);
  if (last?.others) facts.others = last.others;
  return { record: withFacts(held, token, facts) };
}

/** Of the facts of what is held: that etcd has a value for it which was refused. That stays until etcd has another one. */
function refusedByEtcd(last: Facts | null): Pick<Facts, 'etcd' | 'problem'> {
  const { etcd, problem } = last ?? {};
  return etcd !== undefined && problem?.isOfEtcd ? { etcd, problem } : {};
}

/** The files of a slot, or what a put was about to write to them when its worker was killed. */
export function filesFor(settings: Settings, slot: string): Files {
  const files = filesOf(settings, slot);
  return settings.isPersistent ? stagedOr(files) : files;
}

/** A link that leads nowhere. */
const DANGLING = 'dangling';

/**
 * Tells one state of a slot's files from another.
 *
 * @returns '' where there are none
 */
export function identityFor(settings: Settings, slot: string): string {
  const files = filesFor(settings, slot);
  let identity = identify(files);
  // The keys of files with any names may be where those of names would be: then the chain decides.
  if (settings.scan && lacksChain(identity)) identity = '';
  // In a scanned folder that is a file that cannot be read, and no file that is not there.
  return identity || (isFileKey(slot) && exists(files.cert) ? DANGLING : '');
}

/** Whether a file that a scan found is an authority's certificate without a key, as lego's NAME.issuer.crt: no server has it. */
function isIssuerAlone({ slot, files, identity, held }: Look): boolean {
  if (!isFileKey(slot) || !lacksKey(identity) || holdsPair(held)) return false;
  return readLeaf(read(files.cert)).isAuthority;
}

/** Reads and checks a pair. A refusal counts only when the files did not change while they were read. */
function readChecked(seen: Look): Pair {
  for (let reads = 1; ; reads++) {
    // A put may stage a pair meanwhile, or have brought it to its files.
    const files = filesFor(seen.lookup.settings, seen.slot);
    const identity = identify(files);
    try {
      const text = read(files.cert);
      const pair = files.key === files.cert ? readPair(text) : readPair(text, read(files.key));
      expectUsable(seen, pair);
      return pair;
    } catch (e) {
      if (reads === MOST_READS || identify(files) === identity) throw e;
    }
  }
}

function expectUsable({ lookup, slot, name, held, last }: Look, pair: Pair): void {
  if (!pair.keyProven) {
    refuse(
      'unsupported-key',
      'the key file holds no public part to compare with the certificate; for an EC key, "openssl ec" writes one',
    );
  }
  // In a TLS context one pair of a kind takes the place of another: it would be served instead of the first slot's.
  if (isRsaKey(slot) && !isRsa(pair)) {
    refuse(
      'unsupported-key',
      `$cert_file_rsa is for RSA keys, and this one is ${pair.privateKey.kind}`,
    );
  }
  if (isFileKey(slot)) {
    if (serverNamesOf(pair.leaf).length === 0) {
      refuse('name-not-covered', 'the certificate is for no DNS name');
    }
  } else if (name !== lookup.fallback && !covers(pair.leaf, name)) {
    refuse('name-not-covered', `the certificate is not for ${name}`);
  }
  const now = Date.now() / 1000;
  if (isExpired(pair.leaf, now) && holdsPair(held) && last && last.notAfter >= now) {
    refuse('expired', 'the certificate has expired, and the one that is held has not');
  }
}

function accepted({ lookup, slot, name, files, identity, held, last }: Look, pair: Pair): Finding {
  const { notAfter, notBefore } = pair.leaf;
  const pem = servedPem(pair);
  const isSame = last !== null && pemOf(held) === pem.key + pem.chain;
  const loadedAt = isSame ? last.loadedAt : Date.now();
  const facts: Facts = Object.assign(
    { source: 'disk' as const, files: identity, notAfter, loadedAt },
    refusedByEtcd(last),
  );
  let whose = name;
  if (isFileKey(slot)) {
    const names = serverNamesOf(pair.leaf);
    facts.found = { names, isRsa: isRsa(pair), notBefore };
    // A scan reads a file once for each of its states, whatever is cleared, and has to know them apart.
    if (!isSettled(identity)) facts.files = '';
    whose = inShort(names);
  }
  const record = makeRecord(lookup.token, facts, pem);
  if (isSame) return { record, result: 'unchanged' };
  const isLate = isExpired(pair.leaf, Date.now() / 1000);
  const validity = `${isLate ? 'EXPIRED' : 'valid until'} ${new Date(notAfter * 1000).toISOString()}`;
  return {
    record,
    message: `cert_rotation: ${whose}: loaded from ${files.cert}, ${validity}`,
    isError: isLate,
    result: 'loaded',
  };
}

function refused({ lookup, slot, name, files, identity, held, last }: Look, e: Error): Finding {
  const { settings, token } = lookup;
  const isPair = holdsPair(held);
  const problem: Problem = { code: isRefusal(e) ? e.code : 'unreadable', detail: e.message };
  // One file for all names is no reason to keep a record for each name that somebody makes up, and what a scan finds may be
  // called anything.
  const isShared =
    !isPerName(templatesOf(settings, slot).cert) || scannedFileOf(settings, slot) !== '';
  if (!isPair && problem.code === 'name-not-covered' && !isFileKey(slot) && isShared) {
    return none(held, token, last);
  }
  // What was read and refused is read again when it changes; what could not be read, at every check.
  // A key that comes changes the identity as well.
  const isTold = isRefusal(e) || (isFileKey(slot) && lacksKey(identity));
  const tried = isTold ? identity : '';
  const facts: Facts =
    isAnswer(held) && last
      ? Object.assign({}, last, { files: tried, problem })
      : { source: 'disk', files: tried, notAfter: 0, loadedAt: 0, problem };
  const record = isAnswer(held) ? withFacts(held, token, facts) : makeRecord(token, facts, null);
  const isKnown =
    last?.files === tried &&
    last.problem?.code === problem.code &&
    last.problem.detail === problem.detail;
  if (isKnown) return { record };
  const where = isRefusal(e) ? ` (${pathsOf(files)})` : '';
  const consequence = isPair
    ? 'the pair held before is still served'
    : isPointer(held)
      ? 'the pair that $cert_scan found is served'
      : 'nothing is served for it';
  const whose = isFileKey(slot) ? files.cert : name;
  return {
    record,
    message: `cert_rotation: ${whose}: ${problem.code}: ${problem.detail}${where}; ${consequence}`,
    isError: true,
    result: 'refused',
    code: problem.code,
  };
}

/** A certificate may be for a hundred names. */
const MOST_NAMED = 3;

function inShort(names: string[]): string {
  const more = names.length - MOST_NAMED;
  const named = names.slice(0, MOST_NAMED).join(', ');
  return more > 0 ? `${named} and ${more} more` : named;
}

function pathsOf(files: Files): string {
  return files.cert === files.key ? files.cert : `${files.cert}, ${files.key}`;
}
