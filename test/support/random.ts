/** Numbers that look random and are the same for the same seed. */
export interface Random {
  /** A whole number from 0 to one less than `limit`. */
  below: (limit: number) => number;
  pick: <T>(from: readonly T[]) => T;
}

/** mulberry32. */
export function createRandom(seed: number): Random {
  let state = seed;
  const below = (limit: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % limit;
  };
  return { below, pick: (from) => from[below(from.length)]! };
}
