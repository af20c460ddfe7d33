// npm run bench:etcd: how long a put takes to be served by all nginx that follow one etcd, and what they ask of it.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setUpAll } from '../../setup/index.js';
import { ETCD_IMAGE, findRuntime } from '../../setup/runtimes.js';
import { describeMachine } from '../machine.js';
import { section, table } from '../markdown.js';
import { runProgram, wholeNumber } from '../program.js';
import { spreadOf } from '../statistics.js';
import { INTERVAL_MS, measure, NODES, type Latency, type Measurement } from './measure.js';

const USAGE = `npm run bench:etcd [-- OPTION…]
  --names N,M,…       how many names etcd has; default: 10,10000
  --puts N            how many puts are measured; default: 200
  --runtime NAME      default: njs
  --report DIRECTORY  where report.md and report.json go; default: test/load/reports/etcd`;

/** Of a put, and of what an idle node asks of etcd. */
const MOST_MS = 1000;
const MOST_REQUESTS = 2;

function rowsOf({ names, putMs, idle, joining, killed }: Measurement): string[][] {
  const { median, most } = spreadOf(putMs);
  const { warmMs, meanwhile, warm } = joining;
  const latency = ({ median: half, high, longest }: Latency): string =>
    [half, high, longest].map((value) => value.toFixed(1)).join(', ');
  const judged = (value: number, limit: number): string =>
    `at most ${limit}: ${value <= limit ? 'reached' : '**missed**'}`;
  const rows: [string, string, string?][] = [
    [`put to served on all ${NODES}, ms: median`, median.toFixed(0)],
    ['the same: the worst', most.toFixed(0), judged(most, MOST_MS)],
    [
      'an idle node: requests/s',
      idle.requests.toFixed(2),
      // Of a period of 20 s one round more or less is at its ends.
      judged(Math.round(idle.requests * 10) / 10, MOST_REQUESTS),
    ],
    ['the same: bytes/s, both directions', idle.bytes.toFixed(0)],
    ['a node that joins: the last name is served after, s', (warmMs / 1000).toFixed(1)],
    ['its handshakes meanwhile, ms: median, 99 %, longest', latency(meanwhile)],
    ['the same when it is warm', latency(warm)],
    ['rounds that the next one ended', String(killed)],
  ];
  return rows.map(([what, value, target = '']) => [String(names), what, value, target]);
}

const HEAD = ['names', '', 'measured', 'aimed at'];

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      names: { type: 'string', default: '10,10000' },
      puts: { type: 'string', default: '200' },
      runtime: { type: 'string', default: 'njs' },
      report: { type: 'string', default: join(import.meta.dirname, '../reports/etcd') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const runtime = findRuntime(values.runtime);
  const puts = wholeNumber('puts', values.puts);
  const sizes = values.names.split(',').map((text) => wholeNumber('names', text));
  const images = [runtime.image, ETCD_IMAGE];
  await setUpAll(images);
  const machine = describeMachine(images);
  const measurements: Measurement[] = [];
  for (const names of sizes) measurements.push(await measure(runtime, names, puts));
  const text = [
    '# What it costs to follow etcd',
    '',
    ...table(['', ''], machine),
    '',
    ...section('Figures', [
      `${NODES} nginx with two workers each, three etcd, an interval of ${INTERVAL_MS} ms, ${puts} puts through one node.`,
      '',
      ...table(HEAD, measurements.flatMap(rowsOf)),
    ]),
  ].join('\n');
  mkdirSync(values.report, { recursive: true });
  writeFileSync(join(values.report, 'report.md'), text);
  writeFileSync(join(values.report, 'report.json'), JSON.stringify({ machine, measurements }));
  console.log(`\n${text}\n${values.report}: report.md and report.json`);
}

await runProgram(main, USAGE);
