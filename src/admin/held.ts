import { type Facts, factsOf, holdsPair } from '../record';
import { type Zone, find } from '../store';
import { fingerprintIn } from './entry';
import { entityTag } from './precondition';

/** A pair that is held under a name. */
export interface Held {
  record: string;
  facts: Facts;
}

/** @returns null where nothing is held, or only why files were refused */
export function findHeld(zone: Zone, name: string): Held | null {
  const record = find(zone, name);
  const facts = record !== undefined && holdsPair(record) ? factsOf(record) : null;
  return record === undefined || facts === null ? null : { record, facts };
}

/** Its entity tag; '' where nothing is held. */
export function tagOf(held: Held | null): string {
  return held ? entityTag(fingerprintIn(held.record)) : '';
}
