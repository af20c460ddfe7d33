/** All names are of one length, so that one certificate can be made of another: see leaves.ts. */
const DIGITS = 6;

export const MOST_NAMES = 10 ** DIGITS;

export function nameOf(index: number): string {
  return `n${index.toString().padStart(DIGITS, '0')}.scale.example`;
}

/** Some of the names, evenly spread over all. */
export function sampleOf(names: number, size: number): string[] {
  const count = Math.min(names, size);
  return Array.from({ length: count }, (_, i) => nameOf(Math.floor((i * names) / count)));
}

export function count(names: number): string {
  return `${names.toLocaleString('en')} names`;
}
