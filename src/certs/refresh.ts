import { LONGEST_FRESH_MS } from '../config/settings';
import { isFileKey } from '../config/slot';
import { isSettled, stampOfSlot } from '../disk/stamp';
import { timestamp } from '../engine/clock';
import { count, refusalLabels } from '../zone/counters';
import { type LockAttempt, tryWithLocks } from '../zone/locks';
import { expireMissing, noteMissing } from '../zone/misses';
import {
  isAnswer,
  isCheckedWithin,
  isCleared,
  isVersion,
  readMeta,
  withCheckedAt,
  withFreshUntil,
} from '../zone/record';
import { findRecord, noteLeftOut, putRecord, removeRecord } from '../zone/slots';
import { type CheckResult, checkFiles } from './check';
import { type Context, withTokens } from './context';
import { keepInStore, sweepIfDue } from './keep';
import { keepFile } from './pointers';
import { type Current, currentOf, hasEntry } from './stored';

/**
 * Looks at a slot's files and at the store, and keeps what it finds: a new pair, or the one that is there where they did not
 * change or cannot be used. Only the worker that gets the slot's lock writes it down. Meanwhile the others serve what is
 * there: a new pair that they found by themselves would be followed by the old one. After a clear they must look.
 *
 * @param slot its key
 * @returns a record with a pair, or a pointer; '' where there is none to serve
 */
export function refreshSlot(context: Context, slot: string): string {
  const { zone, misses, settings } = context;
  if (misses) expireMissing(misses, slot);
  // A name that nobody owns is to cost no write to the zone, not even a lock's.
  const isKnown = zone !== undefined && findRecord(zone, slot) !== undefined;
  if (!isKnown && !stampOfSlot(settings, slot) && !hasEntry(context, slot)) {
    if (misses) noteMissing(misses, slot, context.token);
    return '';
  }
  if (!zone) return checkAndKeep(context, slot, NO_LOCK);
  return tryWithLocks(zone, [slot], (attempt) => {
    // A clear and a put may have come since the tokens were read: what was put would pass for cleared.
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
  // Read after the lock was taken: nobody else writes it now.
  const current = currentOf(context, slot, zone && findRecord(zone, slot));
  const result = look(context, slot, current, timestamp());
  const stored = keepInStore(context, slot, current, result, attempt);
  const record = withFreshUntil(stored, began + Math.min(context.interval, LONGEST_FRESH_MS));
  if (zone && attempt.isLocked()) {
    keep(context, slot, record, result);
  } else if (!zone && result.message !== undefined && result.isError) {
    context.r.error(result.message);
  }
  if (misses && result.isMissing) noteMissing(misses, slot, token);
  sweepIfDue(context);
  return isAnswer(record) ? record : '';
}

/** Looks at the files, unless the slot's version is only to be compared with the store. */
function look(context: Context, slot: string, current: Current, began: string): CheckResult {
  const { record } = current;
  if (record !== undefined && isVersion(record) && !current.isAdopted) {
    const isDue =
      isCleared(record, context.token) || !isCheckedWithin(record, context.filesInterval);
    if (!isDue) return { record };
  }
  const result = checkFiles(context, slot, record);
  // What changes after this look has begun is found by one that comes an interval later, however long this one took.
  if (result.record) result.record = withCheckedAt(result.record, began);
  return result;
}

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
  if (result.result) count(zone, 'loads_total', `result="${result.result}"`);
  if (result.code) count(zone, 'refusals_total', refusalLabels('disk', result.code));
  if (result.message === undefined) return;
  if (result.isError) context.r.error(result.message);
  else context.r.log(result.message);
}
