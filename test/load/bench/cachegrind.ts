/** What cachegrind counts, with a simulation of caches and of branch prediction. */
export interface Counts {
  instructions: number;
  /** Misses are of instructions and of data. */
  firstLevelMisses: number;
  lastLevelMisses: number;
  /** Branches are conditional and indirect ones. */
  mispredictions: number;
}

/** What each of them costs, in cycles: the weights of valgrind's own estimate. */
export const CYCLES: Counts = {
  instructions: 1,
  firstLevelMisses: 10,
  mispredictions: 10,
  lastLevelMisses: 100,
};

/** The names of cachegrind's events that make each of them up. */
const EVENTS: Record<keyof Counts, string[]> = {
  instructions: ['Ir'],
  firstLevelMisses: ['I1mr', 'D1mr', 'D1mw'],
  mispredictions: ['Bcm', 'Bim'],
  lastLevelMisses: ['ILmr', 'DLmr', 'DLmw'],
};

export const KINDS = Object.keys(CYCLES) as (keyof Counts)[];

/** Reads the totals of a file of cachegrind. Throws where they are missing: the program was killed, or nothing simulated. */
export function readCounts(text: string): Counts {
  const events = valuesOf(text, 'events');
  const sums = valuesOf(text, 'summary');
  return countsOf((kind) =>
    EVENTS[kind].reduce((sum, event) => {
      const value = Number(sums[events.indexOf(event)]);
      if (Number.isNaN(value)) throw new Error(`cachegrind did not count ${event}`);
      return sum + value;
    }, 0),
  );
}

/** Reads which caches were simulated: valgrind takes the sizes of those that the machine has. */
export function readCaches(text: string): string {
  return [...text.matchAll(/^desc: (.+ cache): +(.+?) *$/gm)]
    .map(([, cache, size]) => `${cache}: ${size}`)
    .join('; ');
}

/** What one handshake takes: of more of them, less those of a run with fewer, since both start and end nginx as well. */
export function perHandshake(more: Counts, fewer: Counts, handshakes: number): Counts {
  return countsOf((kind) => (more[kind] - fewer[kind]) / handshakes);
}

export function cyclesOf(counts: Counts): number {
  return KINDS.reduce((sum, kind) => sum + counts[kind] * CYCLES[kind], 0);
}

function countsOf(count: (kind: keyof Counts) => number): Counts {
  return {
    instructions: count('instructions'),
    firstLevelMisses: count('firstLevelMisses'),
    mispredictions: count('mispredictions'),
    lastLevelMisses: count('lastLevelMisses'),
  };
}

function valuesOf(text: string, head: string): string[] {
  return new RegExp(`^${head}: *(.+)$`, 'm').exec(text)?.[1]?.trim().split(/ +/) ?? [];
}
