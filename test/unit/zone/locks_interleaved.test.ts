import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { timestamp } from '../../../src/engine/clock.js';
import { isRunning } from '../../../src/engine/worker.js';
import type { Zone } from '../../../src/zone/dict.js';
import { isLocked, tryLock, unlock } from '../../../src/zone/locks.js';
import { FakeZone } from '../../support/fake_zone.js';
import { eachInterleaving, runAs, type State, type Worker } from '../../support/interleavings.js';

// Workers come to one lock, with their steps in every order.

const SLOT = 'a.example';
const KEY = `#lock:${SLOT}`;
const NOW = Date.UTC(2026, 0, 1);
/** The worker that has died with the lock, or is too slow with it. */
const OLD = 9;
const OLD_TICKET = `${NOW}:${OLD}:x`;
const PIDS = [1, 2, 3];

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

const INSIDE = 'inside ';

/** Tries once for the lock, and gives it back. */
const worker = (pid: number): Worker => ({
  pid,
  run: (zone, mark) => {
    const result = tryLock(zone, SLOT);
    if (result.state !== 'locked') return;
    mark(INSIDE + result.ticket);
    mark('');
    unlock(zone, SLOT, result.ticket);
  },
});

function zoneOf({ values }: State): Zone {
  const zone = new FakeZone();
  for (const [key, value] of values) zone.set(key, value);
  return zone;
}

/** The tickets of those who think that they have the lock. */
const inside = ({ marks }: State): string[] =>
  marks.filter((mark) => mark.startsWith(INSIDE)).map((mark) => mark.slice(INSIDE.length));

/** Expects that there is at most one, and that the lock is its. */
function expectOneHolder(state: State): void {
  const tickets = inside(state);
  if (tickets.length > 1) throw new Error(`two holders: ${tickets.join(', ')}`);
  for (const ticket of tickets) {
    if (!isLocked(zoneOf(state), SLOT, ticket)) throw new Error(`${ticket} has lost it`);
  }
}

/** Whether a worker gets the lock that comes when all others have died. */
function isToBeHad(state: State): boolean {
  const zone = zoneOf(state);
  const dead = [OLD, ...PIDS];
  let isHad = false;
  const now = <T>(work: () => T): T => work();
  runAs(4, dead, now, () => {
    // The first try may find a chain that was just removed.
    for (let i = 0; i < 2 && !isHad; i++) isHad = tryLock(zone, SLOT).state === 'locked';
  });
  return isHad;
}

describe('at most one worker has the lock', () => {
  test.each([
    ['of three, that is free', 3, {}],
    ['of three, whose holder has died', 3, { [KEY]: OLD_TICKET }],
    [
      'of two, that was broken by another one that has died',
      2,
      { [KEY]: OLD_TICKET, [`#broken:${SLOT} ${OLD_TICKET}`]: `${NOW}:${OLD}:y` },
    ],
  ])('%s', (_, number, values: Record<string, string>) => {
    let most = 0;
    const workers = PIDS.slice(0, number).map(worker);
    const count = eachInterleaving(workers, { values, dead: [OLD] }, (state) => {
      expectOneHolder(state);
      most = Math.max(most, inside(state).length);
      if (state.isOver) expect([...state.values.keys()]).toEqual([]);
    });
    expect(most).toBe(1);
    expect(count).toBeGreaterThan(100);
  });

  test('of two, whose holder has died, though one of them is killed at any time; the next one gets it', () => {
    const options = { values: { [KEY]: OLD_TICKET }, dead: [OLD], kills: 1 };
    let ends = 0;
    eachInterleaving(PIDS.slice(0, 2).map(worker), options, (state) => {
      const alive = state.marks.filter((__, i) => !state.dead.includes(PIDS[i]!));
      expectOneHolder({ ...state, marks: alive });
      if (!state.isOver) return;
      ends++;
      expect(isToBeHad(state)).toBe(true);
    });
    expect(ends).toBeGreaterThan(10);
  });

  test('of three, whose holder is slow, and gives it back when it is theirs', () => {
    vi.setSystemTime(NOW + 5000);
    const slow: Worker = {
      pid: OLD,
      run: (zone) => {
        unlock(zone, SLOT, OLD_TICKET);
      },
    };
    const workers = [slow, ...PIDS.slice(0, 2).map(worker)];
    let most = 0;
    eachInterleaving(workers, { values: { [KEY]: OLD_TICKET } }, (state) => {
      expectOneHolder(state);
      most = Math.max(most, inside(state).length);
      if (state.isOver) expect([...state.values.keys()]).toEqual([]);
    });
    expect(most).toBe(1);
  });
});

test('an order of steps that lets two have it is found', () => {
  // What is popped may be another one's by then, and the lock is free until it is put back.
  const popping = (pid: number): Worker => ({
    pid,
    run: (zone, mark) => {
      const ticket = `${timestamp()}:${pid}:z`;
      if (!zone.add(KEY, ticket)) {
        const holder = zone.get(KEY);
        if (holder === undefined || isRunning(+holder.split(':')[1]!)) return;
        const popped = zone.pop(KEY);
        if (popped !== undefined && popped !== holder) zone.add(KEY, popped);
        if (!zone.add(KEY, ticket)) return;
      }
      mark(INSIDE + ticket);
    },
  });
  const options = { values: { [KEY]: OLD_TICKET }, dead: [OLD] };
  expect(() => eachInterleaving(PIDS.map(popping), options, expectOneHolder)).toThrow(
    /two holders|has lost it/,
  );
});
