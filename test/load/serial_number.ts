import type { Identity } from './history.js';

// Begins like this, so that DER needs no zero in front and hexadecimal loses none.
const MARK = '4C';
const DIGITS = 6;

/**
 * A certificate's serial number, which says what it is.
 *
 * @param run upper-case hexadecimal digits that tell this run's certificates from all others
 */
export function serialOf(run: string, { name, version }: Identity): string {
  return MARK + run + hex(name) + hex(version);
}

/** @returns undefined where it is not of this run */
export function identityOf(run: string, serial: string): Identity | undefined {
  const start = MARK + run;
  if (!serial.startsWith(start) || serial.length !== start.length + 2 * DIGITS) return undefined;
  const name = parseInt(serial.slice(-2 * DIGITS, -DIGITS), 16);
  const version = parseInt(serial.slice(-DIGITS), 16);
  return { name, version };
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(DIGITS, '0');
}
