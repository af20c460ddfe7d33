import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { section, table } from '../markdown.js';
import { spreadOf } from '../statistics.js';
import { CYCLES, cyclesOf } from './cachegrind.js';
import type { Configuration } from './configurations.js';
import { staticOf, type Cycles } from './cycles.js';
import type { Misses } from './misses.js';
import { plotCycles, plotRatios } from './plot.js';
import type { Series } from './rounds.js';
import { SITES, type Site } from './sites.js';
import { targetsOf } from './targets.js';

/** How far the quarters of a ratio are apart, at most, on a machine that has nothing else to do. */
const QUIET = 0.02;

export interface Result {
  machine: [string, string][];
  options: { rounds: number; seconds: number };
  cycles: Cycles[];
  series: Series[];
  misses: Misses[];
}

/** Writes report.md, report.json with each single measurement, and the plots. */
export function writeReport(directory: string, result: Result): void {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): void => {
    writeFileSync(join(directory, name), text);
  };
  write('report.json', json(result));
  write('report.md', markdown(result));
  if (result.cycles.length > 0) write('cycles.svg', plotCycles(result.cycles));
  if (result.series.length > 0) write('ratios.svg', plotRatios(result.series));
}

/** The tables, as Markdown. */
export function figures(result: Result): string {
  return [
    ...section('Cycles of a handshake', cyclesTable(result)),
    ...section('Targets', targetTable(result)),
    ...section('Worker CPU time of a handshake', [...noise(result), ...ratioTable(result)]),
    ...section('Worker CPU time of a cache miss', missTable(result)),
  ].join('\n');
}

function markdown(result: Result): string {
  const { machine, options, cycles, series } = result;
  const hows = [...new Set(series.map(({ how }) => how))].join('; ');
  const caches = [...new Set(cycles.map((one) => one.caches))].join('; ');
  return [
    '# Bench: the cost of a handshake',
    '',
    'Full TLS 1.3 handshakes without resumption, one worker. Ratios are to a static certificate on the same nginx.',
    '',
    'Cycles are those of nginx and its libraries, not the kernel, as cachegrind counts them in its simulation of caches and',
    `branches: instructions, ${CYCLES.firstLevelMisses} for each first-level cache miss and mispredicted branch, ${CYCLES.lastLevelMisses} for each`,
    'last-level miss. They are much the same however busy the machine is.',
    '',
    `CPU time is measured in ${options.rounds} rounds of ${options.seconds} s each, a static certificate before and after each measurement; medians,`,
    'and the quarter of the measurements below and above in brackets. A cache miss is a handshake after a clear, less one',
    'without, less the clear.',
    '',
    ...table(
      ['', ''],
      [
        ...machine,
        ...(caches ? [['simulated', caches]] : []),
        ...(hows ? [['key exchange, cipher', hows]] : []),
      ],
    ),
    '',
    figures(result),
    ...(cycles.length > 0
      ? ['![Cycles beyond those of a static certificate](cycles.svg)', '']
      : []),
    ...(series.length > 0 ? ['![Ratios by configuration](ratios.svg)', ''] : []),
  ].join('\n');
}

function json({ machine, options, cycles, series, misses }: Result): string {
  const head = ({ configuration, site }: { configuration: Configuration; site: Site }): object => ({
    configuration: configuration.name,
    certificate: site.title,
  });
  const text = {
    machine,
    options,
    cycles: cycles.map((one) => ({
      ...head(one),
      cycles: cyclesOf(one.counts),
      counts: one.counts,
    })),
    handshakes: series.map((one) => ({ ...head(one), measurements: one.measurements })),
    misses: misses.map((one) => ({ ...head(one), cpuUs: one.cpuUs })),
  };
  return JSON.stringify(text, null, 2) + '\n';
}

/** What the ratios are worth: those of what is the same as what they are to. */
function noise({ series }: Result): string[] {
  return series
    .filter(({ configuration }) => configuration.name === 'static-again')
    .flatMap(({ site, measurements }) => {
      const { low, high } = spreadOf(measurements.map(({ cpuUs, staticUs }) => cpuUs / staticUs));
      if (high - low <= QUIET) return [];
      return [
        `**The machine was not quiet.** Half of the ratios of a static certificate to itself (${site.title}) are below`,
        `${low.toFixed(3)} or above ${high.toFixed(3)}: smaller differences between others mean nothing.`,
        '',
      ];
    });
}

function targetTable(result: Result): string[] {
  const rows = targetsOf(result).map(({ what, most, aim, is, unit }) => [
    what,
    `${most.toFixed(3)} ${unit}`,
    aim?.toFixed(3) ?? '',
    is.toFixed(3),
    is <= most ? 'reached' : '**missed**',
  ]);
  return table(['', 'at most', 'aimed at', 'measured', ''], rows);
}

function ratioTable({ series }: Result): string[] {
  const cells = (configuration: Configuration, site: Site): string[] => {
    const own = series.find((one) => one.configuration === configuration && one.site === site);
    if (!own) return ['', ''];
    const { measurements } = own;
    const time = spreadOf(measurements.map(({ cpuUs }) => cpuUs));
    const ratio = spreadOf(measurements.map(({ cpuUs, staticUs }) => cpuUs / staticUs));
    const [low, median, high] = [ratio.low, ratio.median, ratio.high].map((one) => one.toFixed(3));
    return [`${median} (${low} to ${high})`, `${time.median.toFixed(0)} µs`];
  };
  const head = SITES.flatMap(({ title }) => [title, '']);
  const rows = configurationsOf(series).map((one) => [
    one.title,
    `\`${one.name}\``,
    ...SITES.flatMap((site) => cells(one, site)),
  ]);
  return table(['', 'name', ...head], rows);
}

function missTable({ misses }: Result): string[] {
  const rows = configurationsOf(misses).map((configuration) => [
    configuration.title,
    `\`${configuration.name}\``,
    ...SITES.map((site) => {
      const own = misses.find((one) => one.configuration === configuration && one.site === site);
      if (!own) return '';
      const { low, median, high } = spreadOf(own.cpuUs);
      return `${median.toFixed(0)} µs (${low.toFixed(0)} to ${high.toFixed(0)})`;
    }),
  ]);
  return table(['', 'name', ...SITES.map(({ title }) => title)], rows);
}

function cyclesTable({ cycles }: Result): string[] {
  const sites = SITES.filter((site) => cycles.some((one) => one.site === site));
  const rows = configurationsOf(cycles).map((configuration) => [
    configuration.title,
    `\`${configuration.name}\``,
    ...sites.flatMap((site) => {
      const own = cycles.find((one) => one.configuration === configuration && one.site === site);
      const base = own && staticOf(cycles, own);
      if (!base) return ['', ''];
      const [is, to] = [cyclesOf(own.counts), cyclesOf(base.counts)];
      return [(is / to).toFixed(3), `${((is - to) / 1000).toFixed(0)} k more`];
    }),
  ]);
  return table(['', 'name', ...sites.flatMap(({ title }) => [title, ''])], rows);
}

function configurationsOf(all: { configuration: Configuration }[]): Configuration[] {
  return [...new Set(all.map(({ configuration }) => configuration))];
}
