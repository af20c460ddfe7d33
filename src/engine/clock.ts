export const TIMESTAMP_LENGTH = 13;

/**
 * Whether the time at `offset`, 13 digits, is less than an interval ago. A time to come is not: the clock was set back,
 * and nobody knows how long ago it was.
 */
export function isWithin(text: string, offset: number, interval: number): boolean {
  const age = Date.now() - +text.slice(offset, offset + TIMESTAMP_LENGTH);
  return age >= 0 && (interval === 0 || age < interval);
}

/** Milliseconds in 13 digits: the year 2286 is the first with more. */
export function timestamp(): string {
  return `${Date.now()}`;
}
