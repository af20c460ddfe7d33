// npm run bench: what a handshake costs with this bundle, with a static certificate, and with the other ways to do it.
import { setUpAll } from '../../setup/index.js';
import { BENCH_RUNTIMES } from '../../setup/runtimes.js';
import { describeMachine } from '../machine.js';
import { runProgram } from '../program.js';
import { readArguments, USAGE } from './arguments.js';
import { countAll } from './cycles.js';
import { runMisses } from './misses.js';
import { figures, writeReport, type Result } from './report.js';
import { runRounds } from './rounds.js';
import { startServer, type Server } from './server.js';
import { issuePairs } from './sites.js';

async function main(): Promise<void> {
  const options = readArguments(process.argv.slice(2));
  if (!options) {
    console.log(USAGE);
    return;
  }
  const { rounds, seconds, configurations, sites, parts, report } = options;
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
    cycles: parts.includes('cycles') ? await countAll(servers, sites) : [],
    series: parts.includes('time') ? await runRounds(servers, { rounds, seconds }) : [],
    misses: parts.includes('misses') ? await runMisses(servers, rounds) : [],
  };
  await Promise.all(servers.map(({ nginx }) => nginx.stop()));
  console.log(`\n${figures(result)}`);
  if (report !== undefined) {
    writeReport(report, result);
    console.log(`${report}: report.md, report.json and plots`);
  }
}

await runProgram(main, USAGE);
