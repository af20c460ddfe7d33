import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { CONFIGURATIONS, type Configuration } from '../../load/bench/configurations.js';
import type { Cycles } from '../../load/bench/cycles.js';
import { figures, writeReport, type Result } from '../../load/bench/report.js';
import type { Series } from '../../load/bench/rounds.js';
import { SITES } from '../../load/bench/sites.js';

const [P256, RSA] = SITES as [(typeof SITES)[0], (typeof SITES)[0]];

/** Cycles of both kinds of certificate: so many times those of a static one. */
function counted(name: string, p256: number, rsa: number): Cycles[] {
  const one = { configuration: called(name), caches: 'I1 cache: 1 B' };
  const few = { firstLevelMisses: 0, mispredictions: 0 };
  return [
    {
      ...one,
      site: P256,
      counts: { ...few, instructions: p256 * 2e6, lastLevelMisses: p256 * 1e4 },
    },
    { ...one, site: RSA, counts: { ...few, instructions: rsa * 9e6, lastLevelMisses: rsa * 1e4 } },
  ];
}

/** CPU time with P-256: so many times that of a static certificate, in each of some rounds. */
function timed(name: string, ratios: number[]): Series {
  const measurements = ratios.map((cpuUs) => ({ cpuUs, staticUs: 1, handshakes: 100 }));
  return { configuration: called(name), site: P256, how: 'X25519', measurements };
}

function called(name: string): Configuration {
  return CONFIGURATIONS.find((one) => one.name === name)!;
}

const ALL: Result = {
  machine: [['CPU', 'one']],
  options: { rounds: 2, seconds: 1 },
  cycles: [
    ...counted('static', 1, 1),
    ...counted('pair-njs-cache', 1.05, 1.02),
    ...counted('1.26-static', 2, 2),
    ...counted('1.26-pair', 3, 2.5),
  ],
  series: [
    timed('static-again', [0.9, 1.1]),
    timed('pair-njs-cache', [1.05, 1.07]),
    timed('pair-qjs-cache', [1.05, 1.05]),
  ],
  misses: [{ configuration: called('pair-njs-cache'), site: P256, cpuUs: [700, 800] }],
};

let directory = '';
beforeEach(() => (directory = mkdtempSync(join(tmpdir(), 'bench-report-'))));
afterEach(() => {
  rmSync(directory, { recursive: true });
});

test('a report leads with cycles: table, targets, then CPU time with what it is worth; so do plots and JSON', () => {
  writeReport(directory, ALL);
  const report = readFileSync(join(directory, 'report.md'), 'utf8');
  expect(report.match(/^(## |!\[|\*\*The machine).*/gm)).toEqual([
    '## Cycles of a handshake',
    '## Targets',
    '## Worker CPU time of a handshake',
    '**The machine was not quiet.** Half of the ratios of a static certificate to itself (ECDSA P-256) are below',
    '## Worker CPU time of a cache miss',
    '![Cycles beyond those of a static certificate](cycles.svg)',
    '![Ratios by configuration](ratios.svg)',
  ]);
  expect(report).toContain('| simulated | I1 cache: 1 B |');
  expect(readdirSync(directory).sort()).toEqual([
    'cycles.svg',
    'ratios.svg',
    'report.json',
    'report.md',
  ]);
  const json = JSON.parse(readFileSync(join(directory, 'report.json'), 'utf8')) as object;
  expect(Object.keys(json).slice(2)).toEqual(['cycles', 'handshakes', 'misses']);
  expect(json).toHaveProperty('cycles.2', {
    configuration: 'pair-njs-cache',
    certificate: 'ECDSA P-256',
    cycles: 3_150_000,
    counts: {
      instructions: 2_100_000,
      firstLevelMisses: 0,
      mispredictions: 0,
      lastLevelMisses: 10_500,
    },
  });
});

test("cycles are told as ratios to a static certificate's on the same nginx", () => {
  const lines = figures(ALL).split('\n');
  expect(lines).toContain('|  | name | ECDSA P-256 |  | RSA-2048 |  |');
  expect(lines).toContain(
    '| this bundle, js_pair, njs, cache | `pair-njs-cache` | 1.050 | 150 k more | 1.020 | 200 k more |',
  );
  expect(lines).toContain(
    '| this bundle, js_pair | `1.26-pair` | 1.500 | 3000 k more | 1.250 | 5000 k more |',
  );
});

test('a report of cycles alone is one table, with the kinds of certificates that were counted', () => {
  const cycles = ALL.cycles.filter(({ site }) => site === RSA).slice(0, 2);
  expect(figures({ ...ALL, cycles, series: [], misses: [] })).toBe(
    `## Cycles of a handshake

|  | name | RSA-2048 |  |
| --- | --- | --- | --- |
| static certificate | \`static\` | 1.000 | 0 k more |
| this bundle, js_pair, njs, cache | \`pair-njs-cache\` | 1.020 | 200 k more |
`,
  );
});

/** The bundle with a store as good as it has to be, by a hair. */
const REACHED = [
  ...counted('static', 1, 1),
  ...counted('store-njs-cache', 1.0419, 1.0109),
  ...counted('store-qjs-cache', 1.0359, 1.0099),
];

function targetLines(cycles: Cycles[]): string[] {
  return figures({ ...ALL, cycles })
    .split('\n')
    .filter((line) => line.startsWith('| cycles, '));
}

test('targets of cycles come first, are told with what is aimed at, and are reached', () => {
  expect(targetLines(REACHED)).toEqual([
    '| cycles, ECDSA P-256, this bundle with a store, njs | 1.042 times static | 1.037 | 1.042 | reached |',
    '| cycles, ECDSA P-256, this bundle with a store, qjs | 1.036 times static | 1.030 | 1.036 | reached |',
    '| cycles, RSA-2048, this bundle with a store, njs | 1.011 times static |  | 1.011 | reached |',
    '| cycles, RSA-2048, this bundle with a store, qjs | 1.010 times static |  | 1.010 | reached |',
  ]);
  const targets = figures({ ...ALL, cycles: REACHED }).split('## Targets')[1]!;
  expect(targets.indexOf('| cycles, ')).toBeLessThan(targets.indexOf('| CPU time, '));
});

test.each([
  ['njs', 1.0421, 1.01, 'ECDSA P-256'],
  ['njs', 1.04, 1.0111, 'RSA-2048'],
  ['qjs', 1.0361, 1.01, 'ECDSA P-256'],
  ['qjs', 1.03, 1.0101, 'RSA-2048'],
])('a target of cycles that is missed is told: %s, %f and %f', (engine, p256, rsa, title) => {
  const name = `store-${engine}-cache`;
  const others = REACHED.filter(({ configuration }) => configuration.name !== name);
  const missed = targetLines([...others, ...counted(name, p256, rsa)]).filter((line) =>
    line.endsWith('| **missed** |'),
  );
  expect(missed).toHaveLength(1);
  expect(missed[0]).toContain(`${title}, this bundle with a store, ${engine} |`);
});

test('a target whose cycles were not counted is left out', () => {
  expect(targetLines(ALL.cycles)).toEqual([]);
});
