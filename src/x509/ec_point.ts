// Checks that a point is on a NIST curve: y² = x³ - 3x + b modulo p (SEC 2, FIPS 186-5). OpenSSL refuses a certificate whose point
// is not, and no other check finds a flipped bit in a point. Numbers are lists of limbs of 24 bits instead of BigInts. A sum of 22
// products (521 bits) then stays below 2^53.

/** The NIST name of a curve that TLS servers use. */
export type Curve = 'P-256' | 'P-384' | 'P-521';

interface Field {
  /** The object identifier of the curve in hex (RFC 5480, 2.1.1.1). */
  identifier: string;
  /** The length of a coordinate in bytes. */
  bytes: number;
  /** p is the sum of these powers of two, minus 1; a negative exponent subtracts its power. As p = -1 modulo 2^24, reducing is cheap. */
  powers: number[];
  /** The b of the curve's equation, in hex. */
  b: string;
}

const FIELDS: Record<Curve, Field> = {
  'P-256': {
    identifier: '2a8648ce3d030107',
    bytes: 32,
    powers: [256, -224, 192, 96],
    b: '5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b',
  },
  'P-384': {
    identifier: '2b81040022',
    bytes: 48,
    powers: [384, -128, -96, 32],
    b:
      'b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875a' +
      'c656398d8a2ed19d2a85c8edd3ec2aef',
  },
  'P-521': {
    identifier: '2b81040023',
    bytes: 66,
    powers: [521],
    b:
      '0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef1' +
      '09e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00',
  },
};

const BASE = 0x1000000;
const LIMB_BITS = 24;
const LIMB_HEX = 6;

/**
 * Finds a curve by its object identifier.
 *
 * @param identifier in lower-case hex
 * @returns null where it is not one of the three
 */
export function curveOf(identifier: string): Curve | null {
  if (identifier === FIELDS['P-256'].identifier) return 'P-256';
  if (identifier === FIELDS['P-384'].identifier) return 'P-384';
  return identifier === FIELDS['P-521'].identifier ? 'P-521' : null;
}

/** The object identifier of a curve, in hex. */
export function identifierOf(curve: Curve): string {
  return FIELDS[curve].identifier;
}

/** The length of a coordinate, and so of a private key, in bytes. */
export function fieldBytes(curve: Curve): number {
  return FIELDS[curve].bytes;
}

/**
 * Whether (x, y) is a point of the curve. This takes about 1,000 multiplications.
 *
 * @param x in hex, of the curve's full length
 * @param y likewise
 */
export function isOnCurve(curve: Curve, x: string, y: string): boolean {
  const field = FIELDS[curve];
  // At least one bit is to spare, for values up to 2p.
  const size = Math.floor((field.powers[0] as number) / LIMB_BITS) + 1;
  const p = primeOf(field, size);
  const xs = limbsOf(x, size);
  const ys = limbsOf(y, size);
  if (compare(xs, p) >= 0 || compare(ys, p) >= 0) return false;

  // All terms are modulo p and times R^-1, where R = BASE^size. The last reduction gives 0 or p exactly for multiples of p.
  const left = product(ys, ys);
  subtract(left, limbsOf(field.b, size));
  const ySquaredMinusB = reduce(left, field, size);
  const square = product(xs, xs);
  square[0] = (square[0] as number) - 3;
  const difference = product(reduce(square, field, size), xs);
  subtract(difference, ySquaredMinusB);
  const rest = reduce(difference, field, size);
  return compare(rest, zeros(size)) === 0 || compare(rest, p) === 0;
}

/** The limbs of a number in hex, the lowest first. */
function limbsOf(hex: string, size: number): number[] {
  const limbs: number[] = [];
  for (let i = 0; i < size; i++) {
    const end = hex.length - i * LIMB_HEX;
    limbs.push(end > 0 ? parseInt(hex.slice(Math.max(end - LIMB_HEX, 0), end), 16) : 0);
  }
  return limbs;
}

function primeOf(field: Field, size: number): number[] {
  const limbs = zeros(size);
  limbs[0] = -1;
  for (let k = 0; k < field.powers.length; k++) addPower(limbs, 0, field.powers[k] as number, 1);
  carry(limbs, 0);
  return limbs;
}

function zeros(size: number): number[] {
  const limbs: number[] = [];
  for (let i = 0; i < size; i++) limbs.push(0);
  return limbs;
}

/** Adds `factor` times a signed power of two, from limb `at` on. */
function addPower(limbs: number[], at: number, power: number, factor: number): void {
  const bits = Math.abs(power);
  const limb = at + Math.floor(bits / LIMB_BITS);
  const shifted = factor * Math.pow(2, bits % LIMB_BITS);
  limbs[limb] = (limbs[limb] as number) + (power < 0 ? -shifted : shifted);
}

/** A number with the sign of a - b. The limbs of both must be carried. */
function compare(a: number[], b: number[]): number {
  for (let i = Math.max(a.length, b.length) - 1; i >= 0; i--) {
    const difference = (a[i] || 0) - (b[i] || 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Brings the limbs from `at` on into 0 … BASE - 1. The highest limb keeps the sign. */
function carry(limbs: number[], at: number): void {
  for (let i = at; i + 1 < limbs.length; i++) {
    const limb = limbs[i] as number;
    const over = Math.floor(limb / BASE);
    limbs[i] = limb - over * BASE;
    limbs[i + 1] = (limbs[i + 1] as number) + over;
  }
}

function product(a: number[], b: number[]): number[] {
  const sum = zeros(a.length + b.length + 1);
  for (let i = 0; i < a.length; i++) {
    const factor = a[i] as number;
    for (let j = 0; j < b.length; j++) {
      sum[i + j] = (sum[i + j] as number) + factor * (b[j] as number);
    }
  }
  return sum;
}

/** Subtracts limb by limb, in place. */
function subtract(limbs: number[], subtrahend: number[]): void {
  for (let i = 0; i < subtrahend.length; i++) {
    limbs[i] = (limbs[i] as number) - (subtrahend[i] as number);
  }
}

/**
 * Does a Montgomery reduction: adds the multiple of p that makes the low `size` limbs zero, and drops them.
 *
 * @param limbs a number whose absolute value is below R * p, changed in place
 * @returns limbs / R modulo p, between 0 and p inclusive where the value was between -R and 0
 */
function reduce(limbs: number[], field: Field, size: number): number[] {
  for (let i = 0; i < size; i++) {
    const limb = limbs[i] as number;
    const over = Math.floor(limb / BASE);
    const factor = limb - over * BASE;
    // The -1 in p clears this limb when factor * p is added.
    limbs[i + 1] = (limbs[i + 1] as number) + over;
    for (let k = 0; k < field.powers.length; k++) {
      addPower(limbs, i, field.powers[k] as number, factor);
    }
  }
  carry(limbs, size);
  return limbs.slice(size);
}
