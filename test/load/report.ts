import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seconds } from '../setup/command.js';
import { isKept, type Result } from './load.js';
import { plot } from './plot.js';
import { percentile } from './tally.js';

/**
 * Writes report.md with a table, report.json with the same and more, and plot.svg.
 *
 * @param machine of `describeMachine`
 */
export function writeReport(directory: string, result: Result, machine: [string, string][]): void {
  mkdirSync(directory, { recursive: true });
  const { tally, rotations, faults, startedAt } = result;
  const since = (at: number): number => Math.round(at - startedAt) / 1000;
  const json = {
    title: result.title,
    isKept: isKept(result),
    options: result.options,
    machine,
    figures: Object.fromEntries(figuresOf(result)),
    faults: faults.map(({ name, startedAt: from, endedAt, problem }) => ({
      name,
      from_s: since(from),
      to_s: since(endedAt),
      problem,
    })),
    problems: result.problems,
    told: tally.told,
    memory: result.growth,
    memory_samples: result.samples.map(({ pid, at, kib }) => ({ pid, at_s: since(at), kib })),
    seconds: tally.seconds.map(({ latencies, bad }) => ({
      handshakes: latencies.length,
      p50_ms: percentile(latencies, 0.5),
      p99_ms: percentile(latencies, 0.99),
      bad,
    })),
    rotations: rotations.map(({ way, name, startedAt: from, endedAt, result: came }) => ({
      way,
      name,
      from_s: since(from),
      to_s: since(endedAt),
      result: came,
    })),
  };
  writeFileSync(join(directory, 'report.json'), JSON.stringify(json, null, 2) + '\n');
  writeFileSync(join(directory, 'report.md'), markdown(result, machine));
  writeFileSync(join(directory, 'plot.svg'), plot(result));
}

/** The table of a run, by row. */
export function figuresOf(result: Result): [string, string][] {
  const { tally, rotations, growth, faults, options } = result;
  const latencies = tally.seconds.flatMap((second) => second.latencies);
  const within = (share: number): string => `${percentile(latencies, share).toFixed(1)} ms`;
  const by = (key: 'way' | 'result', value: string): number =>
    rotations.filter((rotation) => rotation[key] === value).length;
  const steady = rotations.filter(({ endedAt }) => endedAt <= result.steadyUntil).length;
  const rows: [string, string][] = [
    ['time', `${seconds(result.endedAt - result.startedAt)}, ${options.seconds} s without faults`],
    ['clients, writers, names', `${options.clients}, ${options.writers}, ${result.names}`],
    ['full handshakes', `${tally.good.full}`],
    ['resumed sessions', `${tally.good.resumed}`],
    ['answers on long-lived connections', `${tally.good.answer}`],
    ['handshakes for unknown names', `${tally.good.unknown}`],
    ['rotations', `${rotations.length}, ${steady} of them without faults`],
    [
      'by files and clear, files alone, put',
      `${by('way', 'clear')}, ${by('way', 'files')}, ${by('way', 'put')}`,
    ],
    [
      'refused, as faults demand; without an answer',
      `${by('result', 'refused')}; ${by('result', 'unknown')}`,
    ],
    ['failed', `${tally.failures}`],
    ['violations', `${tally.violations}`],
    ['reset with a killed worker', `${tally.resets}`],
    ['latency of a handshake: half, 99 %', `${within(0.5)}, ${within(0.99)}`],
  ];
  for (const { pid, fromKib, toKib, isFlat } of growth) {
    const kept = isFlat ? 'flat' : 'NOT FLAT';
    rows.push([`memory of worker ${pid}`, `${fromKib} KiB to ${toKib} KiB, ${kept}`]);
  }
  for (const { name, startedAt, endedAt, problem } of faults) {
    rows.push([name, problem ?? `for ${seconds(endedAt - startedAt)}`]);
  }
  return rows;
}

function markdown(result: Result, machine: [string, string][]): string {
  const { tally, problems } = result;
  const rows = [...machine, ...figuresOf(result)].map(([what, value]) => `| ${what} | ${value} |`);
  const bad = [...problems, ...tally.told];
  return [
    `# Load: ${result.title}`,
    '',
    isKept(result) ? 'Every promise was kept.' : 'NOT every promise was kept.',
    '',
    '| | |',
    '| --- | --- |',
    ...rows,
    '',
    '![Handshakes and latency over time](plot.svg)',
    '',
    ...(bad.length > 0 ? ['```text', ...bad, '```', ''] : []),
  ].join('\n');
}
