import { isFileKey, nameOf } from '../config/slot';
import type { Zone } from '../zone/dict';
import { eachSlice, keysOf } from '../zone/slots';

/**
 * The names after a name, in their order.
 *
 * @param after '' for the first names
 * @param most the largest number of names that are returned
 */
export function namesAfter(zone: Zone, after: string, most: number): Promise<string[]> {
  return keysAfter(zone, after, most, false);
}

/** The stems of scanned files after a stem, likewise. */
export function stemsAfter(zone: Zone, after: string, most: number): Promise<string[]> {
  return keysAfter(zone, after, most, true);
}

async function keysAfter(
  zone: Zone,
  after: string,
  most: number,
  isForFiles: boolean,
): Promise<string[]> {
  let first: string[] = [];
  await eachSlice(keysOf(zone), (slots) => {
    const end = first.length === most ? first[most - 1] : undefined;
    const found = slots
      .filter((slot) => isFileKey(slot) === isForFiles)
      .map(nameOf)
      .filter((name) => name > after && (end === undefined || name < end));
    if (found.length > 0) first = distinct(first.concat(found).sort()).slice(0, most);
  });
  return first;
}

function distinct(sorted: string[]): string[] {
  return sorted.filter((name, i) => name !== sorted[i - 1]);
}
