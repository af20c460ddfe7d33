/**
 * A list from any of its members on, with those before at the end: what cannot be done to one of them, or has no time left, must not keep
 * the others waiting for ever.
 */
export function fromAnywhere<T>(list: T[]): T[] {
  const first = Math.floor(Math.random() * list.length);
  return list.slice(first).concat(list.slice(0, first));
}
