/** The length of a `timestamp`, in characters. */
export const TIMESTAMP_LENGTH = 13;

/**
 * Whether a time in a text is less than an interval ago. A time in the future is not: the clock was set back, and the age of the
 * time is unknown.
 *
 * @param offset of the time in `text`, as `timestamp` writes it
 * @param interval in milliseconds; 0 for an unlimited one
 */
export function isWithin(text: string, offset: number, interval: number): boolean {
  const age = Date.now() - +text.slice(offset, offset + TIMESTAMP_LENGTH);
  return age >= 0 && (interval === 0 || age < interval);
}

/** The current time in milliseconds since 1970, in 13 digits. From the year 2286 on it has more. */
export function timestamp(): string {
  return `${Date.now()}`;
}
