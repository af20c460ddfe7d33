import { slotsOf } from '../config/slot';
import { fingerprintOf } from '../x509/description';
import type { RecordMeta } from '../zone/meta';
import { holdsPair, isPointer, readMeta, targetOf } from '../zone/record';
import { findRecord } from '../zone/slots';
import type { Context } from './context';
import { leafOf } from './pem_of_record';
import { currentOf } from './stored';

/** The pair of a slot. */
export interface Held {
  record: string;
  meta: RecordMeta;
  /** The key of the scanned file that has the pair; undefined where the pair is the slot's own. */
  file?: string;
}

/** The conditions of a request. */
export interface Conditions {
  /** Whether there are any. Without them the caller need not read the pair that `check` takes. */
  isConditional: boolean;
  /**
   * @param fingerprint of the leaf that is held for a name; '' where none is
   * @throws precondition-failed
   */
  check: (name: string, fingerprint: string) => void;
}

/**
 * The pair in a slot, by the zone and the store together: another nginx may have put it there, or deleted it.
 *
 * @param slot its key
 * @returns null where nothing is held, or only why files were refused
 */
export function findHeld(context: Context, slot: string): Held | null {
  const { zone } = context;
  const { record } = currentOf(context, slot, zone && findRecord(zone, slot));
  if (record !== undefined && isPointer(record)) return findFound(context, record);
  const meta = record !== undefined && holdsPair(record) ? readMeta(record) : null;
  return record === undefined || meta === null ? null : { record, meta };
}

/** The pair that a pointer leads to, with the reason why the name's own files were refused. */
function findFound(context: Context, pointer: string): Held | null {
  const file = targetOf(pointer);
  const held = findHeld(context, file);
  const problem = readMeta(pointer)?.problem;
  if (!held) return null;
  return {
    record: held.record,
    meta: problem ? Object.assign({}, held.meta, { problem }) : held.meta,
    file,
  };
}

/** The pairs of a name: that of its first slot, then that of its RSA slot. */
export function findAllHeld(context: Context, name: string): Held[] {
  return slotsOf(context.settings, name)
    .map((slot) => findHeld(context, slot))
    .filter((held): held is Held => held !== null);
}

/** The fingerprint of a pair's leaf, SHA-256 in lower-case hex; '' where there is no pair. */
export function fingerprintOfHeld(held: Held | null | undefined): string {
  return held ? fingerprintOf(leafOf(held.record)) : '';
}
