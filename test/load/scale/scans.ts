import { timed } from '../../setup/command.js';
import { now } from '../clock.js';
import { quantileOf } from '../statistics.js';
import { makeCorpus } from './corpus.js';
import { ask } from './costs.js';
import type { FigureName } from './figures.js';
import { expectFound, timeFirstScan } from './first_scan.js';
import type { Leaves } from './leaves.js';
import { keyOf, type Measurements } from './measurements.js';
import { count, nameOf } from './names.js';
import { pacedHandshakes, QUIET_MS } from './paced.js';
import { timeRenewal } from './renewals.js';
import { startServer, type Server } from './server.js';
import type { Subject } from './subjects.js';
import { sampleOwnMemory, workerMemoryOf, type WorkerMemory } from './worker_memory.js';
import { freeBytes } from './zone.js';

export interface ScanOptions {
  subject: Subject;
  names: number;
  rounds: number;
  /** The host's directory with a pair for each name, and no other. */
  certs: string;
}

/** Measures a subject that finds its names in the certificates of a folder, from its start on. */
export async function measureScan(
  options: ScanOptions,
  measurements: Measurements,
  leaves: Leaves,
): Promise<void> {
  const { subject, names, rounds, certs } = options;
  await timed(`Scans, ${count(names)}: ${subject.title}`, async () => {
    const add = (figure: FigureName, way: string, value: number): void => {
      measurements.add(keyOf(options, figure, way), value);
    };
    const idle = await lookAtIdle(options);
    const server = await startServer(subject, names, certs);
    const first = await measureFirstScan(server);
    add('firstScan', '', first.tookMs / 1000);
    for (const [when, times] of Object.entries({
      'first scan': first.handshakes,
      'no scan': await quietHandshakes(server),
    })) {
      add('scanHandshake', `median, ${when}`, quantileOf(times, 0.5));
      add('scanHandshake', `99 %, ${when}`, quantileOf(times, 0.99));
      add('scanHandshake', `longest, ${when}`, quantileOf(times, 1));
    }
    add('scanPrivate', 'before', idle.memory.own);
    add('scanPrivate', 'at most', first.highestOwn);
    add('scanPrivate', 'after', first.memory.own);
    add('scanRss', 'before', idle.memory.rss);
    add('scanRss', 'at most', first.memory.highestRss);
    add('scanRss', 'after', first.memory.rss);
    add('zone', 'P-256', (idle.free - (await freeBytes(server))) / names);
    // Reads once more what was written just before the first scan.
    await ask(server, '/clear');
    for (let round = 0; round < rounds; round++) {
      const startedAt = now();
      await ask(server, '/clear');
      add('scanClear', '', now() - startedAt);
    }
    for (let round = 0; round < rounds; round++) {
      add('renewal', 'clear', await timeRenewal(server, 'clear', nameOf(round % names), leaves));
    }
    await server.nginx.stop();
  });
}

/** What the bundle takes from a machine on which its scan has found nothing. */
async function lookAtIdle({
  subject,
  names,
}: ScanOptions): Promise<{ memory: WorkerMemory; free: number }> {
  const server = await startServer(subject, names, makeCorpus());
  const memory = await workerMemoryOf(server);
  const free = await freeBytes(server);
  await server.nginx.stop();
  return { memory, free };
}

interface FirstScan {
  tookMs: number;
  /** How long each handshake took meanwhile, in milliseconds. */
  handshakes: number[];
  /** The most memory of its own that the worker had, in MiB. */
  highestOwn: number;
  /** When it was over. */
  memory: WorkerMemory;
}

async function measureFirstScan(server: Server): Promise<FirstScan> {
  const { names } = server;
  let isOver = false;
  const paced = pacedHandshakes(server, () => isOver);
  const { stop } = await sampleOwnMemory(server);
  const tookMs = await timeFirstScan(server, names);
  isOver = true;
  const handshakes = await paced;
  const highestOwn = await stop();
  const memory = await workerMemoryOf(server);
  await expectFound(server, { files: names, names });
  return { tookMs, handshakes, highestOwn, memory };
}

async function quietHandshakes(server: Server): Promise<number[]> {
  const end = now() + QUIET_MS;
  return pacedHandshakes(server, () => now() > end);
}
