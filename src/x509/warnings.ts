import { type Certificate, dnsNames } from './certificate';
import type { Chain } from './chain';
import { ipAddresses, nameText } from './description';

// Says what a pair is served without, and what clients may refuse.

/** The most numbers in a sentence. */
const MOST_NUMBERS = 5;

/**
 * The warnings about a pair that is served: what was repaired in it, and what clients may refuse.
 *
 * @param leafNumber the number of the leaf in its file
 * @param keys how many private keys there were
 * @returns plain sentences, each of up to some 200 characters
 */
export function warningsOf(chain: Chain, leafNumber: number, keys: number): string[] {
  const leaf = chain.certificates[0] as Certificate;
  const warnings = chain.faults.map((fault) => `A certificate was left out: ${fault}.`);
  if (chain.leftOut.length > 0) warnings.push(leftOutText(chain.leftOut));
  if (keys > 1) warnings.push(`There are ${keys} private keys: the certificate's own was taken.`);
  if (!isAscending([leafNumber].concat(chain.numbers))) {
    warnings.push('The certificates were put in order: the leaf, then the issuer of each.');
  }
  if (!chain.hasIssuer) {
    warnings.push(
      `The certificate of the issuer, ${nameText(leaf.issuer)}, is not there: clients that do not have it refuse the connection.`,
    );
  }
  if (dnsNames(leaf).length === 0 && ipAddresses(leaf).length === 0) {
    warnings.push(
      'The certificate has no DNS name and no address as subjectAltName: browsers refuse it.',
    );
  }
  return warnings;
}

function isAscending(numbers: number[]): boolean {
  return numbers.every((number, i) => i === 0 || number > (numbers[i - 1] as number));
}

function leftOutText(numbers: number[]): string {
  const first = numbers.slice(0, MOST_NUMBERS).join(', ');
  if (numbers.length === 1) return `Certificate ${first} was left out: the chain does not need it.`;
  const more = numbers.length - MOST_NUMBERS;
  const all = more > 0 ? `${first} and ${more} more` : first;
  return `Certificates ${all} were left out: the chain does not need them.`;
}
