import { rest } from './pause';
import { isSlot } from './store';

/** For how long a worker is kept from its connections, in milliseconds. What has begun by then comes to its end. */
export const SLICE_MS = 5;

/** Keys that are looked at before the time is: some milliseconds. Half of them are slots. */
const KEYS = 1000;

/**
 * For what takes long in many steps, and begins now.
 *
 * @returns what is to be awaited after each step: at the end of a slice it leaves the worker to its connections
 */
export function slices(): () => Promise<void> {
  let began = Date.now();
  return async () => {
    if (Date.now() - began < SLICE_MS) return;
    await rest(began);
    began = Date.now();
  };
}

/**
 * Goes through the keys of all slots with a record, with a pair or without, in no order, in slices.
 *
 * @param keys of `keysOf`
 */
export async function eachSlice(keys: string[], work: (slots: string[]) => void): Promise<void> {
  const giveWay = slices();
  for (let at = 0; at < keys.length; at += KEYS) {
    work(keys.slice(at, at + KEYS).filter(isSlot));
    await giveWay();
  }
}
