import { createECDH } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import {
  type Curve,
  curveOf,
  fieldBytes,
  identifierOf,
  isOnCurve,
} from '../../../src/x509/ec_point.js';

const CURVES: [Curve, string, bigint][] = [
  ['P-256', 'prime256v1', 2n ** 256n - 2n ** 224n + 2n ** 192n + 2n ** 96n - 1n],
  ['P-384', 'secp384r1', 2n ** 384n - 2n ** 128n - 2n ** 96n + 2n ** 32n - 1n],
  ['P-521', 'secp521r1', 2n ** 521n - 1n],
];

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
      const bit = 1n << BigInt(i % (Number(curve.slice(2)) - 1));
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

  test('the square roots of b, where there are any, are on it at x = 0', () => {
    // x = 0 leaves y² = b: what OpenSSL makes of the compressed point decides.
    let y: string | null = null;
    try {
      const point = createECDH(name).constructor as unknown as {
        convertKey: (key: string, curve: string, i: 'hex', o: 'hex', f: 'uncompressed') => string;
      };
      y = point.convertKey('02' + hex(0n), name, 'hex', 'hex', 'uncompressed').slice(2 + length);
    } catch {
      // No root.
    }
    if (y !== null) expect(isOnCurve(curve, hex(0n), y)).toBe(true);
  });

  test('has its identifier', () => {
    expect(curveOf(identifierOf(curve))).toBe(curve);
    expect(curveOf('2b8104000a')).toBe(null);
  });
});
