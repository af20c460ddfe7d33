import { type Files, isPerName, scannedFileOf, slotPaths, templatesOf } from '../config/paths';
import { isFileKey, nameOf } from '../config/slot';
import { readFile } from '../disk/fs';
import { isSettled, lacksKey, stampOf, stampOfSlot } from '../disk/stamp';
import { isRefusal } from '../engine/refusal';
import { isExpired, readLeaf } from '../x509/certificate';
import { type Pair, isRsa, readPair, servedPem } from '../x509/pair';
import { serverNamesOf } from '../x509/server_name';
import type { Problem, RecordMeta } from '../zone/meta';
import {
  holdsPair,
  isAnswer,
  isCleared,
  isPointer,
  isVersion,
  makeRecord,
  readMeta,
  withCheckedNow,
  withMeta,
} from '../zone/record';
import { expectAcceptable } from './accept';
import type { Context } from './context';
import { type Situation, decide } from './decision';
import { pemIn } from './pem_of_record';

/** The result of a look at a slot's files. */
export interface CheckResult {
  /** The record to keep; '' drops the one that is there. */
  record: string;
  /** Whether that is the current one, and only the look is new. */
  isSame?: boolean;
  /** The pair of `record` where it was read from the files and is another one than before. */
  pair?: Pair;
  /** Whether there is nothing for this slot. */
  isMissing?: boolean;
  /** The stamp of a scanned file that holds no pair for a server, such as an issuer's certificate. */
  leftOut?: string;
  /** A line for the log, where something changed. */
  message?: string;
  isError?: boolean;
  /** A line for the log about a pair that is taken in spite of something. */
  warning?: string;
  /** The outcome where the files were read. `refused` is given once for one reason. */
  result?: 'loaded' | 'unchanged' | 'refused';
  /** The code of the reason, with `refused`. */
  code?: string;
}

/** A slot's files as they were found, and the slot's record. */
interface FileCheck {
  context: Context;
  slot: string;
  /** The slot's name, without the prefix of its kind. */
  name: string;
  files: Files;
  /** The stamp of the files before they were read: a change after that is seen the next time. */
  stamp: string;
  /** The record, with a pair or without; '' where there is none. */
  current: string;
  /** The meta of `current`. */
  meta: RecordMeta | null;
}

/** How often files are read that change meanwhile: a renewal replaces chain and key by two renames. */
const MOST_READS = 3;

/**
 * Compares a slot's files with what it has, and reads them where `decide` says so. A pair that passes every check takes the
 * place of what is there. A reason against it is noted once, and what is there stays. Writes nothing.
 *
 * @param slot its key
 * @param text the slot's record; undefined: none
 */
export function checkFiles(context: Context, slot: string, text: string | undefined): CheckResult {
  const { settings, token } = context;
  const meta = text === undefined ? null : readMeta(text);
  // Text that is no record counts as none.
  const current = text !== undefined && meta ? text : '';
  const files = slotPaths(settings, slot);
  const stamp = stampOfSlot(settings, slot);
  const seen: FileCheck = { context, slot, name: nameOf(slot), files, stamp, current, meta };
  switch (decide(situationOf(seen)).do) {
    case 'keep':
      return { record: withCheckedNow(current, token), isSame: true };
    case 'keep-without-files':
      return { record: withoutFiles(seen) };
    case 'drop':
      return none(current, token, meta);
    case 'note-files-gone':
      return refused(seen, new Error(`${files.cert}: the files are gone`));
    case 'read-files':
      return readFiles(seen);
  }
}

function situationOf({ context, slot, stamp, current, meta }: FileCheck): Situation {
  const { settings, token } = context;
  return {
    has: !meta
      ? 'nothing'
      : isPointer(current)
        ? 'pointer'
        : holdsPair(current)
          ? 'pair'
          : 'refusal',
    source: meta?.source,
    files: !stamp ? 'none' : stamp === meta?.files ? 'same' : 'changed',
    isCleared: isCleared(current, token),
    followsEtcd: settings.followsEtcd,
    isScanned: scannedFileOf(settings, slot) !== '',
  };
}

function readFiles(seen: FileCheck): CheckResult {
  try {
    if (isIssuerAlone(seen)) return { record: '', leftOut: seen.stamp };
    return accepted(seen, readChecked(seen));
  } catch (e) {
    return refused(seen, e as Error);
  }
}

/** The record of a pair that was put and has no files: it goes on without, and notes whether it has outlived a clear. */
function withoutFiles({ context, current, meta }: FileCheck): string {
  const { source, notAfter, loadedAt, store, before, isUnproven, warnings } = meta as RecordMeta;
  const kept: RecordMeta = { source, files: '', notAfter, loadedAt };
  if (isUnproven) kept.isUnproven = true;
  if (warnings) kept.warnings = warnings;
  if (store !== undefined) kept.store = store;
  if (before !== undefined) kept.before = before;
  if (isCleared(current, context.token) || meta?.isCleared) kept.isCleared = true;
  return withMeta(current, context.token, kept);
}

/** The result for a slot without files: a pointer stays, and forgets the problem of the name's own files. */
function none(current: string, token: string, meta: RecordMeta | null): CheckResult {
  if (!isPointer(current)) return { record: '', isMissing: true };
  const kept: Partial<RecordMeta> = refusedByEtcd(meta);
  if (meta?.others) kept.others = meta.others;
  return { record: withMeta(current, token, kept) };
}

/** The note that etcd has a value for the slot which was refused. It stays until etcd has another one. */
function refusedByEtcd(meta: RecordMeta | null): Pick<RecordMeta, 'etcd' | 'problem'> {
  const { etcd, problem } = meta ?? {};
  return etcd !== undefined && problem?.isOfEtcd ? { etcd, problem } : {};
}

/** Whether a file that a scan found is an authority's certificate without a key, as lego's NAME.issuer.crt: no server has it. */
function isIssuerAlone({ slot, files, stamp, current }: FileCheck): boolean {
  if (!isFileKey(slot) || !lacksKey(stamp) || holdsPair(current)) return false;
  return readLeaf(readFile(files.cert)).isAuthority;
}

/** Reads and checks a pair. A refusal counts only when the files did not change while they were read. */
function readChecked({ context, slot, files, current, meta }: FileCheck): Pair {
  const heldUntil = meta && holdsPair(current) ? meta.notAfter : 0;
  for (let reads = 1; ; reads++) {
    const stamp = stampOf(files);
    try {
      const text = readFile(files.cert);
      const keyText = files.key === files.cert ? undefined : readFile(files.key);
      const pair = readPair(text, keyText, Date.now() / 1000);
      expectAcceptable(context, slot, pair, { from: 'files', heldUntil });
      return pair;
    } catch (e) {
      if (reads === MOST_READS || stampOf(files) === stamp) throw e;
    }
  }
}

function accepted(seen: FileCheck, pair: Pair): CheckResult {
  const { slot, name, files, stamp, current, meta } = seen;
  const { notAfter } = pair.leaf;
  const pem = servedPem(pair);
  const isSame = meta !== null && pemIn(current) === pem.key + pem.chain;
  const loadedAt = isSame ? meta.loadedAt : Date.now();
  const next: RecordMeta = Object.assign(
    { source: 'disk' as const, files: stamp, notAfter, loadedAt },
    refusedByEtcd(meta),
  );
  // A put may have proven the same key before.
  if (!pair.keyProven && !(isSame && !meta.isUnproven)) next.isUnproven = true;
  let whose = name;
  if (isFileKey(slot)) {
    next.found = foundIn(pair);
    // A scan reads a file once for each of its states, whatever is cleared, and has to know them apart.
    if (!isSettled(stamp)) next.files = '';
    whose = inShort(next.found.names);
  }
  if (pair.warnings.length > 0) next.warnings = pair.warnings;
  const result: CheckResult = isSame
    ? { record: unchanged(seen, next, pair), result: 'unchanged' }
    : loaded(seen, next, pair, whose);
  const warning = pair.warnings.join(' ');
  // A clear has the same files read again.
  const isTold = warning === '' || (isSame && meta.warnings?.join(' ') === warning);
  if (!isTold) result.warning = `cert_rotation: ${whose}: ${files.cert}: ${warning}`;
  return result;
}

/** @param whose the names of the pair, for the log */
function loaded(
  { context, files }: FileCheck,
  next: RecordMeta,
  pair: Pair,
  whose: string,
): CheckResult {
  const isLate = isExpired(pair.leaf, Date.now() / 1000);
  const end = new Date(pair.leaf.notAfter * 1000).toISOString();
  return {
    record: makeRecord(context.token, next, servedPem(pair)),
    pair,
    message: `cert_rotation: ${whose}: loaded from ${files.cert}, ${isLate ? 'EXPIRED' : 'valid until'} ${end}`,
    isError: isLate,
    result: 'loaded',
  };
}

/** The record that has the same pair already, with what the files say now. */
function unchanged({ context, current, meta }: FileCheck, next: RecordMeta, pair: Pair): string {
  if (!isVersion(current)) return makeRecord(context.token, next, servedPem(pair));
  if (meta?.store !== undefined) next.store = meta.store;
  if (meta?.before !== undefined) next.before = meta.before;
  return withMeta(current, context.token, next);
}

/** What an index has to know of a pair that a scan found. */
export function foundIn(pair: Pair): NonNullable<RecordMeta['found']> {
  const names = serverNamesOf(pair.leaf);
  return { names, isRsa: isRsa(pair), notBefore: pair.leaf.notBefore };
}

function refused(seen: FileCheck, e: Error): CheckResult {
  const { context, slot, name, files, stamp, current, meta } = seen;
  const { token } = context;
  const problem: Problem = { code: isRefusal(e) ? e.code : 'unreadable', detail: e.message };
  if (isOfAnotherName(seen, problem)) return none(current, token, meta);
  // What was read and refused is read again when it changes; what could not be read, at every check.
  // A key that comes changes the stamp as well.
  const isTold = isRefusal(e) || (isFileKey(slot) && lacksKey(stamp));
  const tried = isTold ? stamp : '';
  const next: RecordMeta =
    isAnswer(current) && meta
      ? Object.assign({}, meta, { files: tried, problem })
      : { source: 'disk', files: tried, notAfter: 0, loadedAt: 0, problem };
  const record = isAnswer(current) ? withMeta(current, token, next) : makeRecord(token, next, null);
  const isKnown =
    meta?.files === tried &&
    meta.problem?.code === problem.code &&
    meta.problem.detail === problem.detail;
  if (isKnown) return { record };
  const where = isRefusal(e) ? ` (${pathsOf(files)})` : '';
  const whose = isFileKey(slot) ? files.cert : name;
  return {
    record,
    message: `cert_rotation: ${whose}: ${problem.code}: ${problem.detail}${where}; ${consequenceOf(current)}`,
    isError: true,
    result: 'refused',
    code: problem.code,
  };
}

/**
 * Whether a file that may be anybody's is not this name's. One file for all names is no reason to keep a record for each
 * name that somebody makes up, and a file that a scan finds may be called anything.
 */
function isOfAnotherName({ context, slot, current }: FileCheck, problem: Problem): boolean {
  if (holdsPair(current) || problem.code !== 'name-not-covered' || isFileKey(slot)) return false;
  const { settings } = context;
  return !isPerName(templatesOf(settings, slot).cert) || scannedFileOf(settings, slot) !== '';
}

function consequenceOf(current: string): string {
  if (holdsPair(current)) return 'the pair held before is still served';
  return isPointer(current)
    ? 'the pair that $cert_scan found is served'
    : 'nothing is served for it';
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
