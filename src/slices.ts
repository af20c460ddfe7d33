import { pause } from './pause';
import { isSlot } from './store';

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
