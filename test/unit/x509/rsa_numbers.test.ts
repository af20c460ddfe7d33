import { generateKeyPairSync, generatePrimeSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { expectOneKey } from '../../../src/x509/rsa_numbers.js';

const NAMES = ['n', 'e', 'd', 'p', 'q', 'dP', 'dQ', 'qInv'] as const;
type Name = (typeof NAMES)[number];
type Numbers = Record<Name, bigint>;

const damaged: unknown = expect.objectContaining({
  code: 'malformed',
  message: expect.stringContaining('do not belong together') as unknown,
});
const tooLong: unknown = expect.objectContaining({
  code: 'malformed',
  message: expect.stringContaining('longer than its modulus') as unknown,
});

function hexOf(value: bigint): string {
  const hex = value.toString(16);
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}

function check(numbers: Numbers): void {
  expectOneKey(NAMES.map((name) => hexOf(numbers[name])));
}

function makeKey(modulusLength: number, publicExponent = 65537): Numbers {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength, publicExponent });
  const { n, e, d, p, q, dp, dq, qi } = privateKey.export({ format: 'jwk' });
  const [nn, ee, dd, pp, qq, dP, dQ, qInv] = [n, e, d, p, q, dp, dq, qi].map((text) =>
    BigInt(`0x${Buffer.from(text!, 'base64url').toString('hex')}`),
  ) as [bigint, bigint, bigint, bigint, bigint, bigint, bigint, bigint];
  return { n: nn, e: ee, d: dd, p: pp, q: qq, dP, dQ, qInv };
}

const gcd = (a: bigint, b: bigint): bigint => (b === 0n ? a : gcd(b, a % b));

function power(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let [result, square] = [1n, base % modulus];
  for (let left = exponent; left > 0n; left >>= 1n) {
    if (left % 2n === 1n) result = (result * square) % modulus;
    square = (square * square) % modulus;
  }
  return result;
}

/** The inverse of `a` modulo `m`, by Euclid. */
function inverse(a: bigint, m: bigint): bigint {
  let [r, next, s, nextS] = [m, a % m, 0n, 1n];
  while (next > 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [s, nextS] = [nextS, s - quotient * nextS];
  }
  return ((s % m) + m) % m;
}

const keys = [2048, 2049, 3072, 4096].map((bits) => makeKey(bits));
const key = keys[0]!;

describe('the numbers of one key', () => {
  test.each(keys.map((each) => [each.n.toString(2).length, each] as const))(
    '%i bits',
    (_, each) => {
      check(each);
    },
  );

  test.each([3, 17, 2 ** 32 - 1])('a public exponent of %i', (exponent) => {
    check(makeKey(2048, exponent));
  });

  test('a public exponent as long as the modulus', () => {
    const { p, q } = key;
    const e = (1n << 2000n) + 1n;
    const order = (p - 1n) * (q - 1n);
    const usable = [...Array(1000).keys()]
      .map((i) => e + 2n * BigInt(i))
      .find((each) => gcd(each, order) === 1n)!;
    const d = inverse(usable, order);
    check({ ...key, e: usable, d, dP: d % (p - 1n), dQ: d % (q - 1n) });
  });

  test('a private exponent modulo (p - 1)(q - 1), and one modulo the least common multiple of both', () => {
    const { e, p, q } = key;
    const order = (p - 1n) * (q - 1n);
    check({ ...key, d: inverse(e, order) });
    check({ ...key, d: inverse(e, order / gcd(p - 1n, q - 1n)) });
  });

  test('primes whose p - 1 and q - 1 have a large divisor in common', () => {
    const add = 2n * 10007n;
    const [p, q] = [0, 0].map(() => generatePrimeSync(1024, { add, rem: 1n, bigint: true })) as [
      bigint,
      bigint,
    ];
    const e = 65537n;
    const order = (p - 1n) * (q - 1n);
    const d = inverse(e, order / gcd(p - 1n, q - 1n));
    expect((d * e) % order).not.toBe(1n);
    const own = { n: p * q, e, p, q, dP: d % (p - 1n), dQ: d % (q - 1n), qInv: inverse(q, p) };
    check({ ...own, d });
    check({ ...own, d: inverse(e, order) });
    expect(() => {
      check({ ...own, d: d ^ 1024n });
    }).toThrow(damaged);
  });

  test('the smaller prime first', () => {
    const { p, q, dP, dQ } = key;
    const turned = { ...key, p: q, q: p, dP: dQ, dQ: dP, qInv: inverse(p, q) };
    check(turned);
    expect(() => {
      check({ ...turned, qInv: key.qInv });
    }).toThrow(damaged);
  });

  test('numbers that were made for these tests are right', () => {
    const { n, e, d, p, q } = key;
    expect(p * q).toBe(n);
    expect(power(power(123n, e, n), d, n)).toBe(123n);
  });
});

describe('damage', () => {
  test.each(NAMES)('one bit of %s, wherever it is', (name) => {
    const bits = key[name].toString(2).length;
    for (let bit = 0; bit < bits - 1; bit += name === 'e' ? 1 : 13) {
      expect(() => {
        check({ ...key, [name]: key[name] ^ (1n << BigInt(bit)) });
      }, `${name}, bit ${bit}`).toThrow(damaged);
    }
  });

  test.each(NAMES)('a byte of %s less', (name) => {
    const number = key[name];
    if (name === 'n') return;
    expect(() => {
      check({ ...key, [name]: number >> 8n });
    }).toThrow(damaged);
    expect(() => {
      check({ ...key, [name]: number % (1n << BigInt(number.toString(2).length - 9)) });
    }).toThrow(damaged);
  });

  test.each(NAMES)("another key's %s", (name) => {
    const other = makeKey(2048, 3);
    expect(() => {
      check({ ...key, [name]: other[name] });
    }).toThrow(damaged);
  });

  test('a prime of 1, and the modulus for the other one', () => {
    expect(() => {
      check({ ...key, p: 1n, q: key.n });
    }).toThrow(damaged);
    expect(() => {
      check({ ...key, p: key.n, q: 1n });
    }).toThrow(damaged);
  });

  test('d and dP that are right for themselves, and not for one another', () => {
    const { e, p, q } = key;
    // It undoes e modulo q - 1 alone.
    const d = inverse(e, q - 1n);
    expect(d % (p - 1n)).not.toBe(key.dP);
    expect(() => {
      check({ ...key, d });
    }).toThrow(damaged);
  });
});

describe('a number longer than the modulus', () => {
  test.each(['e', 'd', 'p', 'q', 'dP', 'dQ', 'qInv'] as const)('%s', (name) => {
    expect(() => {
      check({ ...key, [name]: key[name] + (1n << 2048n) });
    }).toThrow(tooLong);
    // Still right modulo p - 1 or q - 1.
    const { p, q } = key;
    const multiple = (p - 1n) * (q - 1n) * (1n << 8n);
    if (name === 'd') {
      expect(() => {
        check({ ...key, d: key.d + multiple });
      }).toThrow(tooLong);
    }
  });
});

test('a long modulus with a long exponent, which no client takes: the lengths alone', () => {
  const long = keys[3]!;
  check({ ...long, e: (1n << 65n) + 1n });
  expect(() => {
    check({ ...long, e: (1n << 63n) + 1n });
  }).toThrow(damaged);
});

test('longer keys than authorities certify: the lengths alone', () => {
  const odd = (bits: number): bigint => (1n << BigInt(bits - 1)) + 1n;
  const long: Numbers = {
    n: odd(8193),
    e: 65537n,
    d: odd(8193),
    p: 3n,
    q: 5n,
    dP: 1n,
    dQ: 1n,
    qInv: 1n,
  };
  check(long);
  expect(() => {
    check({ ...long, d: odd(8194) });
  }).toThrow(tooLong);
  expect(() => {
    check({ ...long, n: odd(8192), d: odd(8192) });
  }).toThrow(damaged);
});
