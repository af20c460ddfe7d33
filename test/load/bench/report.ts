import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { section, table } from '../markdown.js';
import { spreadOf } from '../statistics.js';
import { baseOf, type Configuration } from './configurations.js';
import type { Instructions } from './instructions.js';
import type { Misses } from './misses.js';
import { plotInstructions, plotRatios } from './plot.js';
import type { Series } from './rounds.js';
import { SITES, type Site } from './sites.js';
import { targetsOf } from './targets.js';

/** How far the quarters of a ratio are apart, at most, on a machine that has nothing else to do. */
const QUIET = 0.02;

export interface Result {
  machine: [string, string][];
  options: { rounds: number; seconds: number };
  series: Series[];
  misses: Misses[];
  instructions: Instructions[];
}

/** Writes report.md, report.json with each single measurement, and the plots. */
export function writeReport(directory: string, result: Result): void {
  mkdirSync(directory, { recursive: true });
  const write = (name: string, text: string): void => {
    writeFileSync(join(directory, name), text);
  };
  write('report.json', json(result));
  write('report.md', markdown(result));
  if (result.series.length > 0) write('ratios.svg', plotRatios(result.series));
  if (result.instructions.length > 0) {
    write('instructions.svg', plotInstructions(result.instructions));
  }
}

/** The tables, as Markdown. */
export function figures(result: Result): string {
  return [
    ...noise(result),
    ...section('Targets', targetTable(result)),
    ...section('Worker CPU time of a handshake', ratioTable(result)),
    ...section('Worker CPU time of a cache miss', missTable(result)),
    ...section('Instructions of a handshake', instructionTable(result)),
  ].join('\n');
}

function markdown(result: Result): string {
  const { options, series, instructions } = result;
  const hows = [...new Set(series.map(({ how }) => how))].join('; ');
  return [
    '# Bench: the cost of a handshake',
    '',
    'Full TLS 1.3 handshakes without resumption, one worker. Ratios are to a static certificate on the same nginx,',
    `measured before and after each measurement. ${options.rounds} rounds of ${options.seconds} s each; medians, and the`,
    'quarter of the measurements below and above in brackets. A cache miss is a handshake after a clear, less one',
    'without, less the clear. Instructions are those of nginx and its libraries, not the kernel, counted by callgrind.',
    '',
    ...table(['', ''], [...result.machine, ...(hows ? [['key exchange, cipher', hows]] : [])]),
    '',
    figures(result),
    ...(series.length > 0 ? ['![Ratios by configuration](ratios.svg)', ''] : []),
    ...(instructions.length > 0
      ? ['![Instructions beyond those of a static certificate](instructions.svg)', '']
      : []),
  ].join('\n');
}

function json({ machine, options, series, misses, instructions }: Result): string {
  const head = ({ configuration, site }: { configuration: Configuration; site: Site }): object => ({
    configuration: configuration.name,
    certificate: site.title,
  });
  const text = {
    machine,
    options,
    handshakes: series.map((one) => ({ ...head(one), measurements: one.measurements })),
    misses: misses.map((one) => ({ ...head(one), cpuUs: one.cpuUs })),
    instructions: instructions.map((one) => ({ ...head(one), byObject: one.byObject })),
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
  const rows = targetsOf(result).map(({ what, most, is, unit }) => [
    what,
    `${most.toFixed(3)} ${unit}`,
    is.toFixed(3),
    is <= most ? 'reached' : '**missed**',
  ]);
  return table(['', 'at most', 'measured', ''], rows);
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

function instructionTable({ instructions }: Result): string[] {
  const rows = configurationsOf(instructions).map((configuration) => [
    configuration.title,
    `\`${configuration.name}\``,
    ...SITES.flatMap((site) => {
      const total = totalOf(instructions, configuration, site);
      const base = totalOf(instructions, baseOf(configuration), site);
      return [(total / base).toFixed(3), `${((total - base) / 1000).toFixed(0)} k more`];
    }),
  ]);
  return table(['', 'name', ...SITES.flatMap(({ title }) => [title, ''])], rows);
}

function totalOf(instructions: Instructions[], configuration: Configuration, site: Site): number {
  const own = instructions.find((one) => one.configuration === configuration && one.site === site);
  return Object.values(own?.byObject ?? {}).reduce((sum, one) => sum + one, 0);
}

function configurationsOf(all: { configuration: Configuration }[]): Configuration[] {
  return [...new Set(all.map(({ configuration }) => configuration))];
}
