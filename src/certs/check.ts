import { type Files, isPerName, scannedFileOf, templatesOf } from '../config/paths';
import { isFileKey, isRsaKey, nameOf } from '../config/slot';
import { readFile } from '../disk/fs';
import { isSettled, lacksKey, pathsToRead, stampOf, stampOfSlot } from '../disk/stamp';
import { isRefusal, refuse } from '../engine/refusal';
import { covers, isExpired, readLeaf } from '../x509/certificate';
import { type Pair, isRsa, readPair, servedPem } from '../x509/pair';
import { serverNamesOf } from '../x509/server_name';
import {
  type Problem,
  type RecordMeta,
  holdsPair,
  isAnswer,
  isCleared,
  isPointer,
  makeRecord,
  pemOf,
  readMeta,
  withCheckedNow,
  withMeta,
} from '../zone/record';
import type { Context } from './context';

/** What a look at a slot's files came to. */
export interface CheckResult {
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
interface FileCheck {
  context: Context;
  slot: string;
  /** Whose slot it is. */
  name: string;
  files: Files;
  /** Of the files, before they were read: what changes them after that is seen the next time. */
  stamp: string;
  /** The record, with a pair or without; '' where there is none. */
  held: string;
  /** Those of `held`. */
  last: RecordMeta | null;
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
export function checkFiles(context: Context, slot: string, text: string | undefined): CheckResult {
  const { settings, token } = context;
  const last = text === undefined ? null : readMeta(text);
  // What is no record is nothing.
  const held = text !== undefined && last ? text : '';
  // The scan knows the name's own file, too.
  if (isPointer(held) && scannedFileOf(settings, slot)) return none(held, token, last);
  const cleared = isCleared(held, token);
  const isOfEtcd = settings.followsEtcd && last?.source === 'etcd';
  if (isOfEtcd && holdsPair(held)) return { record: withCheckedNow(held, token) };
  const files = pathsToRead(settings, slot);
  const stamp = stampOfSlot(settings, slot);
  if (!stamp && isOfEtcd) return { record: withCheckedNow(held, token) };
  if (
    !stamp &&
    last &&
    last.source !== 'disk' &&
    holdsPair(held) &&
    !(settings.isPersistent && last.files)
  ) {
    // It never was in a file.
    const { source, notAfter, loadedAt } = last;
    const meta: RecordMeta = { source, files: '', notAfter, loadedAt };
    if (cleared || last.isCleared) meta.isCleared = true;
    return { record: withMeta(held, token, meta) };
  }
  if (!stamp && (cleared || !holdsPair(held))) return none(held, token, last);
  // A clear asks for the content: two writes within one tick of the file system's clock look alike from outside.
  if (last && !cleared && stamp && stamp === last.files) {
    return { record: withCheckedNow(held, token) };
  }
  const seen: FileCheck = { context, slot, name: nameOf(slot), files, stamp, held, last };
  try {
    if (!stamp) throw new Error(`${files.cert}: the files are gone`);
    if (isIssuerAlone(seen)) return { record: '', leftOut: stamp };
    return accepted(seen, readChecked(seen));
  } catch (e) {
    return refused(seen, e as Error);
  }
}

/** Nothing is there. A pointer stays, and forgets about files of the name's own. */
function none(held: string, token: string, last: RecordMeta | null): CheckResult {
  if (!isPointer(held)) return { record: '', isMissing: true };
  const meta: Partial<RecordMeta> = refusedByEtcd(last);
  if (last?.others) meta.others = last.others;
  return { record: withMeta(held, token, meta) };
}

/** Of the facts of what is held: that etcd has a value for it which was refused. That stays until etcd has another one. */
function refusedByEtcd(last: RecordMeta | null): Pick<RecordMeta, 'etcd' | 'problem'> {
  const { etcd, problem } = last ?? {};
  return etcd !== undefined && problem?.isOfEtcd ? { etcd, problem } : {};
}

/** Whether a file that a scan found is an authority's certificate without a key, as lego's NAME.issuer.crt: no server has it. */
function isIssuerAlone({ slot, files, stamp, held }: FileCheck): boolean {
  if (!isFileKey(slot) || !lacksKey(stamp) || holdsPair(held)) return false;
  return readLeaf(readFile(files.cert)).isAuthority;
}

/** Reads and checks a pair. A refusal counts only when the files did not change while they were read. */
function readChecked(seen: FileCheck): Pair {
  for (let reads = 1; ; reads++) {
    // A put may stage a pair meanwhile, or have brought it to its files.
    const files = pathsToRead(seen.context.settings, seen.slot);
    const stamp = stampOf(files);
    try {
      const text = readFile(files.cert);
      const pair = files.key === files.cert ? readPair(text) : readPair(text, readFile(files.key));
      expectUsable(seen, pair);
      return pair;
    } catch (e) {
      if (reads === MOST_READS || stampOf(files) === stamp) throw e;
    }
  }
}

function expectUsable({ context, slot, name, held, last }: FileCheck, pair: Pair): void {
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
  } else if (name !== context.fallback && !covers(pair.leaf, name)) {
    refuse('name-not-covered', `the certificate is not for ${name}`);
  }
  const now = Date.now() / 1000;
  if (isExpired(pair.leaf, now) && holdsPair(held) && last && last.notAfter >= now) {
    refuse('expired', 'the certificate has expired, and the one that is held has not');
  }
}

function accepted(
  { context, slot, name, files, stamp, held, last }: FileCheck,
  pair: Pair,
): CheckResult {
  const { notAfter, notBefore } = pair.leaf;
  const pem = servedPem(pair);
  const isSame = last !== null && pemOf(held) === pem.key + pem.chain;
  const loadedAt = isSame ? last.loadedAt : Date.now();
  const meta: RecordMeta = Object.assign(
    { source: 'disk' as const, files: stamp, notAfter, loadedAt },
    refusedByEtcd(last),
  );
  let whose = name;
  if (isFileKey(slot)) {
    const names = serverNamesOf(pair.leaf);
    meta.found = { names, isRsa: isRsa(pair), notBefore };
    // A scan reads a file once for each of its states, whatever is cleared, and has to know them apart.
    if (!isSettled(stamp)) meta.files = '';
    whose = inShort(names);
  }
  const record = makeRecord(context.token, meta, pem);
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

function refused(
  { context, slot, name, files, stamp, held, last }: FileCheck,
  e: Error,
): CheckResult {
  const { settings, token } = context;
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
  const isTold = isRefusal(e) || (isFileKey(slot) && lacksKey(stamp));
  const tried = isTold ? stamp : '';
  const meta: RecordMeta =
    isAnswer(held) && last
      ? Object.assign({}, last, { files: tried, problem })
      : { source: 'disk', files: tried, notAfter: 0, loadedAt: 0, problem };
  const record = isAnswer(held) ? withMeta(held, token, meta) : makeRecord(token, meta, null);
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
