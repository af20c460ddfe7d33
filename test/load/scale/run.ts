// npm run bench:scale: what many names cost with this bundle, with a static configuration, and with HAProxy.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SetUpError } from '../../setup/command.js';
import { setUpAll } from '../../setup/index.js';
import { describeMachine } from '../machine.js';
import { runProgram, wholeNumber } from '../program.js';
import { measureAll, type Options } from './measure.js';
import { figures, writeReport } from './report.js';
import { MOST_NAMES } from './names.js';
import { SUBJECTS } from './subjects.js';

const USAGE = `npm run bench:scale [-- OPTION…]
  --names N,M,…       how many names; default: 1000,10000,100000
  --rounds N          how many times each thing is measured; default: 5
  --only NAME         this subject only; may be repeated
  --report DIRECTORY  where report.md, report.json and the plots go; default: test/load/reports/scale
Subjects: ${SUBJECTS.map(({ name }) => name).join(', ')}`;

function readArguments(): Options & { report: string } {
  const { values } = parseArgs({
    options: {
      names: { type: 'string', default: '1000,10000,100000' },
      rounds: { type: 'string', default: '5' },
      only: { type: 'string', multiple: true, default: [] },
      report: { type: 'string', default: join(import.meta.dirname, '../reports/scale') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    process.exit(0);
  }
  for (const name of values.only) {
    if (!SUBJECTS.some((one) => one.name === name)) throw new SetUpError(`--only ${name}?`);
  }
  const sizes = values.names.split(',').map((text) => wholeNumber('names', text));
  if (sizes.some((size) => size > MOST_NAMES)) {
    throw new SetUpError(`--names ${values.names}: ${MOST_NAMES} is the most`);
  }
  return {
    subjects: SUBJECTS.filter(({ name }) => values.only.length === 0 || values.only.includes(name)),
    sizes: [...new Set(sizes)].sort((a, b) => a - b),
    rounds: wholeNumber('rounds', values.rounds),
    report: values.report,
  };
}

async function main(): Promise<void> {
  const { report, ...options } = readArguments();
  const images = [...new Set(options.subjects.map(({ runtime }) => runtime().image))];
  await setUpAll(images);
  const machine = describeMachine(images);
  const measurements = await measureAll(options);
  const { rounds, sizes } = options;
  const result = { machine, rounds, sizes, measurements };
  console.log(`\n${figures(result)}`);
  writeReport(report, result);
  console.log(`${report}: report.md, report.json and plots`);
}

await runProgram(main, USAGE);
