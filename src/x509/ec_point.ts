import {
  type Limbs,
  compare,
  difference,
  isOne,
  limbsOf,
  product,
  remainder,
  shiftRight,
  sum,
  trailingZeros,
} from './bignum';

// Checks that a point is on its curve: y² = x³ + ax + b modulo p (SEC 1, 2.2.1). OpenSSL refuses a certificate whose point is not
// (ossl_ec_key_simple_oct2key, EC_POINT_oct2point), and no other check finds a flipped bit in a point.

/** The name of a curve that TLS servers use: NIST's, and those of RFC 5639 that RFC 8734 brought into TLS 1.3. */
export type Curve =
  'P-256' | 'P-384' | 'P-521' | 'brainpoolP256r1' | 'brainpoolP384r1' | 'brainpoolP512r1';

interface Field {
  /** The object identifier of the curve in hex (RFC 5480, 2.1.1.1; RFC 5639, 4.1). */
  identifier: string;
  /** The length of p. */
  bits: number;
  /** p, a and b of the curve's equation, in hex. */
  p: string;
  a: string;
  b: string;
}

const FIELDS: Record<Curve, Field> = {
  'P-256': {
    identifier: '2a8648ce3d030107',
    bits: 256,
    p: 'ffffffff00000001000000000000000000000000ffffffffffffffffffffffff',
    a: 'ffffffff00000001000000000000000000000000fffffffffffffffffffffffc',
    b: '5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b',
  },
  'P-384': {
    identifier: '2b81040022',
    bits: 384,
    p: 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff',
    a: 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc',
    b: 'b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef',
  },
  'P-521': {
    identifier: '2b81040023',
    bits: 521,
    p:
      '01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff' +
      'ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
    a:
      '01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff' +
      'fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffc',
    b:
      '0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109' +
      'e156193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00',
  },
  brainpoolP256r1: {
    identifier: '2b2403030208010107',
    bits: 256,
    p: 'a9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377',
    a: '7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9',
    b: '26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6',
  },
  brainpoolP384r1: {
    identifier: '2b240303020801010b',
    bits: 384,
    p: '8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53',
    a: '7bc382c63d8c150c3c72080ace05afa0c2bea28e4fb22787139165efba91f90f8aa5814a503ad4eb04a8c7dd22ce2826',
    b: '04a8c7dd22ce28268b39b55416f0447c2fb77de107dcd2a62e880ea53eeb62d57cb4390295dbc9943ab78696fa504c11',
  },
  brainpoolP512r1: {
    identifier: '2b240303020801010d',
    bits: 512,
    p:
      'aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330871' +
      '7d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3',
    a:
      '7830a3318b603b89e2327145ac234cc594cbdd8d3df91610a83441caea9863bc' +
      '2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a72bf2c7b9e7c1ac4d77fc94ca',
    b:
      '3df91610a83441caea9863bc2ded5d5aa8253aa10a2ef1c98b9ac8b57f1117a7' +
      '2bf2c7b9e7c1ac4d77fc94cadc083e67984050b75ebae5dd2809bd638016f723',
  },
};

/**
 * Finds a curve by its object identifier.
 *
 * @param identifier in lower-case hex
 * @returns null where TLS servers do not use it
 */
export function curveOf(identifier: string): Curve | null {
  const found = (Object.keys(FIELDS) as Curve[]).filter(
    (curve) => FIELDS[curve].identifier === identifier,
  );
  return found[0] ?? null;
}

/** The object identifier of a curve, in hex. */
export function identifierOf(curve: Curve): string {
  return FIELDS[curve].identifier;
}

/** The length in bits of a curve's field. */
export function fieldBits(curve: Curve): number {
  return FIELDS[curve].bits;
}

/** The length of a coordinate, and so of a private key, in bytes. */
export function fieldBytes(curve: Curve): number {
  return Math.ceil(FIELDS[curve].bits / 8);
}

/** Whether a curve is one of NIST's, which alone njs's WebCrypto has. */
export function isNist(curve: Curve): boolean {
  return curve.charAt(1) === '-';
}

/**
 * Whether (x, y) is a point of the curve.
 *
 * @param x in hex, of the curve's full length
 * @param y likewise
 */
export function isOnCurve(curve: Curve, x: string, y: string): boolean {
  const p = limbsOf(FIELDS[curve].p);
  const root = limbsOf(y);
  const square = squareOfY(curve, p, limbsOf(x));
  if (square === null || compare(root, p) >= 0) return false;
  return compare(remainder(product(root, root), p), square) === 0;
}

/**
 * Whether the curve has points with this x. A compressed point (SEC 1, 2.3.4) is one of them.
 *
 * @param x in hex, of the curve's full length
 */
export function hasPointAt(curve: Curve, x: string): boolean {
  const p = limbsOf(FIELDS[curve].p);
  const square = squareOfY(curve, p, limbsOf(x));
  return square !== null && isSquare(square, p);
}

/** x³ + ax + b modulo p; null where x is not in the field. */
function squareOfY(curve: Curve, p: Limbs, x: Limbs): Limbs | null {
  if (compare(x, p) >= 0) return null;
  const { a, b } = FIELDS[curve];
  const factor = remainder(sum(product(x, x), limbsOf(a)), p);
  return remainder(sum(product(factor, x), limbsOf(b)), p);
}

/** Whether a number is a square modulo an odd prime: by its Jacobi symbol, which takes far less time than a power. */
function isSquare(number: Limbs, prime: Limbs): boolean {
  let a = number;
  let n = prime;
  let isNegative = false;
  while (a.length > 0) {
    const zeros = trailingZeros(a);
    const eighth = (n[0] as number) % 8;
    if (zeros % 2 === 1 && (eighth === 3 || eighth === 5)) isNegative = !isNegative;
    a = shiftRight(a, zeros);
    if (compare(a, n) < 0) {
      if ((a[0] as number) % 4 === 3 && (n[0] as number) % 4 === 3) isNegative = !isNegative;
      const larger = n;
      n = a;
      a = larger;
    }
    a = difference(a, n);
  }
  // Only 0 has a divisor in common with a prime, and it is the square of 0.
  return !isOne(n) || !isNegative;
}
