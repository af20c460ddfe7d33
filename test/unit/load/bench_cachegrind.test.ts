import { expect, test } from 'vitest';
import {
  cyclesOf,
  perHandshake,
  readCaches,
  readCounts,
  type Counts,
} from '../../load/bench/cachegrind.js';

/** A file of cachegrind in which each event has a digit of its own. */
const FILE = `desc: I1 cache:         32768 B, 64 B, 8-way associative
desc: D1 cache:         32768 B, 64 B, 8-way associative
desc: LL cache:         33554432 B, 64 B, direct-mapped
cmd: nginx -c /run/nginx/counted-ec.conf
events: Ir I1mr ILmr Dr D1mr DLmr Dw D1mw DLmw Bc Bcm Bi Bim
fl=???
fn=malloc
0 999 9 9 999 9 9 999 9 9 999 9 999 9
summary: 5000000 1 100 7000000 20 2000 7000000 300 40000 7000000 4 7000000 50
`;

const COUNTS: Counts = {
  instructions: 5_000_000,
  firstLevelMisses: 321,
  lastLevelMisses: 42_100,
  mispredictions: 54,
};

test('the totals of a file are read: misses of instructions, reads and writes, both kinds of branches', () => {
  expect(readCounts(FILE)).toEqual(COUNTS);
});

test('events are found by name, in whatever order they stand', () => {
  expect(
    readCounts(
      'events: Bim Bcm DLmw D1mw DLmr D1mr ILmr I1mr Ir\nsummary: 50 4 40000 300 2000 20 100 1 5000000\n',
    ),
  ).toEqual(COUNTS);
});

test('a file without totals, or without a simulation, is refused', () => {
  expect(() => readCounts('')).toThrow('did not count Ir');
  expect(() => readCounts(FILE.replace(/^summary.*\n/m, ''))).toThrow('did not count Ir');
  expect(() => readCounts('events: Ir\nsummary: 5000000\n')).toThrow('did not count I1mr');
});

test('the caches that were simulated are told', () => {
  expect(readCaches(FILE)).toBe(
    'I1 cache: 32768 B, 64 B, 8-way associative; D1 cache: 32768 B, 64 B, 8-way associative; ' +
      'LL cache: 33554432 B, 64 B, direct-mapped',
  );
});

test('a cycle for each instruction, 10 for a first-level miss or a misprediction, 100 for a last-level miss', () => {
  expect(cyclesOf(COUNTS)).toBe(5_000_000 + 3210 + 540 + 4_210_000);
});

test('a handshake is what a run with more of them takes beyond one with fewer: the start of nginx is left out', () => {
  const start = {
    instructions: 9e6,
    firstLevelMisses: 9e5,
    lastLevelMisses: 9e4,
    mispredictions: 9,
  };
  const after = (handshakes: number): Counts => ({
    instructions: start.instructions + handshakes * COUNTS.instructions,
    firstLevelMisses: start.firstLevelMisses + handshakes * COUNTS.firstLevelMisses,
    lastLevelMisses: start.lastLevelMisses + handshakes * COUNTS.lastLevelMisses,
    mispredictions: start.mispredictions + handshakes * COUNTS.mispredictions,
  });
  expect(perHandshake(after(100), after(20), 80)).toEqual(COUNTS);
});
