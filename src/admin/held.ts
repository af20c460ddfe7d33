import { type Facts, factsOf, holdsPair } from '../record';
import type { Settings } from '../settings';
import { slotsOf } from '../slot';
import { type Zone, find } from '../store';
import { fingerprintIn } from './entry';
import { entityTag } from './precondition';

/** A pair that is held in a slot. */
export interface Held {
  record: string;
  facts: Facts;
}

/**
 * @param slot its key
 * @returns null where nothing is held, or only why files were refused
 */
export function findHeld(zone: Zone, slot: string): Held | null {
  const record = find(zone, slot);
  const facts = record !== undefined && holdsPair(record) ? factsOf(record) : null;
  return record === undefined || facts === null ? null : { record, facts };
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
