// npm run oracle: judges many pairs by the OpenSSL of each runtime, and compares its verdicts with those of the bundle.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { SetUpError } from '../setup/command.js';
import { setUp } from '../setup/index.js';
import { runProgram, wholeNumber } from '../load/program.js';

const USAGE = `npm run oracle [-- OPTION…]
  --refused           only that what OpenSSL refuses is refused
  --served            only that what static nginx serves and a client verifies is served
  --runtime NAME      on this runtime only; may be repeated
  --pairs N           how many pairs; default: 10000
  --seed N            another seed makes other pairs; default: 1
  --report DIRECTORY  where the reports go; default: test/oracle/reports`;

/** The tests of which this is the long form, by the option that asks for one alone. */
const HALVES = {
  refused: 'test/integration/hostile/oracle_refused.test.ts',
  served: 'test/integration/hostile/oracle_served.test.ts',
};

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      refused: { type: 'boolean', default: false },
      served: { type: 'boolean', default: false },
      runtime: { type: 'string', multiple: true },
      pairs: { type: 'string', default: '10000' },
      seed: { type: 'string', default: '1' },
      report: { type: 'string', default: join(import.meta.dirname, 'reports') },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    console.log(USAGE);
    return;
  }
  const pairs = wholeNumber('pairs', values.pairs);
  const seed = wholeNumber('seed', values.seed);
  const all = Object.entries(HALVES);
  const asked = all.filter(([half]) => values[half as keyof typeof HALVES]);
  const wrong: string[] = [];
  for (const { name } of await setUp(values.runtime)) {
    for (const [half, file] of asked.length > 0 ? asked : all) {
      console.log(`\n── ${half}, ${name}`);
      const report = join(values.report, `${half}-${name}.md`);
      const isPassed = await runTest(file, {
        NGINX_RUNTIME: name,
        ORACLE_PAIRS: String(pairs),
        ORACLE_SEED: String(seed),
        ORACLE_REPORT: report,
      });
      if (!isPassed) wrong.push(existsSync(report) ? report : `${half}, ${name}`);
    }
  }
  if (wrong.length > 0) throw new SetUpError(`Verdicts differ: ${wrong.join(', ')}`);
}

/** Runs a test, whose output is the progress; true where it passes. */
async function runTest(file: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const args = ['run', file, '--disable-console-intercept'];
    const test = spawn('node_modules/.bin/vitest', args, {
      stdio: 'inherit',
      env: { ...process.env, ...env },
    });
    test.on('error', reject);
    test.on('close', (code) => {
      resolve(code === 0);
    });
  });
}

await runProgram(main, USAGE);
