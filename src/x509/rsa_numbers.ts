import { refuse } from '../engine/refusal';
import {
  type Limbs,
  compare,
  difference,
  isOne,
  limbsOf,
  product,
  ratioOf,
  remainder,
} from './bignum';

// Checks that the numbers of an RSA private key (RFC 8017, A.1.2) are those of one key. OpenSSL refuses a key whose numbers are longer
// than its modulus (ossl_rsa_check_factors, crypto/rsa/rsa_lib.c), and loads a key with any other damage.

/**
 * The longest modulus that is calculated with, in bits: that takes some 10 ms, and grows with the square of the length. Authorities
 * certify no longer keys.
 */
const LONGEST_BITS = 8192;

/**
 * The longest modulus with any exponent, in bits, and the longest exponent with any modulus. OpenSSL verifies no signature of keys
 * beyond both (OPENSSL_RSA_SMALL_MODULUS_BITS, OPENSSL_RSA_MAX_PUBEXP_BITS).
 */
const SMALL_MODULUS_BITS = 3072;
const SMALL_EXPONENT_BITS = 64;

/**
 * Checks the lengths of the numbers, and, where that does not take long, n = pq, e·d = 1 modulo p - 1 and q - 1, e·dP = 1 modulo
 * p - 1, e·dQ = 1 modulo q - 1, and q·qInv = 1 modulo p. Whether p and q are primes is not checked: damage does not leave n = pq.
 *
 * @param numbers n, e, d, p, q, dP, dQ and qInv, each in hex of whole bytes without zero bytes before it
 * @throws malformed
 */
export function expectOneKey(numbers: string[]): void {
  const longest = bitsOf(numbers[0] as string);
  if (numbers.some((number) => bitsOf(number) > longest)) {
    refuse('malformed', 'an RSA private key with a number longer than its modulus');
  }
  const isUsual =
    longest <= SMALL_MODULUS_BITS || bitsOf(numbers[1] as string) <= SMALL_EXPONENT_BITS;
  if (longest > LONGEST_BITS || !isUsual) return;
  const all = numbers.map(limbsOf) as Eight;
  const [n, , , p, q, , , qInv] = all;
  const isOneKey =
    !isOne(p) &&
    !isOne(q) &&
    compare(product(p, q), n) === 0 &&
    isOne(remainder(product(q, qInv), p)) &&
    areExponents(all);
  if (!isOneKey) {
    refuse('malformed', 'the numbers of the RSA private key do not belong together: it is damaged');
  }
}

type Eight = [Limbs, Limbs, Limbs, Limbs, Limbs, Limbs, Limbs, Limbs];

/** Whether dP undoes e modulo p - 1, dQ modulo q - 1, and d both. */
function areExponents(numbers: Eight): boolean {
  const [n, e, d, p, q, dP, dQ] = numbers;
  const [pLess1, qLess1] = [difference(p, [1]), difference(q, [1])];
  const order = difference(difference(n, p), qLess1);
  const undoes = (exponent: Limbs, modulus: Limbs): boolean =>
    isOne(remainder(product(e, exponent), modulus));
  if (!undoes(dP, pLess1) || !undoes(dQ, qLess1)) return false;
  const divisor = divisorOf(remainder(difference(product(e, d), [1]), order), order);
  const isCommon = divisor > 0 && isMultiple(pLess1, divisor) && isMultiple(qLess1, divisor);
  return isCommon || (undoes(d, pLess1) && undoes(d, qLess1));
}

function isMultiple(number: Limbs, divisor: number): boolean {
  return remainder(number, [divisor]).length === 0;
}

/** The largest divisor that is looked for. A thousandth of all keys have a larger one, and take three times as long. */
const LARGEST_DIVISOR = 1000;

/** How far from a whole number a ratio may be that is one but for rounding. */
const NEARLY = 1e-6;

/**
 * e·d - 1 is a multiple of (p - 1)(q - 1), or of that by a divisor that p - 1 and q - 1 have in common, which is small. To find it
 * takes a time that is linear in the length of the numbers, where e·d modulo p - 1 takes the square.
 *
 * @param rest of e·d - 1 modulo `order`
 * @param order (p - 1)(q - 1)
 * @returns the divisor by which `order` has to be divided to divide e·d - 1; 0 where none is found
 */
function divisorOf(rest: Limbs, order: Limbs): number {
  const ratio = ratioOf(rest, order);
  for (let divisor = 1; divisor <= LARGEST_DIVISOR; divisor++) {
    const multiple = ratio * divisor;
    if (Math.abs(multiple - Math.round(multiple)) > NEARLY) continue;
    return remainder(product(rest, [divisor]), order).length === 0 ? divisor : 0;
  }
  return 0;
}

/** The length in bits of a number in hex of whole bytes without zero bytes before it. */
function bitsOf(hex: string): number {
  return (hex.length - 2) * 4 + parseInt(hex.slice(0, 2), 16).toString(2).length;
}
