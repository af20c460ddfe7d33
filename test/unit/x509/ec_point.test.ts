import { ECDH, createECDH } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import {
  type Curve,
  curveOf,
  fieldBits,
  fieldBytes,
  hasPointAt,
  identifierOf,
  isNist,
  isOnCurve,
} from '../../../src/x509/ec_point.js';
import { createRandom } from '../../support/random.js';

/** The curves with OpenSSL's names and the moduli of their fields. */
const CURVES: [Curve, string, bigint][] = [
  ['P-256', 'prime256v1', 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n],
  ['P-384', 'secp384r1', 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n],
  ['P-521', 'secp521r1', 2n ** 521n - 1n],
  // RFC 5639, 3.4, 3.6 and 3.7.
  [
    'brainpoolP256r1',
    'brainpoolP256r1',
    0xa9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377n,
  ],
  [
    'brainpoolP384r1',
    'brainpoolP384r1',
    0x8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b412b1da197fb71123acd3a729901d1a71874700133107ec53n,
  ],
  [
    'brainpoolP512r1',
    'brainpoolP512r1',
    0xaadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca703308717d4d9b009bc66842aecda12ae6a380e62881ff2f2d82c68528aa6056583a48f3n,
  ],
];

/** Whether OpenSSL finds a point with this x. */
function hasRoot(name: string, x: string): boolean {
  try {
    ECDH.convertKey(`02${x}`, name, 'hex', 'hex', 'uncompressed');
    return true;
  } catch {
    return false;
  }
}

describe.each(CURVES)('%s', (curve, name, p) => {
  const length = fieldBytes(curve) * 2;
  const hex = (n: bigint): string => n.toString(16).padStart(length, '0');
  const points = Array.from({ length: 200 }, () => {
    const point = createECDH(name).generateKeys('hex');
    return {
      x: BigInt('0x' + point.slice(2, 2 + length)),
      y: BigInt('0x' + point.slice(2 + length)),
    };
  });

  test('OpenSSL puts its points on it', () => {
    for (const { x, y } of points) {
      expect(isOnCurve(curve, hex(x), hex(y))).toBe(true);
      expect(isOnCurve(curve, hex(x), hex(p - y))).toBe(true);
    }
  });

  test('one bit off is off', () => {
    points.forEach(({ x, y }, i) => {
      const bit = 1n << BigInt(i % (fieldBits(curve) - 1));
      expect(isOnCurve(curve, hex(x ^ bit), hex(y))).toBe(false);
      expect(isOnCurve(curve, hex(x), hex(y ^ bit))).toBe(false);
      expect(isOnCurve(curve, hex(y), hex(x))).toBe(false);
    });
  });

  test('so are the ends of the field, and what is not in it', () => {
    const { x, y } = points[0]!;
    for (const a of [0n, 1n, p - 1n]) {
      for (const b of [0n, 1n, p - 1n]) expect(isOnCurve(curve, hex(a), hex(b))).toBe(false);
    }
    expect(isOnCurve(curve, hex(p), hex(y))).toBe(false);
    expect(isOnCurve(curve, hex(x), hex(p))).toBe(false);
    expect(isOnCurve(curve, 'f'.repeat(length), 'f'.repeat(length))).toBe(false);
  });

  test('an x has points where OpenSSL finds one', () => {
    const { below } = createRandom(1);
    let found = 0;
    for (const { x } of points.slice(0, 60)) {
      expect(hasPointAt(curve, hex(x))).toBe(true);
      const other = hex(x ^ (1n << BigInt(below(fieldBits(curve) - 1))));
      expect(hasPointAt(curve, other)).toBe(hasRoot(name, other));
      if (hasRoot(name, other)) found++;
    }
    // Half of the numbers are squares.
    expect(found).toBeGreaterThan(10);
    expect(found).toBeLessThan(50);
    for (const x of [0n, 1n, 2n, 3n, p - 1n]) {
      expect(hasPointAt(curve, hex(x))).toBe(hasRoot(name, hex(x)));
    }
    for (const x of [p, p + 1n]) expect(hasPointAt(curve, hex(x))).toBe(false);
  });

  test('has its identifier', () => {
    expect(curveOf(identifierOf(curve))).toBe(curve);
    expect(curveOf('2b8104000a')).toBe(null);
    expect(isNist(curve)).toBe(curve.startsWith('P'));
  });
});
