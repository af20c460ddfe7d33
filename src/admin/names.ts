import { isFileKey, nameOf } from '../slot';
import { type Zone, isSlot, keysOf } from '../store';
import { pause } from '../pause';

/** Keys that are looked at between two pauses: about a millisecond. Half of them are slots. */
const SLICE = 1000;

/**
 * Goes through the keys of all slots with a record, with a pair or without, in no order, in slices.
 *
 * @param keys of `keysOf`
 */
export async function eachSlice(keys: string[], work: (slots: string[]) => void): Promise<void> {
  for (let at = 0; at < keys.length; at += SLICE) {
    work(keys.slice(at, at + SLICE).filter(isSlot));
    await pause();
  }
}

/** The first names that come after one, in order, and no more than `most`. */
export function namesAfter(zone: Zone, after: string, most: number): Promise<string[]> {
  return keysAfter(zone, after, most, false);
}

/** The same for the labels of the files that a scan found. */
export function labelsAfter(zone: Zone, after: string, most: number): Promise<string[]> {
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
