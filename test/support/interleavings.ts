import { vi } from 'vitest';
import type { Zone } from '../../src/zone/dict.js';
import { FakeZone } from './fake_zone.js';

// Runs workers over one zone in every order in which their steps may come. A step is a call of the zone, a look whether a process
// runs, or a mark. The code of a worker is synchronous: it is run again from its beginning for each step, with the results of those
// before, so it has to do the same each time.

/** Stops the code of a worker after a step. */
class Stop extends Error {}

export interface Worker {
  pid: number;
  /** @param mark makes a step that says where the worker is */
  run: (zone: Zone, mark: (where: string) => void) => void;
}

export interface State {
  /** The content of the zone. */
  values: Map<string, string>;
  /** Where each worker is, by its last mark. */
  marks: string[];
  /** The workers that were killed. */
  dead: number[];
  isOver: boolean;
}

interface Internal extends State {
  /** The results of each worker's steps. */
  results: unknown[][];
  done: boolean[];
}

export interface Options {
  /** What the zone has at first. */
  values?: Record<string, string>;
  /** The processes that do not run at first. */
  dead?: number[];
  /** How many workers may be killed, each between any two steps. */
  kills?: number;
}

/** Calls `check` with every state that the workers can come to. Returns their number. */
export function eachInterleaving(
  workers: Worker[],
  { values = {}, dead = [], kills = 0 }: Options,
  check: (state: State) => void,
): number {
  const first: Internal = {
    values: new Map(Object.entries(values)),
    marks: workers.map(() => ''),
    dead,
    isOver: false,
    results: workers.map(() => []),
    done: workers.map(() => false),
  };
  const seen = new Set<string>();
  const open = [first];
  for (let state = open.pop(); state; state = open.pop()) {
    const { results, done } = state;
    const key = JSON.stringify([[...state.values].sort(), results, done, state.dead]);
    if (seen.has(key)) continue;
    seen.add(key);
    const running = workers.filter(({ pid }, i) => !done[i] && !state.dead.includes(pid));
    state.isOver = running.length === 0;
    check(state);
    for (const worker of running) {
      open.push(afterStep(state, workers, worker));
      if (state.dead.length - dead.length < kills) {
        open.push({ ...state, dead: [...state.dead, worker.pid] });
      }
    }
  }
  return seen.size;
}

function afterStep(state: Internal, workers: Worker[], worker: Worker): Internal {
  const at = workers.indexOf(worker);
  const zone = new FakeZone();
  for (const [key, value] of state.values) zone.set(key, value);
  const results = [...state.results[at]!];
  const marks = [...state.marks];
  const before = results.length;
  let steps = 0;
  let isStopped = false;
  const step = <T>(work: () => T): T => {
    // The code may catch it.
    isStopped = steps > before;
    if (isStopped) throw new Stop();
    if (steps === before) results.push(work());
    return results[steps++] as T;
  };
  const stepped: Partial<FakeZone> = {
    add: (key, value) => step(() => zone.add(key, value)),
    // JSON has no undefined.
    get: (key) => step(() => zone.get(key) ?? null) ?? undefined,
    pop: (key) => step(() => zone.pop(key) ?? null) ?? undefined,
    delete: (key) => step(() => zone.delete(key)),
  };
  const isAtEnd = runAs(worker.pid, state.dead, step, () => {
    worker.run(stepped as Zone, (where) => {
      step(() => (marks[at] = where));
    });
  });
  return {
    ...state,
    values: zone.values,
    marks,
    results: state.results.map((one, i) => (i === at ? results : one)),
    done: state.done.map((one, i) => (i === at ? isAtEnd && !isStopped : one)),
  };
}

/**
 * Runs code as a process.
 *
 * @returns whether it came to its end
 */
export function runAs(
  pid: number,
  dead: number[],
  step: <T>(work: () => T) => T,
  run: () => void,
): boolean {
  let drawn = 0;
  const mocks = [
    vi.spyOn(process, 'pid', 'get').mockReturnValue(pid),
    vi.spyOn(Math, 'random').mockImplementation(() => ++drawn / 100),
    vi.spyOn(process, 'kill').mockImplementation((other) => {
      if (step(() => dead.includes(other))) throw new Error('kill failed with (3:No such process)');
      return true;
    }),
  ];
  try {
    run();
    return true;
  } catch (e) {
    if (e instanceof Stop) return false;
    throw e;
  } finally {
    for (const mock of mocks) mock.mockRestore();
  }
}
