// npm run bench: what a handshake costs with this bundle, with a static certificate, and with the other ways to do it.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SetUpError } from '../../setup/command.js';
import { setUpAll } from '../../setup/index.js';
import { BENCH_RUNTIMES } from '../../setup/runtimes.js';
import { describeMachine } from '../machine.js';
import { runProgram, wholeNumber } from '../program.js';
import { baseOf, CONFIGURATIONS, type Configuration } from './configurations.js';
import { countAll } from './instructions.js';
import { runMisses } from './misses.js';
import { figures, writeReport, type Result } from './report.js';
import { runRounds } from './rounds.js';
import { startServer, type Server } from './server.js';
import { issuePairs } from './sites.js';

const PARTS = ['time', 'misses', 'instructions'];

const USAGE = `npm run bench [-- OPTION…]
  --rounds N          how many times each configuration is measured; default: 7
  --seconds N         for how long each time; default: 1
  --only NAME         this configuration only, and what it is compared with; may be repeated
  --part PART         ${PARTS.join(', ')}: this part only; may be repeated
  --report DIRECTORY  where report.md, report.json and the plots go; default: test/load/reports/bench
Configurations: ${CONFIGURATIONS.map(({ name }) => name).join(', ')}`;

interface Arguments {
  rounds: number;
  seconds: number;
  configurations: Configuration[];
  parts: string[];
  report: string;
}

function readArguments(): Arguments {
  const { values } = parseArgs({
    options: {
      rounds: { type: 'string', default: '7' },
      seconds: { type: 'string', default: '1' },
      only: { type: 'string', multiple: true, default: [] },
      part: { type: 'string', multiple: true, default: PARTS },
      help: { type: 'boolean', default: false },
      report: { type: 'string', default: join(import.meta.dirname, '../reports/bench') },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  for (const name of values.only) {
    if (!CONFIGURATIONS.some((one) => one.name === name)) throw new SetUpError(`--only ${name}?`);
  }
  for (const part of values.part) {
    if (!PARTS.includes(part)) throw new SetUpError(`--part ${part}?`);
  }
  const wanted = CONFIGURATIONS.filter(
    ({ name }) => values.only.length === 0 || values.only.includes(name),
  );
  return {
    rounds: wholeNumber('rounds', values.rounds),
    seconds: wholeNumber('seconds', values.seconds),
    configurations: CONFIGURATIONS.filter(
      (one) => wanted.includes(one) || wanted.some((other) => baseOf(other) === one),
    ),
    parts: values.part,
    report: values.report,
  };
}

async function main(): Promise<void> {
  const { rounds, seconds, configurations, parts, report } = readArguments();
  const images = [...new Set(configurations.map(({ nginx }) => BENCH_RUNTIMES[nginx].image))];
  await setUpAll(images);
  const machine = describeMachine(images);
  const pairs = await issuePairs();
  console.log(`Starting ${configurations.length} times nginx …`);
  const servers: Server[] = [];
  for (const configuration of configurations) servers.push(await startServer(configuration, pairs));
  const result: Result = {
    machine,
    options: { rounds, seconds },
    series: parts.includes('time') ? await runRounds(servers, { rounds, seconds }) : [],
    misses: parts.includes('misses') ? await runMisses(servers, rounds) : [],
    instructions: parts.includes('instructions') ? await countAll(servers) : [],
  };
  await Promise.all(servers.map(({ nginx }) => nginx.stop()));
  console.log(`\n${figures(result)}`);
  writeReport(report, result);
  console.log(`${report}: report.md, report.json and plots`);
}

await runProgram(main, USAGE);
