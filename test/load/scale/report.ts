import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { section, table } from '../markdown.js';
import { FIGURES, type FigureName } from './figures.js';
import { COMPLETE } from './fill.js';
import type { Key, Measurements } from './measurements.js';
import { count } from './names.js';
import { plotGrowth, plotMemory, plotRenewals } from './plot.js';
import { SUBJECTS } from './subjects.js';
import { isReached, targetsOf } from './targets.js';

export interface Result {
  machine: [string, string][];
  rounds: number;
  sizes: number[];
  measurements: Measurements;
}

/** Writes report.md, report.json with each single measurement, and the plots. */
export function writeReport(directory: string, result: Result): void {
  mkdirSync(directory, { recursive: true });
  const { machine, rounds, sizes, measurements } = result;
  const files = {
    'report.md': markdown(result),
    'report.json': JSON.stringify(
      { machine, rounds, sizes, measurements: measurements.series },
      null,
      2,
    ),
    'renewals.svg': plotRenewals(measurements, sizes),
    'memory.svg': plotMemory(measurements, sizes),
    'growth.svg': plotGrowth(measurements),
  };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(directory, name), text);
}

/** The tables, as Markdown. */
export function figures(result: Result): string {
  const names = Object.keys(FIGURES) as FigureName[];
  return [
    ...section('Targets', targetTable(result)),
    ...names.flatMap((figure) => figureSection(result, figure)),
  ].join('\n');
}

function markdown(result: Result): string {
  return [
    `# Scale: ${result.sizes.map((size) => size.toLocaleString('en')).join(', ')} names`,
    '',
    'One process makes the handshakes: one nginx worker, one thread of HAProxy. All read the same files: for each name a',
    'leaf with a P-256 key of its own and its intermediate, about as long as those of a public authority. All run at the',
    `same time, and are measured in turn, ${result.rounds} rounds; medians, and the quarter of the measurements below and`,
    `above in brackets. "A handshake with each name" is complete for up to ${count(COMPLETE)}; for more, the client leaves`,
    "after the server's half, for which the certificate was loaded and its key used. TLS is spoken through unix sockets.",
    'What has `$cert_scan` runs after the others, one at a time.',
    '',
    ...table(['', ''], result.machine),
    '',
    figures(result),
    '![Time until a renewed certificate is served](renewals.svg)',
    '',
    '![Memory of all processes](memory.svg)',
    '',
    '![Costs as names grow](growth.svg)',
    '',
  ].join('\n');
}

function targetTable({ measurements }: Result): string[] {
  const rows = targetsOf(measurements).map((target) => [
    target.what,
    `${target.bound} ${number(target.limit)} ${target.unit}`,
    number(target.is),
    isReached(target) ? 'reached' : '**missed**',
  ]);
  return table(['', '', 'measured', ''], rows);
}

/** With three digits that matter. */
function number(value: number): string {
  return Number(value.toPrecision(3)).toLocaleString('en');
}

function figureSection({ measurements }: Result, figure: FigureName): string[] {
  const { title, unit, digits, how } = FIGURES[figure];
  const own = measurements.series.filter((one) => one.figure === figure);
  const columns = [...new Set(own.map(({ names }) => names))].sort((a, b) => a - b);
  const rows = SUBJECTS.flatMap((subject) => {
    const ways = new Set(own.filter((one) => one.subject === subject.name).map(({ way }) => way));
    return [...ways].map((way) => [
      way === '' ? subject.title : `${subject.title}: ${way}`,
      ...columns.map((names) =>
        cell(measurements, { figure, subject: subject.name, names, way }, digits),
      ),
    ]);
  });
  const lines = table([unit, ...columns.map(count)], rows);
  return lines.length > 0 ? section(title, [how, '', ...lines]) : [];
}

function cell(measurements: Measurements, key: Key, digits: number): string {
  const spread = measurements.spread(key);
  if (!spread) return '';
  const [low, median, high] = [spread.low, spread.median, spread.high].map((value) =>
    value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits }),
  ) as [string, string, string];
  return low === high ? median : `${median} (${low} to ${high})`;
}
