// npm test: everything that has to hold, step by step, so that one run shows all that does not.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { message, seconds, SetUpError } from './setup/command.js';
import { setUpClients } from './setup/clients.js';
import { setUp } from './setup/index.js';
import { setUpPromtool } from './setup/promtool.js';
import { ACME_IMAGE, ETCD_IMAGE, TOOLS_IMAGE, type Runtime } from './setup/runtimes.js';
import { sweepLeftovers } from './support/leftovers.js';

const USAGE = `npm test [-- OPTION…]
  --runtime NAME   run the integration tests and the load on this runtime only; may be repeated
  --unit           leave out the integration tests and the load: no container engine is needed`;

/** The load test, shortened: its arguments. */
const SHORT_LOAD = ['--seconds', '4', '--fault-seconds', '1'];
/** Without faults, for the plain approach. */
const PLAIN_LOAD = ['--plain', '--seconds', '6'];

/** How many failures are told at the end. */
const MOST_TOLD = 20;

/** How long an interrupted step may take to clean up, in milliseconds. */
const INTERRUPT_PATIENCE_MS = 5000;

interface Step {
  name: string;
  isPassed: boolean;
  durationMs: number;
}

const steps: Step[] = [];
/** What failed, to be told once more at the end: of a long log the end alone may be kept. */
const failures: string[] = [];
const counts = { passed: 0, failed: 0, skipped: 0 };
const running = new Set<ChildProcess>();
let isInterrupted = false;

/** Does one step, whatever the steps before it came to, and notes how it ended. */
async function step(name: string, work: () => Promise<boolean>): Promise<void> {
  if (isInterrupted) return;
  console.log(`\n── ${name}`);
  const start = performance.now();
  const isPassed = await work().catch((error: unknown) => {
    console.error(error instanceof SetUpError ? error.message : error);
    return false;
  });
  const durationMs = performance.now() - start;
  steps.push({ name, isPassed, durationMs });
  console.log(`── ${name}: ${isPassed ? 'passed' : 'FAILED'} in ${seconds(durationMs)}`);
}

/** Runs a program of node_modules/.bin; true where it exits with 0. */
async function run(program: string, args: string[], env?: NodeJS.ProcessEnv): Promise<boolean> {
  return new Promise((resolve, reject) => {
    // A process group of its own: the terminal's Ctrl-C comes to it through `interrupt`, and once.
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env, PATH: `node_modules/.bin:${process.env['PATH'] ?? ''}` },
    });
    running.add(child);
    child.on('error', reject);
    const { pid } = child;
    child.on('close', (code) => {
      running.delete(child);
      // vitest does not wait for its workers when it is interrupted, and they have containers to remove.
      const end = isInterrupted && pid !== undefined ? groupEnd(pid) : Promise.resolve();
      void end.then(() => {
        resolve(code === 0);
      });
    });
  });
}

/** Waits for the end of a process group, and brings it about where that takes too long. */
async function groupEnd(group: number): Promise<void> {
  const end = Date.now() + INTERRUPT_PATIENCE_MS;
  while (signalGroup(group, Date.now() < end ? 0 : 'SIGKILL')) await sleep(50);
}

/** False where the group has no process any more. */
function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal);
  } catch {
    return false;
  }
}

interface VitestReport {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: {
    name: string;
    message: string;
    status: string;
    assertionResults: { fullName: string; status: string; failureMessages: string[] }[];
  }[];
}

/** Runs the tests of a directory and adds them to the counts; false where one fails or there is none. */
async function runTests(directory: string, env?: NodeJS.ProcessEnv): Promise<boolean> {
  const temporary = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-report-'));
  const file = join(temporary, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`];
  try {
    const isPassed = await run('vitest', ['run', directory, ...reporters], env);
    if (isInterrupted) return false;
    const report = JSON.parse(readFileSync(file, 'utf8')) as VitestReport;
    // A file that cannot be loaded, or whose hooks fail, is no test in the report.
    const brokenFiles = report.testResults.filter(
      ({ status, assertionResults }) =>
        status === 'failed' && !assertionResults.some((test) => test.status === 'failed'),
    );
    counts.passed += report.numPassedTests;
    counts.failed += report.numFailedTests + brokenFiles.length;
    counts.skipped += report.numPendingTests + report.numTodoTests;
    for (const { name, message, assertionResults } of report.testResults) {
      const file = relative('.', name);
      if (message) failures.push(`${file}: ${message}`);
      for (const { fullName, failureMessages } of assertionResults) {
        failures.push(...failureMessages.map((why) => `${file}: ${fullName}\n${why}`));
      }
    }
    return isPassed && report.numPassedTests > 0;
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/**
 * Runs the load test.
 *
 * @param report the folder for its report, which is not to replace that of `npm run load`
 */
async function runLoad(runtime: string, report: string, args: string[]): Promise<boolean> {
  const directory = join('test/load/reports/npm-test', report);
  const script = ['--import', 'tsx', 'test/load/run.ts', '--runtime', runtime];
  const file = join(directory, 'report.md');
  rmSync(file, { force: true });
  const isPassed = await run('node', [...script, '--report', directory, ...args]);
  if (!isPassed && existsSync(file)) failures.push(readFileSync(file, 'utf8'));
  return isPassed;
}

/** Passes the first signal on to all processes of the step that runs; those after it do not start. */
function interrupt(signal: NodeJS.Signals): void {
  if (isInterrupted) return;
  isInterrupted = true;
  process.exitCode = 130;
  if (running.size === 0) process.exit();
  for (const { pid } of running) if (pid !== undefined) signalGroup(pid, signal);
}

function report(): void {
  const width = Math.max(...steps.map(({ name }) => name.length));
  console.log('');
  for (const { name, isPassed, durationMs } of steps) {
    const time = seconds(durationMs).padStart(9);
    console.log(`${name.padEnd(width)} ${time}  ${isPassed ? 'passed' : 'FAILED'}`);
  }
  for (const failure of failures.slice(0, MOST_TOLD)) console.log(`\n── FAILED: ${failure}`);
  const skipped = counts.skipped > 0 ? `, ${counts.skipped} skipped` : '';
  console.log(`\n${counts.passed} passed, ${counts.failed} failed${skipped}`);
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { runtime: { type: 'string', multiple: true }, unit: { type: 'boolean' } },
  });
  process.on('SIGINT', interrupt);
  process.on('SIGTERM', interrupt);

  let runtimes: Runtime[] = [];
  await step('set-up', async () => {
    await setUpClients();
    await setUpPromtool();
    if (!values.unit) runtimes = await setUp(values.runtime, [TOOLS_IMAGE, ACME_IMAGE, ETCD_IMAGE]);
    return true;
  });
  const isCi = Boolean(process.env['CI']);
  const build = ['esbuild.config.mjs', ...(isCi ? ['--check'] : [])];
  await step(isCi ? 'build (check only)' : 'build', () => run('node', build));
  const inspections = async (): Promise<void> => {
    await step('type check', () => run('tsc', ['-b']));
    await step('format', () => run('prettier', ['--check', '.']));
  };
  // Each of these keeps one core busy.
  await Promise.all([step('lint', () => run('eslint', ['.'])), inspections()]);
  await step('unit tests', () => runTests('test/unit'));
  for (const { name } of runtimes) {
    await step(`integration tests, ${name}`, () =>
      runTests('test/integration', { NGINX_RUNTIME: name }),
    );
    await step(`load, ${name}`, () => runLoad(name, name, SHORT_LOAD));
    // What a test that was killed could not remove.
    sweepLeftovers();
  }
  const [first] = runtimes;
  if (first) {
    await step('load, the plain approach has to fail', () =>
      runLoad(first.name, 'plain', PLAIN_LOAD),
    );
  }

  if (isInterrupted) return;
  report();
  if (counts.passed === 0 || steps.some(({ isPassed }) => !isPassed)) process.exitCode ??= 1;
}

await main().catch((error: unknown) => {
  console.error(`${message(error)}\n\n${USAGE}`);
  process.exitCode = 2;
});
