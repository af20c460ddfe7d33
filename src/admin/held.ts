import { type Facts, factsOf, holdsPair, isPointer, targetOf } from '../record';
import type { Settings } from '../settings';
import { slotsOf } from '../slot';
import { type Zone, find } from '../store';
import { fingerprintIn } from './entry';
import { entityTag } from './precondition';

/** A pair that is held in a slot. */
export interface Held {
  record: string;
  facts: Facts;
  /** The key of the file that a scan found it in; undefined: it is the slot's own. */
  file?: string;
}

/**
 * @param slot its key
 * @returns null where nothing is held, or only why files were refused
 */
export function findHeld(zone: Zone, slot: string): Held | null {
  const record = find(zone, slot);
  if (record !== undefined && isPointer(record)) return findFound(zone, record);
  const facts = record !== undefined && holdsPair(record) ? factsOf(record) : null;
  return record === undefined || facts === null ? null : { record, facts };
}

/** What a pointer points to; where the name's own files were refused, with the reason. */
function findFound(zone: Zone, pointer: string): Held | null {
  const file = targetOf(pointer);
  const held = findHeld(zone, file);
  const problem = factsOf(pointer)?.problem;
  if (!held) return null;
  return {
    record: held.record,
    facts: problem ? Object.assign({}, held.facts, { problem }) : held.facts,
    file,
  };
}

/** What is held of a name: that of its first slot, then that of its RSA slot. */
export function findAllHeld(zone: Zone, settings: Settings, name: string): Held[] {
  return slotsOf(settings, name)
    .map((slot) => findHeld(zone, slot))
    .filter((held): held is Held => held !== null);
}

/** Its entity tag; '' where nothing is held. */
export function tagOf(held: Held | null | undefined): string {
  return held ? entityTag(fingerprintIn(held.record)) : '';
}
