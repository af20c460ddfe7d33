import { slotPaths } from '../config/paths';
import { isFileKey } from '../config/slot';
import { recover } from '../disk/persist';
import { isSettled, stampOfSlot } from '../disk/stamp';
import { timestamp } from '../engine/clock';
import { clearToken } from '../zone/clear_token';
import { count, refusalLabels } from '../zone/counters';
import type { Zone } from '../zone/dict';
import { type LockAttempt, tryWithLocks } from '../zone/locks';
import { expireMissing, noteMissing } from '../zone/misses';
import { isAnswer, isCleared, readMeta, withCheckedAt } from '../zone/record';
import { findRecord, noteLeftOut, putRecord, removeRecord } from '../zone/slots';
import { type CheckResult, checkFiles } from './check';
import type { Context } from './context';
import { keepFile } from './pointers';

/**
 * Looks at a slot's files and keeps what it finds: a new pair, or the one that is held where they did not change or
 * cannot be used. Only the worker that gets the slot's lock writes it down. Meanwhile the others serve what is held: a
 * new pair that they found by themselves would be followed by the old one. After a clear that is what they must do.
 *
 * @param slot its key
 * @returns a record with a pair, or a pointer; '' where there is none to serve
 */
export function refreshSlot(context: Context, slot: string): string {
  const { zone, misses } = context;
  if (misses) expireMissing(misses, slot);
  // A name that nobody owns is to cost no write to the zone, not even a lock's.
  if ((!zone || findRecord(zone, slot) === undefined) && !stampOfSlot(context.settings, slot)) {
    if (misses) noteMissing(misses, slot, context.token);
    return '';
  }
  if (!zone) return checkAndKeep(context, slot, NO_LOCK);
  return tryWithLocks(zone, [slot], (attempt) => {
    // A clear and a put may have come since the token was read: what was put would pass for cleared.
    const now: Context = Object.assign({}, context, { token: clearToken(zone) });
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
  const { settings, zone, misses, token } = context;
  // Nobody who holds no lock writes files, and who holds it finds no staged pair but a killed worker's.
  if (settings.isPersistent && !isFileKey(slot) && (attempt.state === 'locked' || !zone)) {
    recover(slotPaths(settings, slot));
  }
  // Read after the lock was taken: nobody else writes it now.
  const began = timestamp();
  const result = checkFiles(context, slot, zone && findRecord(zone, slot));
  // What changes after this look has begun is found by one that comes an interval later, however long this one took.
  if (result.record) result.record = withCheckedAt(result.record, began);
  if (zone && attempt.isLocked()) {
    keep(context, zone, slot, result);
  } else if (!zone && result.message !== undefined && result.isError) {
    context.r.error(result.message);
  }
  if (misses && result.isMissing) noteMissing(misses, slot, token);
  return isAnswer(result.record) ? result.record : '';
}

function keep(context: Context, zone: Zone, slot: string, result: CheckResult): void {
  if (isFileKey(slot)) {
    if (!keepFile(context, zone, slot, result.record)) return;
    if (result.leftOut !== undefined && isSettled(result.leftOut)) {
      noteLeftOut(zone, slot, result.leftOut);
    }
  } else if (result.record) putRecord(zone, slot, result.record);
  else removeRecord(zone, slot);
  if (result.result) count(zone, 'loads_total', `result="${result.result}"`);
  if (result.code) count(zone, 'refusals_total', refusalLabels('disk', result.code));
  if (result.message === undefined) return;
  if (result.isError) context.r.error(result.message);
  else context.r.log(result.message);
}
