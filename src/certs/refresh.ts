import { isFileKey } from '../config/slot';
import { isSettled, stampOfSlot } from '../disk/stamp';
import { timestamp } from '../engine/clock';
import { count, refusalLabels } from '../zone/counters';
import type { Zone } from '../zone/dict';
import { type LockAttempt, tryWithLocks } from '../zone/locks';
import { expireMissing, noteMissing } from '../zone/misses';
import {
  holdsPair,
  isAnswer,
  isCheckedWithin,
  isCleared,
  isVersion,
  markStale,
  readMeta,
  withCheckedAt,
  withFreshUntil,
} from '../zone/record';
import { findRecord, noteLeftOut, putRecord, removeRecord, touchRecord } from '../zone/slots';
import { type CheckResult, checkFiles } from './check';
import { type Context, withTokens } from './context';
import { keepInStore, sweepIfDue } from './keep';
import { keepFile } from './pointers';
import { type Current, currentOf, hasEntry } from './stored';

/**
 * Looks at a slot's files and at the store, and keeps the result: a new pair, or the current one where the files did not change
 * or cannot be used. Only the worker that gets the slot's lock writes. The others serve the current pair meanwhile: if they
 * served a new pair that they found by themselves, the old one could follow it. After a clear they must look as well.
 *
 * @param slot its key
 * @returns a record with a pair, or a pointer; '' where there is nothing to serve
 * @throws Error of the zone
 */
export function refreshSlot(context: Context, slot: string): string {
  const { zone, misses, settings } = context;
  if (misses) expireMissing(misses, slot);
  // A name that nobody owns must not cost a write to the zone of records, not even a lock.
  const isKnown = zone !== undefined && findRecord(zone, slot) !== undefined;
  if (!isKnown && !stampOfSlot(settings, slot) && !hasEntry(context, slot)) {
    if (misses) noteMissing(misses, slot, context.token);
    return '';
  }
  if (!zone) return checkAndKeep(context, slot, NO_LOCK);
  return tryWithLocks(zone, [slot], (attempt) => {
    // A clear and then a put may have come since the tokens were read: the new pair would pass for cleared.
    const now = withTokens(context);
    if (attempt.state === 'busy') {
      const record = findRecord(zone, slot);
      if (record !== undefined && readMeta(record) && !isCleared(record, now.token)) {
        return isAnswer(record) ? record : '';
      }
    }
    return checkAndKeep(now, slot, attempt);
  });
}

/** Without a zone there is nothing to lock. */
const NO_LOCK: LockAttempt = { state: 'no-room', isLocked: () => false };

function checkAndKeep(context: Context, slot: string, attempt: LockAttempt): string {
  const { zone, misses, token } = context;
  const began = Date.now();
  // No other worker writes the slot now that the lock is taken.
  const current = currentOf(context, slot, zone && findRecord(zone, slot));
  const result = look(context, slot, current, timestamp());
  const isSame = result.isSame === true && isStored(current);
  const stored =
    !isSame && concernsStore(context, current, result)
      ? keepInStore(context, slot, current, result, attempt)
      : result.record;
  const record = withFreshUntil(stored, began, context.interval);
  if (zone && attempt.isLocked()) {
    if (isSame) touchRecord(zone, slot, record);
    else keep(context, slot, record, result);
  } else if (!zone && result.message !== undefined && result.isError) {
    context.r.error(result.message);
  }
  if (misses && result.isMissing) noteMissing(misses, slot, token);
  sweepIfDue(context);
  return isAnswer(record) ? record : '';
}

/** Whether the result of a look is a pair for the store, or the end of one that the store has. */
function concernsStore(
  { settings }: Context,
  { version }: Current,
  { record }: CheckResult,
): boolean {
  return settings.store !== '' && (record === '' ? version !== '' : holdsPair(record));
}

/** Whether the zone and the store have the same version for a slot, and no clear of its name for the entry to forget. */
function isStored({ record, version, isAdopted }: Current): boolean {
  const isHere = version !== '' && !isAdopted && record !== undefined && isVersion(record);
  // `currentOf` marks the record where its name was cleared.
  return isHere && record !== markStale(record);
}

/**
 * Looks at the files, unless the interval of `$cert_check_interval` is not over: then only the store was due.
 *
 * @param began the time of the look, of `timestamp`
 */
function look(context: Context, slot: string, current: Current, began: string): CheckResult {
  const { record } = current;
  if (record !== undefined && isVersion(record) && !current.isAdopted) {
    const isDue =
      isCleared(record, context.token) || !isCheckedWithin(record, context.filesInterval);
    if (!isDue) return { record, isSame: true };
  }
  const result = checkFiles(context, slot, record);
  // The interval counts from the beginning of the look, so that a change during the look is found in time.
  if (result.record) result.record = withCheckedAt(result.record, began);
  return result;
}

/** Keeps the result in the zone, counts it and logs it. The caller must hold the slot's lock. */
function keep(context: Context, slot: string, record: string, result: CheckResult): void {
  const { zone } = context;
  if (!zone) return;
  if (isFileKey(slot)) {
    if (!keepFile(context, zone, slot, record)) return;
    if (result.leftOut !== undefined && isSettled(result.leftOut)) {
      noteLeftOut(zone, slot, result.leftOut);
    }
  } else if (record) putRecord(zone, slot, record);
  else removeRecord(zone, slot);
  if (result.result || result.message !== undefined || result.warning !== undefined) {
    tell(context, zone, result);
  }
}

/** Counts and logs what a look has found. */
function tell({ r }: Context, zone: Zone, result: CheckResult): void {
  if (result.result) count(zone, 'loads_total', `result="${result.result}"`);
  if (result.code) count(zone, 'refusals_total', refusalLabels('disk', result.code));
  if (result.warning !== undefined) r.warn(result.warning);
  if (result.message === undefined) return;
  if (result.isError) r.error(result.message);
  else r.log(result.message);
}
