import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

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
} from '../../../src/x509/bignum.js';

const LIMB_BITS = 22n;

const valueOf = (limbs: Limbs): bigint =>
  limbs.reduceRight((value, limb) => (value << LIMB_BITS) + BigInt(limb), 0n);

const limbs = (value: bigint): Limbs => {
  const hex = value.toString(16);
  return limbsOf(hex.length % 2 === 0 ? hex : `0${hex}`);
};

/** Expects limbs that are within their bounds, without zeros at the top. */
function expectValue(result: Limbs, value: bigint): void {
  expect(valueOf(result)).toBe(value);
  expect(result.every((limb) => limb >= 0 && limb < 2 ** Number(LIMB_BITS))).toBe(true);
  expect(result.at(-1)).not.toBe(0);
}

/** Numbers of up to some bits, among them those with long runs of ones or zeros. */
const number = (bits: number): fc.Arbitrary<bigint> =>
  fc.oneof(
    fc.bigInt({ min: 0n, max: (1n << BigInt(bits)) - 1n }),
    fc.nat(bits).map((power) => 1n << BigInt(power)),
    fc.nat(bits).map((power) => (1n << BigInt(power)) - 1n),
  );

describe('as BigInt has it', () => {
  test.each([64, 700, 4200])('numbers of up to %i bits', (bits) => {
    fc.assert(
      fc.property(number(bits), number(bits / 2), (a, b) => {
        const [left, right] = [limbs(a), limbs(b)];
        expectValue(left, a);
        expectValue(sum(left, right), a + b);
        expectValue(product(left, right), a * b);
        expect(Math.sign(compare(left, right))).toBe(a === b ? 0 : a < b ? -1 : 1);
        if (a >= b) expectValue(difference(left, right), a - b);
        if (b > 0n) expectValue(remainder(left, right), a % b);
        expect(isOne(left)).toBe(a === 1n);
      }),
      { numRuns: 500 },
    );
  });

  test('what is a multiple, or next to one', () => {
    fc.assert(
      fc.property(number(1100), number(1100), fc.integer({ min: -1, max: 1 }), (a, b, by) => {
        const near = a * b + BigInt(by);
        fc.pre(b > 0n && near >= 0n);
        expectValue(remainder(limbs(near), limbs(b)), near % b);
      }),
    );
  });

  test('the longest numbers that are allowed', () => {
    for (const b of [(1n << 11263n) + 1n, (1n << 11264n) - 1n, (1n << 11264n) / 3n]) {
      expectValue(product(limbs(b), limbs(b)), b * b);
      expectValue(remainder(limbs(b * b - 1n), limbs(b)), b - 1n);
      expectValue(remainder(limbs((1n << 22528n) - 1n), limbs(b)), ((1n << 22528n) - 1n) % b);
    }
  });

  test('zeros at the low end', () => {
    fc.assert(
      fc.property(number(300), fc.nat(70), (a, by) => {
        fc.pre(a > 0n);
        const shifted = limbs(a << BigInt(by));
        const zeros = trailingZeros(shifted);
        expect((a << BigInt(by)) % (1n << BigInt(zeros))).toBe(0n);
        expect(zeros === 22 || ((a << BigInt(by)) >> BigInt(zeros)) % 2n === 1n).toBe(true);
        expectValue(shiftRight(shifted, zeros), (a << BigInt(by)) >> BigInt(zeros));
      }),
    );
  });
});
