// Arithmetic with numbers of thousands of bits, for the checks of keys: the engines have no BigInt in common. A number is a list of
// limbs of 22 bits, the lowest first. A product of two limbs stays below 2^44, so that a limb can take up 512 of them before it
// has to be carried: numbers may have up to 11,264 bits.

export type Limbs = number[];

const LIMB_BITS = 22;
const BASE = 0x400000;

/** Two limbs, in hex digits. */
const TWO_LIMBS_HEX = 11;

/** The limbs of a number in hex, without zeros at the top. */
export function limbsOf(hex: string): Limbs {
  const limbs: Limbs = [];
  for (let end = hex.length; end > 0; end -= TWO_LIMBS_HEX) {
    const two = parseInt(hex.slice(Math.max(end - TWO_LIMBS_HEX, 0), end), 16);
    limbs.push(two % BASE, Math.floor(two / BASE));
  }
  return trim(limbs);
}

/** Removes zeros at the top, in place. */
function trim(limbs: Limbs): Limbs {
  while (limbs.length > 0 && limbs[limbs.length - 1] === 0) limbs.pop();
  return limbs;
}

/** A number with the sign of a - b. */
export function compare(a: Limbs, b: Limbs): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = a.length - 1; i >= 0; i--) {
    const difference = (a[i] as number) - (b[i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Whether a number is 1. */
export function isOne(limbs: Limbs): boolean {
  return limbs.length === 1 && limbs[0] === 1;
}

export function sum(a: Limbs, b: Limbs): Limbs {
  const limbs = a.slice();
  for (let i = 0; i < b.length; i++) limbs[i] = (limbs[i] || 0) + (b[i] as number);
  return carried(limbs);
}

/** a - b, where a is the larger one, or equal. */
export function difference(a: Limbs, b: Limbs): Limbs {
  const limbs = a.slice();
  for (let i = 0; i < b.length; i++) limbs[i] = (limbs[i] as number) - (b[i] as number);
  return carried(limbs);
}

export function product(a: Limbs, b: Limbs): Limbs {
  const limbs: Limbs = [];
  let over = 0;
  // Column by column, which writes each limb once: that takes half of the time of doing it row by row.
  for (let column = 0; column < a.length + b.length; column++) {
    const last = Math.min(column, a.length - 1);
    for (let i = Math.max(column - b.length + 1, 0); i <= last; i++) {
      over += (a[i] as number) * (b[column - i] as number);
    }
    const rest = Math.floor(over / BASE);
    limbs.push(over - rest * BASE);
    over = rest;
  }
  return trim(limbs);
}

/** Adds `factor` times a number to the limbs from `at` on, without carrying. */
function addMultiple(limbs: Limbs, at: number, number: Limbs, factor: number): void {
  for (let j = 0; j < number.length; j++) {
    limbs[at + j] = (limbs[at + j] as number) + factor * (number[j] as number);
  }
}

/** Brings the limbs of a number that is not negative into 0 … BASE - 1, in place. */
function carried(limbs: Limbs): Limbs {
  const over = carry(limbs);
  if (over > 0) limbs.push(over);
  return trim(limbs);
}

/**
 * Brings limbs into 0 … BASE - 1, in place.
 *
 * @returns what is left above them, which is negative where the number is
 */
function carry(limbs: Limbs): number {
  let over = 0;
  for (let i = 0; i < limbs.length; i++) {
    const limb = (limbs[i] as number) + over;
    over = Math.floor(limb / BASE);
    limbs[i] = limb - over * BASE;
  }
  return over;
}

/**
 * a modulo m, by long division. Each digit of the quotient is estimated from the highest limbs, and may be one too large or too
 * small: what is left has a sign until the end.
 */
export function remainder(a: Limbs, m: Limbs): Limbs {
  const size = m.length;
  if (compare(a, m) < 0) return a;
  const rest = a.slice();
  const divisor = leadOf(m, size);
  for (let at = rest.length - size; at >= 0; at--) {
    const top = at + size;
    // The limb above is what the step before has left of it.
    if (top < rest.length) {
      rest[top - 1] = (rest[top - 1] as number) + (rest[top] as number) * BASE;
      rest[top] = 0;
    }
    const digit = Math.round(leadOf(rest, top) / divisor);
    addMultiple(rest, at, m, -digit);
  }
  const result = rest.slice(0, size);
  for (let over = carry(result); over < 0; over += carry(result)) addMultiple(result, 0, m, 1);
  const positive = trim(result);
  return compare(positive, m) < 0 ? positive : difference(positive, m);
}

/** a / b, as exact as a double can be. */
export function ratioOf(a: Limbs, b: Limbs): number {
  return (leadOf(a, a.length) / leadOf(b, b.length)) * Math.pow(BASE, a.length - b.length);
}

/** The three limbs below `end` as one number, as exact as a double can be. */
function leadOf(limbs: Limbs, end: number): number {
  return (limbs[end - 1] || 0) * BASE + (limbs[end - 2] || 0) + (limbs[end - 3] || 0) / BASE;
}

/** The number of zero bits at the low end of a number, in its lowest limb alone. */
export function trailingZeros(limbs: Limbs): number {
  let limb = limbs[0] as number;
  if (limb === 0) return LIMB_BITS;
  let zeros = 0;
  while (limb % 2 === 0) {
    limb /= 2;
    zeros++;
  }
  return zeros;
}

/**
 * A number without its lowest bits, which are zero.
 *
 * @param bits at most those of one limb
 */
export function shiftRight(limbs: Limbs, bits: number): Limbs {
  const divisor = Math.pow(2, bits);
  const shifted: Limbs = [];
  for (let i = 0; i < limbs.length; i++) {
    const above = (limbs[i + 1] || 0) % divisor;
    shifted.push(Math.floor((limbs[i] as number) / divisor) + above * (BASE / divisor));
  }
  return trim(shifted);
}
