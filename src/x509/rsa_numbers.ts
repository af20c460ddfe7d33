import { refuse } from '../engine/refusal';
import { type Limbs, compare, difference, isOne, limbsOf, product, remainder } from './bignum';

// Checks that the numbers of an RSA private key (RFC 8017, A.1.2) are those of one key. OpenSSL refuses a key whose numbers are longer
// than its modulus (ossl_rsa_check_factors, crypto/rsa/rsa_lib.c), and takes any other damage: it signs with the damaged numbers.

/**
 * The longest modulus that is calculated with, in bits. The time grows with the square of the length, and no authority certifies
 * longer keys.
 */
const LONGEST_BITS = 8192;

/**
 * Checks the lengths of the numbers, and then n = pq, e·d = e·dP = 1 modulo p - 1, e·d = e·dQ = 1 modulo q - 1, and q·qInv = 1 modulo
 * p. Whether p and q are primes is not checked: damage does not leave n = pq.
 *
 * @param numbers n, e, d, p, q, dP, dQ and qInv, each in hex of whole bytes without zero bytes before it
 * @throws malformed
 */
export function expectOneKey(numbers: string[]): void {
  const longest = bitsOf(numbers[0] as string);
  if (numbers.slice(2).some((number) => bitsOf(number) > longest)) {
    refuse('malformed', 'an RSA private key with a number longer than its modulus');
  }
  if (longest > LONGEST_BITS) return;
  const [n, e, d, p, q, dP, dQ, qInv] = numbers.map(limbsOf) as Eight;
  const isOneKey =
    compare(product(p, q), n) === 0 &&
    areExponents(e, d, dP, p) &&
    areExponents(e, d, dQ, q) &&
    isOne(remainder(product(q, qInv), p));
  if (!isOneKey) {
    refuse('malformed', 'the numbers of the RSA private key do not belong together: it is damaged');
  }
}

type Eight = [Limbs, Limbs, Limbs, Limbs, Limbs, Limbs, Limbs, Limbs];

/** Whether d, and what is left of it modulo prime - 1, undo e. */
function areExponents(e: Limbs, d: Limbs, left: Limbs, prime: Limbs): boolean {
  const order = difference(prime, [1]);
  if (order.length === 0) return false;
  const reduced = remainder(d, order);
  return (
    compare(reduced, remainder(left, order)) === 0 && isOne(remainder(product(e, reduced), order))
  );
}

/** The length in bits of a number in hex of whole bytes without zero bytes before it. */
function bitsOf(hex: string): number {
  return (hex.length - 2) * 4 + parseInt(hex.slice(0, 2), 16).toString(2).length;
}
