import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SetUpError } from '../../setup/command.js';
import { wholeNumber } from '../program.js';
import { baseOf, CONFIGURATIONS, ENGINES, QUICK, type Configuration } from './configurations.js';
import { SITES, type Site } from './sites.js';

const PARTS = ['cycles', 'time', 'misses'];

/** The values of `--key`. */
const KEYS: Record<string, Site['key']> = { p256: 'ec', rsa: 'rsa' };

export const USAGE = `npm run bench [-- OPTION…]
  --rounds N          how many times each configuration is measured; default: 7
  --seconds N         for how long each time; default: 1
  --only NAME         this configuration only, and what it is compared with; may be repeated
  --part PART         ${PARTS.join(', ')}: this part only; may be repeated
  --report DIRECTORY  where report.md, report.json and the plots go; default: test/load/reports/bench
npm run bench -- --cycles-only [OPTION…]
                      the cycles of a static certificate and of the bundle, in a minute or two; no report
  --engine ENGINE     ${ENGINES.join(', ')}: with this engine only
  --key KEY           ${Object.keys(KEYS).join(', ')}: with this kind of certificate only
Configurations: ${CONFIGURATIONS.map(({ name }) => name).join(', ')}`;

const OF_THE_REPORT = ['rounds', 'seconds', 'only', 'part', 'report'];
const OF_CYCLES_ONLY = ['engine', 'key'];

export interface Arguments {
  rounds: number;
  seconds: number;
  configurations: Configuration[];
  /** Whose cycles are counted. */
  sites: Site[];
  parts: string[];
  /** A directory; absent: no report is written. */
  report?: string;
}

/** @returns undefined where help is asked for. Throws where the arguments are not those of `USAGE`. */
export function readArguments(args: string[]): Arguments | undefined {
  const values = parse(args);
  if (values.help) return undefined;
  const isQuick = values['cycles-only'];
  for (const option of isQuick ? OF_THE_REPORT : OF_CYCLES_ONLY) {
    if (option in values) {
      throw new SetUpError(`--${option} is ${isQuick ? 'not for' : 'for'} --cycles-only`);
    }
  }
  const names = CONFIGURATIONS.map(({ name }) => name);
  const { rounds = '7', seconds = '1', engine, key } = values;
  const only = expectKnown('only', values.only ?? [], names);
  const part = expectKnown('part', values.part ?? PARTS, PARTS);
  const report = values.report ?? join(import.meta.dirname, '../reports/bench');
  if (engine !== undefined) expectKnown('engine', [engine], ENGINES);
  if (key !== undefined) expectKnown('key', [key], Object.keys(KEYS));
  const isWanted = (one: Configuration): boolean =>
    isQuick
      ? QUICK.includes(one.name) && (engine ?? one.engine) === one.engine
      : only.length === 0 || only.includes(one.name);
  return {
    rounds: wholeNumber('rounds', rounds),
    seconds: wholeNumber('seconds', seconds),
    configurations: withBases(isWanted),
    sites: SITES.filter((site) => key === undefined || KEYS[key] === site.key),
    parts: isQuick ? ['cycles'] : part,
    ...(!isQuick && { report }),
  };
}

/** Without defaults, to tell what was given. */
function parse(args: string[]) {
  const text = { type: 'string' } as const;
  const texts = { ...text, multiple: true } as const;
  const flag = { type: 'boolean', default: false } as const;
  const options = {
    ...{ rounds: text, seconds: text, only: texts, part: texts, report: text },
    ...{ 'cycles-only': flag, engine: text, key: text, help: flag },
  };
  return parseArgs({ args, options }).values;
}

/** @returns the values. Throws where one of them is none that the option takes. */
function expectKnown(option: string, values: string[], known: readonly string[]): string[] {
  for (const value of values) {
    if (!known.includes(value)) {
      throw new SetUpError(`--${option} ${value}: it has to be one of ${known.join(', ')}`);
    }
  }
  return values;
}

/** Those that are wanted, and what they are compared with. */
function withBases(isWanted: (one: Configuration) => boolean): Configuration[] {
  const wanted = CONFIGURATIONS.filter(isWanted);
  return CONFIGURATIONS.filter(
    (one) => wanted.includes(one) || wanted.some((other) => baseOf(other) === one),
  );
}
