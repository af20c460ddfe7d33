/** What is told of a series of numbers. */
export interface Spread {
  least: number;
  /** A quarter of the numbers is below. */
  low: number;
  median: number;
  /** A quarter of the numbers is above. */
  high: number;
  most: number;
}

/** @param numbers at least one */
export function spreadOf(numbers: number[]): Spread {
  const at = (share: number): number => quantileOf(numbers, share);
  return { least: at(0), low: at(0.25), median: at(0.5), high: at(0.75), most: at(1) };
}

/**
 * The number below which a share of the numbers is, from 0 to 1; between two of them where none stands at that place.
 *
 * @param numbers at least one
 */
export function quantileOf(numbers: number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const place = share * (sorted.length - 1);
  const [below = NaN, above = below] = sorted.slice(Math.floor(place));
  return below + (above - below) * (place % 1);
}
