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
import { INTERVAL_MS, measure, NODES, type Measurement } from './measure.js';

const USAGE = `npm run bench:etcd [-- OPTION…]
  --names N,M,…       how many names etcd has; default: 10,10000
  --puts N            how many puts are measured; default: 200
  --runtime NAME      default: njs
  --report DIRECTORY  where report.md and report.json go; default: test/load/reports/etcd`;

function rowOf({ names, putMs, idle, warmMs, stallMs, killed }: Measurement): string[] {
  const { median, most } = spreadOf(putMs);
  const ms = (value: number): string => value.toFixed(0);
  return [
    String(names),
    `${ms(median)} / ${ms(most)}`,
    idle.requests.toFixed(2),
    idle.bytes.toFixed(0),
    (warmMs / 1000).toFixed(1),
    ms(stallMs),
    String(killed),
  ];
}

const HEAD = [
  'names',
  `put to served on all ${NODES}, median / worst, ms`,
  'idle node, requests/s',
  'idle node, bytes/s',
  'a node that joins is warm after, s',
  'longest handshake meanwhile, ms',
  'rounds that were ended by the next',
];

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
      ...table(HEAD, measurements.map(rowOf)),
    ]),
  ].join('\n');
  mkdirSync(values.report, { recursive: true });
  writeFileSync(join(values.report, 'report.md'), text);
  writeFileSync(join(values.report, 'report.json'), JSON.stringify({ machine, measurements }));
  console.log(`\n${text}\n${values.report}: report.md and report.json`);
}

await runProgram(main, USAGE);
