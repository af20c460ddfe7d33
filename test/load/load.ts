import { setTimeout as sleep } from 'node:timers/promises';
import { message } from '../setup/command.js';
import { handshake } from '../support/tls_client.js';
import { startClients } from './clients.js';
import { now } from './clock.js';
import { FAULTS, type Stage } from './faults.js';
import { History } from './history.js';
import { createIssuer } from './issuer.js';
import { growthOf, MemoryWatch, type Growth, type Sample } from './memory.js';
import { percentile, Tally } from './tally.js';
import type { Target } from './target.js';
import { Windows } from './windows.js';
import { Writers, type Expected, type Rotation } from './writers.js';

/** Threads of clients. */
const THREADS = 2;
const PROGRESS_MS = 2000;
/** The share of the steady time after which memory is to be flat: before, caches fill. */
const WARM_UP = 0.4;

export interface LoadOptions {
  /** How long all goes well, in seconds. */
  seconds: number;
  /** How long each fault that lasts is to last, in seconds; 0: none happens. */
  faultSeconds: number;
  clients: number;
  /** How many resume sessions beside them. */
  resuming: number;
  writers: number;
  /** Ends the run early. */
  signal?: AbortSignal;
}

/** A fault as it happened. Times are those of clock.ts. */
export interface FaultReport {
  name: string;
  startedAt: number;
  endedAt: number;
  /** Why it proves nothing. */
  problem?: string;
}

/** All that a run came to. */
export interface Result {
  title: string;
  options: Omit<LoadOptions, 'signal'>;
  names: number;
  /** Times of clock.ts: second 0, the end of the steady time, and the end. */
  startedAt: number;
  steadyUntil: number;
  endedAt: number;
  tally: Tally;
  rotations: Rotation[];
  /** What the handlers should not have answered, and clients that did not come to an end. */
  problems: string[];
  faults: FaultReport[];
  samples: Sample[];
  /** Of each worker, in the steady time after the warm-up; none where that is too short to tell. */
  growth: Growth[];
}

/** Whether every promise was kept. */
export function isKept({ tally, problems, faults, growth }: Result): boolean {
  return (
    tally.failures === 0 &&
    tally.violations === 0 &&
    tally.good.full > 0 &&
    problems.length === 0 &&
    faults.every(({ problem }) => problem === undefined) &&
    growth.every(({ isFlat }) => isFlat)
  );
}

/** Puts a target under load, first with all well and then with faults, and prints how it goes. */
export async function putUnderLoad(target: Target, options: LoadOptions): Promise<Result> {
  const { signal, ...numbers } = options;
  const issuer = await createIssuer();
  const histories = target.names.map(({ index, name }) => new History(index, name));
  const expected: Expected = {
    resets: new Windows(),
    zoneFull: new Windows(),
    storeFull: new Windows(),
  };
  const rotations: Rotation[] = [];
  const problems: string[] = [];
  const writers = new Writers({
    target,
    issuer,
    histories,
    expected,
    rotated: (rotation) => rotations.push(rotation),
    failed: (what) => problems.push(what),
  });
  await writers.prepare();
  // What was never asked for is not held, and half of a renewal is all there is to it.
  for (const { name } of target.names) {
    await handshake({ host: target.host, port: target.ports[0]!, servername: name });
  }
  rotations.length = 0;

  const startedAt = now();
  const tally = new Tally(issuer.identify, histories, expected.resets, startedAt);
  const memory = target.nginx && new MemoryWatch(target.nginx);
  const clients = startClients(
    {
      host: target.host,
      ports: target.ports,
      names: target.names.map(({ name }) => name),
      fallback: target.fallback,
      clients: options.clients,
      resuming: options.resuming,
      longAnswers: target.longAnswers,
    },
    THREADS,
    (outcomes) => {
      for (const outcome of outcomes) tally.note(outcome);
    },
  );
  writers.start(options.writers, clients.attend);

  const progress = setInterval(() => {
    printProgress(startedAt, tally, rotations);
  }, PROGRESS_MS);
  await sleep(options.seconds * 1000, undefined, { signal }).catch(() => undefined);
  const steadyUntil = now();

  const faults: FaultReport[] = [];
  if (target.nginx && options.faultSeconds > 0) {
    const holdMs = options.faultSeconds * 1000;
    const stage = { target, nginx: target.nginx, issuer, histories, clients, writers, expected };
    for (const fault of FAULTS) {
      faults.push(await happen(fault, { ...stage, rotations, holdMs }));
      await sleep(holdMs / 4);
    }
  }

  clearInterval(progress);
  await memory?.stop();
  await writers.stop();
  await clients.stop().catch((error: unknown) => problems.push(message(error)));
  const samples = memory?.samples ?? [];
  const warmAt = startedAt + (steadyUntil - startedAt) * WARM_UP;
  return {
    title: target.title,
    options: numbers,
    names: target.names.length,
    startedAt,
    steadyUntil,
    endedAt: now(),
    tally,
    rotations,
    problems,
    faults,
    samples,
    growth: growthOf(samples, warmAt, steadyUntil),
  };
}

async function happen(
  { name, happen: work }: (typeof FAULTS)[number],
  stage: Stage,
): Promise<FaultReport> {
  const startedAt = now();
  console.log(`  ${name} …`);
  const problem = await work(stage).then(() => undefined, message);
  const report = { name, startedAt, endedAt: now() };
  return problem === undefined ? report : { ...report, problem };
}

/** One line on the last whole seconds. */
function printProgress(startedAt: number, tally: Tally, rotations: Rotation[]): void {
  const whole = Math.floor((now() - startedAt) / 1000);
  const last = tally.seconds.slice(Math.max(0, whole - PROGRESS_MS / 1000), whole);
  const latencies = last.flatMap((second) => second.latencies);
  const perSecond = latencies.length / Math.max(1, last.length);
  const p99 = percentile(latencies, 0.99);
  console.log(
    `  ${`${whole}`.padStart(4)} s  ${perSecond.toFixed(0).padStart(5)} handshakes/s, ` +
      `99 % within ${p99.toFixed(0)} ms; ${rotations.length} rotations, ` +
      `${tally.failures} failed, ${tally.violations} violations`,
  );
}
