import { expect, test } from 'vitest';
import { readArguments } from '../../load/bench/arguments.js';
import { CONFIGURATIONS } from '../../load/bench/configurations.js';

function namesOf(...args: string[]): string[] {
  return readArguments(args)!.configurations.map(({ name }) => name);
}

test('without arguments everything is measured, and a report written', () => {
  const { configurations, sites, parts, report } = readArguments([])!;
  expect(configurations).toEqual(CONFIGURATIONS);
  expect(sites.map(({ key }) => key)).toEqual(['ec', 'rsa']);
  expect(parts).toEqual(['cycles', 'time', 'misses']);
  expect(report).toMatch(/\/reports\/bench$/);
});

test('--cycles-only counts a static certificate and the bundle, and writes no report', () => {
  const options = readArguments(['--cycles-only'])!;
  expect(options.configurations.map(({ name }) => name)).toEqual([
    'static',
    'pair-njs-cache',
    'store-njs-cache',
    'pair-qjs-cache',
    'store-qjs-cache',
  ]);
  expect(options.sites.map(({ key }) => key)).toEqual(['ec', 'rsa']);
  expect(options.parts).toEqual(['cycles']);
  expect(options).not.toHaveProperty('report');
});

test('--cycles-only is narrowed to an engine and to a kind of key', () => {
  expect(namesOf('--cycles-only', '--engine', 'qjs')).toEqual([
    'static',
    'pair-qjs-cache',
    'store-qjs-cache',
  ]);
  const keysOf = (key: string): string[] =>
    readArguments(['--cycles-only', '--key', key])!.sites.map((site) => site.key);
  expect(keysOf('p256')).toEqual(['ec']);
  expect(keysOf('rsa')).toEqual(['rsa']);
});

test('--only takes what it is compared with along, of its own nginx', () => {
  expect(namesOf('--only', '1.26-pair')).toEqual(['1.26-static', '1.26-pair']);
  expect(namesOf('--only', 'lua-lru', '--only', 'static')).toEqual(['static', 'lua-lru']);
});

test('help is all that there is where it is asked for', () => {
  expect(readArguments(['--cycles-only', '--help'])).toBeUndefined();
});

test.each([
  [['--cycles'], "Unknown option '--cycles'"],
  [['--cycles-only', 'njs'], "Unexpected argument 'njs'"],
  [['--cycles-only', '--engine', 'v8'], '--engine v8: it has to be one of njs, qjs'],
  [['--cycles-only', '--key', 'ec'], '--key ec: it has to be one of p256, rsa'],
  [['--cycles-only', '--rounds', '3'], '--rounds is not for --cycles-only'],
  [['--cycles-only', '--only', 'lua-lru'], '--only is not for --cycles-only'],
  [['--engine', 'njs'], '--engine is for --cycles-only'],
  [['--key', 'rsa'], '--key is for --cycles-only'],
  [['--part', 'instructions'], '--part instructions: it has to be one of cycles, time, misses'],
  [['--only', 'pair'], '--only pair: it has to be one of '],
  [['--rounds', '0'], '--rounds 0: it has to be a whole number'],
])('%j is refused', (args, message) => {
  expect(() => readArguments(args)).toThrow(message);
});
