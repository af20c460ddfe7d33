// npm run load: whether every handshake serves what it has to while certificates are replaced under load.
import { join } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { parseArgs } from 'node:util';
import { SetUpError } from '../setup/command.js';
import { setUp, setUpFirstOf } from '../setup/index.js';
import { defaultRuntimes } from '../setup/runtimes.js';
import { isKept, putUnderLoad, type LoadOptions, type Result } from './load.js';
import { ownTarget, warning, type OwnOptions } from './own.js';
import { describeMachine } from './machine.js';
import { figuresOf, writeReport } from './report.js';
import { startSite, type Kind } from './site.js';
import type { Target } from './target.js';

const USAGE = `npm run load [-- OPTION…]
  --seconds N        how long without faults; default: 60
  --fault-seconds N  how long each fault lasts after that; 0: none; default: 4
  --clients N        how many connect without pause; default: 64
  --writers N        how many replace certificates; default: 6
  --runtime NAME     the nginx to start
  --plain            the plain approach in place of the bundle: passes where the checker finds failures
  --two-nginx        two nginx with one store, without faults: each serves in time what was put through the other
  --report DIRECTORY where report.md, report.json and plot.svg go; default: test/load/reports/RUNTIME
Or an nginx of yours, without faults:
  --url URL          https://HOST:PORT
  --admin ADDRESS    where its HTTP handlers answer: unix:PATH or http://HOST:PORT
  --names A,B        names whose certificates are replaced, and deleted at the end
  --yes              do not ask first`;

const RESUMING = 8;

function readArguments(): {
  load: Omit<LoadOptions, 'signal'>;
  own: OwnOptions | undefined;
  runtime: string | undefined;
  kind: Kind;
  isAgreed: boolean;
  report: string | undefined;
} {
  const { values } = parseArgs({
    options: {
      seconds: { type: 'string', default: '60' },
      'fault-seconds': { type: 'string', default: '4' },
      clients: { type: 'string', default: '64' },
      writers: { type: 'string', default: '6' },
      runtime: { type: 'string' },
      plain: { type: 'boolean', default: false },
      'two-nginx': { type: 'boolean', default: false },
      report: { type: 'string' },
      url: { type: 'string' },
      admin: { type: 'string' },
      names: { type: 'string' },
      yes: { type: 'boolean', default: false },
    },
  });
  const number = (name: 'seconds' | 'fault-seconds' | 'clients' | 'writers'): number => {
    const value = Number(values[name]);
    if (!(value >= 0)) throw new Error(`--${name} ${values[name]}: it has to be a number`);
    return value;
  };
  const kind = values.plain ? 'plain' : values['two-nginx'] ? 'two-nginx' : 'bundle';
  const { url, admin } = values;
  const names = values.names?.split(',').filter(Boolean) ?? [];
  const own = url && admin && names.length > 0 ? { url, admin, names } : undefined;
  if (!own && (url ?? admin ?? values.names) !== undefined) {
    throw new Error('An nginx of yours needs all of --url, --admin and --names.');
  }
  return {
    load: {
      seconds: number('seconds'),
      faultSeconds: kind === 'bundle' ? number('fault-seconds') : 0,
      clients: number('clients'),
      resuming: RESUMING,
      writers: Math.min(number('writers'), own?.names.length ?? Infinity),
    },
    own,
    runtime: values.runtime,
    kind,
    isAgreed: values.yes,
    report: values.report,
  };
}

async function agree(own: OwnOptions, isAgreed: boolean): Promise<void> {
  console.log(warning(own));
  if (isAgreed) return;
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await terminal.question('Go on? [y/N] ');
  terminal.close();
  if (!/^y/i.test(answer)) process.exit(1);
}

/** Puts the target under load; an interrupt ends that early, and the target is still left as it should be. */
async function run(target: Target, load: LoadOptions): Promise<Result> {
  const interrupted = new AbortController();
  if (!target.nginx) {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        interrupted.abort();
      });
    }
  }
  try {
    return await putUnderLoad(target, { ...load, signal: interrupted.signal });
  } finally {
    await target.end();
  }
}

/** @param mostTold how many failures are told; the report has more */
function print(result: Result, mostTold: number): void {
  const rows = figuresOf(result);
  const width = Math.max(...rows.map(([what]) => what.length));
  console.log(`\n${result.title}`);
  for (const [what, value] of rows) console.log(`  ${what.padEnd(width)}  ${value}`);
  const told = [...result.problems, ...result.tally.told].slice(0, mostTold);
  for (const one of told) console.log(`\n${one}`);
}

async function main(): Promise<boolean> {
  const { load, own, kind, isAgreed, ...wanted } = readArguments();
  if (own) await agree(own, isAgreed);
  let target: Target;
  let place = 'own';
  const images: string[] = [];
  if (own) {
    target = ownTarget(own);
  } else {
    const [runtime] = wanted.runtime
      ? await setUp([wanted.runtime])
      : [await setUpFirstOf(defaultRuntimes)];
    target = await startSite({ runtime: runtime!, kind, seconds: load.seconds });
    place = kind === 'bundle' ? runtime!.name : `${runtime!.name}-${kind}`;
    images.push(runtime!.image);
  }
  console.log(`${target.title}: ${target.names.length} names, ${load.clients} clients`);
  const machine = describeMachine(images);
  const result = await run(target, load);
  print(result, kind === 'plain' ? 2 : 20);
  const directory = wanted.report ?? join(import.meta.dirname, 'reports', place);
  writeReport(directory, result, machine);
  console.log(`\n${directory}: report.md, report.json, plot.svg`);
  if (kind === 'plain') {
    const found = result.tally.failures + result.tally.violations;
    console.log(`The checker found ${found} failures of the plain approach.`);
    return found > 0;
  }
  console.log(isKept(result) ? 'Every promise was kept.' : 'NOT every promise was kept.');
  return isKept(result);
}

const isPassed = await main().catch((error: unknown) => {
  console.error(error instanceof SetUpError ? error.message : error);
  console.error(`\n${USAGE}`);
  return false;
});
process.exit(isPassed ? 0 : 1);
