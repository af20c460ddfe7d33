import type { Settings } from '../config/settings';
import { slotsOf } from '../config/slot';
import { type Certificate, readLeaf } from '../x509/certificate';
import { fingerprintOf } from '../x509/description';
import type { Zone } from '../zone/dict';
import { type RecordMeta, chainOf, holdsPair, isPointer, readMeta, targetOf } from '../zone/record';
import { findRecord } from '../zone/slots';

/** A pair that is held in a slot. */
export interface Held {
  record: string;
  meta: RecordMeta;
  /** The key of the file that a scan found it in; undefined: it is the slot's own. */
  file?: string;
}

/** The conditions under which a request is done. */
export interface Conditions {
  /** Whether there are any. Without, nothing that is held has to be read for `check`. */
  isConditional: boolean;
  /**
   * @param fingerprint of the leaf that is held for a name; '' where none is
   * @throws precondition-failed
   */
  check: (name: string, fingerprint: string) => void;
}

/**
 * @param slot its key
 * @returns null where nothing is held, or only why files were refused
 */
export function findHeld(zone: Zone, slot: string): Held | null {
  const record = findRecord(zone, slot);
  if (record !== undefined && isPointer(record)) return findFound(zone, record);
  const meta = record !== undefined && holdsPair(record) ? readMeta(record) : null;
  return record === undefined || meta === null ? null : { record, meta };
}

/** What a pointer points to; where the name's own files were refused, with the reason. */
function findFound(zone: Zone, pointer: string): Held | null {
  const file = targetOf(pointer);
  const held = findHeld(zone, file);
  const problem = readMeta(pointer)?.problem;
  if (!held) return null;
  return {
    record: held.record,
    meta: problem ? Object.assign({}, held.meta, { problem }) : held.meta,
    file,
  };
}

/** What is held of a name: that of its first slot, then that of its RSA slot. */
export function findAllHeld(zone: Zone, settings: Settings, name: string): Held[] {
  return slotsOf(settings, name)
    .map((slot) => findHeld(zone, slot))
    .filter((held): held is Held => held !== null);
}

/** The fingerprint of its leaf, SHA-256 in lower-case hex; '' where nothing is held. */
export function fingerprintOfHeld(held: Held | null | undefined): string {
  return held ? fingerprintOf(leafOf(held.record)) : '';
}

/** Whether a record's pair is one for the RSA slot. */
export function holdsRsa(record: string): boolean {
  return leafOf(record).publicKey.kind === 'RSA';
}

export function leafOf(record: string): Certificate {
  return readLeaf(chainOf(record));
}
