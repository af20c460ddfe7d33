import { expect, test } from 'vitest';
import type { FigureName } from '../../load/scale/figures.js';
import { Measurements } from '../../load/scale/measurements.js';
import { figures } from '../../load/scale/report.js';
import { isReached, targetsOf, type Target } from '../../load/scale/targets.js';

/** Measures a subject thrice, with this median. */
function measured(
  measurements: Measurements,
  figure: FigureName,
  subject: string,
  median: number,
  { names = 10_000, way = '' } = {},
): void {
  for (const share of [0.5, 9, 1]) {
    measurements.add({ figure, subject, names, way }, median * share);
  }
}

/** What all targets are about, with every one of them reached by a hair. */
function reached(): Measurements {
  const all = new Measurements();
  for (const names of [1000, 10_000, 100_000]) measured(all, 'configuration', 'njs', 50, { names });
  measured(all, 'renewal', 'static', 500, { way: 'reload' });
  measured(all, 'renewal', 'njs', 5, { way: 'clear' });
  measured(all, 'renewal', 'njs', 4, { way: 'put' });
  measured(all, 'renewal', 'haproxy', 4, { way: 'commit' });
  for (const figure of ['workerRss', 'workerPss'] as const) {
    measured(all, figure, 'static', 500);
    measured(all, figure, 'njs', 100);
  }
  for (const figure of ['clear', 'handshakeOne', 'handshakeMany'] as const) {
    measured(all, figure, 'njs', 100, { names: 1000 });
    measured(all, figure, 'njs', 110, { names: 100_000 });
  }
  return all;
}

function missed(measurements: Measurements): Target[] {
  return targetsOf(measurements).filter((target) => !isReached(target));
}

test('what is just good enough is reached: each target is judged once, by the median', () => {
  const targets = targetsOf(reached());
  expect(targets.filter((target) => !isReached(target))).toEqual([]);
  expect(targets).toHaveLength(3 + 2 + 1 + 2 + 3);
});

/** Each makes one figure of `reached` a little worse. */
const WORSE: [figure: FigureName, subject: string, median: number, names: number, way: string][] = [
  ['configuration', 'njs', 51, 100_000, ''],
  ['renewal', 'njs', 5.1, 10_000, 'clear'],
  ['renewal', 'njs', 4.1, 10_000, 'put'],
  ['renewal', 'haproxy', 3.9, 10_000, 'commit'],
  ['workerRss', 'njs', 101, 10_000, ''],
  ['workerPss', 'njs', 101, 10_000, ''],
  ['clear', 'njs', 111, 100_000, ''],
  ['handshakeOne', 'njs', 111, 100_000, ''],
  ['handshakeMany', 'njs', 111, 100_000, ''],
];

test.each(WORSE)('a miss is told: %s, %s', (figure, subject, median, names, way) => {
  const all = reached();
  const series = all.series.find(
    (one) =>
      one.figure === figure && one.subject === subject && one.names === names && one.way === way,
  )!;
  series.values = [median];
  expect(missed(all)).toHaveLength(1);
  expect(report(all)).toContain('| **missed** |');
});

test('a reload that is not slow enough misses both targets that are about it', () => {
  const all = reached();
  all.series.find(({ way }) => way === 'reload')!.values = [399];
  expect(missed(all)).toHaveLength(2);
});

test('of what was not measured nothing is said', () => {
  expect(targetsOf(new Measurements())).toEqual([]);
  const all = new Measurements();
  measured(all, 'clear', 'njs', 100, { names: 1000 });
  expect(targetsOf(all)).toEqual([]);
});

test('a report has the medians, with the quarters around them, by subject and number of names', () => {
  const lines = report(reached()).split('\n');
  expect(lines).toContain('| ms | 1,000 names | 10,000 names | 100,000 names |');
  expect(lines).toContain(
    '| this bundle, njs | 50 (38 to 250) | 50 (38 to 250) | 50 (38 to 250) |',
  );
  expect(lines).toContain('| this bundle, njs: put | 4.0 (3.0 to 20.0) |');
  expect(lines.filter((line) => line.endsWith('| reached |'))).toHaveLength(11);
});

function report(measurements: Measurements): string {
  return figures({ machine: [], rounds: 3, sizes: [1000, 10_000, 100_000], measurements });
}
