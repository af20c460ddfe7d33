import { expect, test } from 'vitest';
import { History } from '../../load/history.js';
import { growthOf } from '../../load/memory.js';
import type { Outcome } from '../../load/outcome.js';
import { percentile, Tally } from '../../load/tally.js';
import { now } from '../../load/clock.js';
import { Windows } from '../../load/windows.js';

/** A tally of one name, whose version 1 was acknowledged at 0; the serial number is the version. */
function tallyOf(kills = new Windows()): Tally {
  const history = new History(0, 'a.example');
  history.issue('put', 0).acknowledgedAt = 0;
  history.issue('put', 100).acknowledgedAt = 110;
  const identify = (serial: string): { name: number; version: number } => ({
    name: 0,
    version: Number(serial),
  });
  return new Tally(identify, [history], kills, 0);
}

function outcome(more: Partial<Outcome>): Outcome {
  return { kind: 'full', name: 0, startedAt: 50, endedAt: 60, serial: '1', ...more };
}

test('good handshakes are counted by kind, and full ones with their latency in their second', () => {
  const tally = tallyOf();
  tally.note(outcome({}));
  tally.note(outcome({ startedAt: 2300, endedAt: 2345, serial: '2' }));
  tally.note(outcome({ kind: 'resumed', serial: '' }));
  tally.note(outcome({ kind: 'answer', serial: '' }));
  expect(tally.good).toEqual({ full: 2, resumed: 1, unknown: 0, answer: 1 });
  expect(tally.seconds.map(({ latencies }) => latencies)).toEqual([[10], [], [45]]);
  expect([tally.failures, tally.violations]).toEqual([0, 0]);
});

test.each(['full', 'unknown'] as const)(
  'a violation by a handshake is counted and told: %s',
  (kind) => {
    const tally = tallyOf();
    tally.note(outcome({ kind, startedAt: 110, endedAt: 120, serial: '1' }));
    expect(tally.violations).toBe(1);
    expect(tally.told.join()).toContain('version 1, where 2 was acknowledged');
  },
);

test.each(['full', 'resumed', 'unknown', 'answer'] as const)('a failure is counted: %s', (kind) => {
  const tally = tallyOf();
  tally.note(outcome({ kind, serial: '', error: 'alert' }));
  expect([tally.failures, tally.resets]).toEqual([1, 0]);
  expect(tally.told).toEqual([`a.example (${kind}): failed: alert`]);
});

test('a failure counts apart exactly where the connection was open when a worker was killed', () => {
  const kills = new Windows();
  const before = now();
  const close = kills.open();
  const during = now();
  close();
  const after = now();
  const tally = tallyOf(kills);
  const fail = (startedAt: number, endedAt: number): void => {
    tally.note(outcome({ startedAt, endedAt, serial: '', error: 'reset' }));
  };
  fail(before - 10, before - 1);
  fail(after + 1, after + 10);
  expect([tally.failures, tally.resets]).toEqual([2, 0]);
  fail(before - 10, during);
  fail(during, after + 10);
  expect([tally.failures, tally.resets]).toEqual([2, 2]);
});

test('what is served wrong while a worker is killed is a violation all the same', () => {
  const kills = new Windows();
  kills.open();
  const tally = tallyOf(kills);
  tally.note(outcome({ startedAt: now(), endedAt: now() + 1, serial: '1' }));
  expect(tally.violations).toBe(1);
});

test('percentiles', () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  expect([0.5, 0.99, 1].map((share) => percentile(values, share))).toEqual([51, 100, 100]);
  expect(percentile([], 0.5)).toBe(0);
});

test('memory is flat where it does not grow, and nothing is said of a worker that was seen too little', () => {
  const samples = (
    pid: number,
    count: number,
    growth: number,
  ): { pid: number; at: number; kib: number }[] =>
    Array.from({ length: count }, (_, i) => ({ pid, at: i, kib: Math.round(10_000 + i * growth) }));
  const all = [...samples(1, 40, 0), ...samples(2, 40, 100), ...samples(3, 5, 50)];
  expect(growthOf(all, 0, 100).map(({ pid, isFlat }) => [pid, isFlat])).toEqual([
    [1, true],
    [2, false],
  ]);
});
