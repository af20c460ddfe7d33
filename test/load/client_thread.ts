// A thread of clients. Signing certificates, which the main thread does, is not to stop their clocks.
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { parentPort, workerData } from 'node:worker_threads';
import { message } from '../setup/command.js';
import { openConnection, type ClientOptions, type Connection } from '../support/tls_client.js';
import { now } from './clock.js';
import type { Command, Kind, LongAnswer, Outcome, Report, ThreadOptions } from './outcome.js';

/** How often the outcomes go to the main thread, in milliseconds. */
const REPORT_MS = 100;
/** Where nothing is served, failures are not to be counted by the million. In milliseconds. */
const PAUSE_AFTER_FAILURE_MS = 20;
/** How often a session is used. */
const RESUMPTIONS = 5;
/** How many of a burst are open at a time. */
const BURST_WIDTH = 32;

const options = workerData as ThreadOptions;
const modern = createSecureContext();
const older = createSecureContext({ maxVersion: 'TLSv1.2' });
let outcomes: Outcome[] = [];
let attended: number[] = [];
let isStopped = false;
const goesOn = (): boolean => !isStopped;

function post(report: Report): void {
  parentPort!.postMessage(report);
}

function flush(): void {
  post({ is: 'outcomes', outcomes });
  outcomes = [];
}

function randomOf<T>(list: T[]): T {
  return list[Math.floor(Math.random() * list.length)]!;
}

function randomName(): number {
  if (attended.length > 0 && Math.random() < 0.5) return randomOf(attended);
  return Math.floor(Math.random() * options.names.length);
}

/** Makes one handshake and notes how it came out; undefined: it failed. */
async function open(
  kind: Kind,
  name: number,
  more: Partial<ClientOptions> = {},
): Promise<Connection | undefined> {
  const startedAt = now();
  try {
    const connection = await openConnection({
      host: options.host,
      port: randomOf(options.ports),
      servername: options.names[name]!,
      secureContext: modern,
      ...more,
    });
    const { serial, reused } = connection;
    const what = kind === 'resumed' && !reused ? 'full' : kind;
    outcomes.push({ kind: what, name, startedAt, endedAt: now(), serial });
    return connection;
  } catch (error) {
    outcomes.push({ kind, name, startedAt, endedAt: now(), serial: '', error: message(error) });
    await sleep(PAUSE_AFTER_FAILURE_MS);
    return undefined;
  }
}

/** The handshake is over and noted: how the connection ends says nothing more. */
async function close(connection: Connection | undefined): Promise<void> {
  await connection?.close().catch(() => undefined);
}

/** Connects without pause. */
async function hurry(more: Partial<ClientOptions>): Promise<void> {
  while (goesOn()) await close(await open('full', randomName(), more));
}

/** Gets a session and resumes it some times. */
async function resume(): Promise<void> {
  while (goesOn()) {
    const name = randomName();
    // Each server knows its own sessions alone.
    const port = randomOf(options.ports);
    const startedAt = now();
    const first = await open('full', name, { port });
    if (!first) continue;
    try {
      const session = await first.session();
      await close(first);
      for (let i = 0; i < RESUMPTIONS && goesOn(); i++) {
        await close(await open('resumed', name, { port, session }));
      }
    } catch (error) {
      const fault = { endedAt: now(), serial: '', error: message(error) };
      outcomes.push({ kind: 'resumed', name, startedAt, ...fault });
    }
  }
}

/** Keeps a connection for as long as an answer takes, again and again. */
async function stay({ path, length }: LongAnswer): Promise<void> {
  while (goesOn()) {
    const name = randomName();
    const startedAt = now();
    const connection = await open('full', name);
    if (!connection) continue;
    const fault = await connection
      .get(path)
      .then(
        ({ status, body }) =>
          status === 200 && body.length === length
            ? undefined
            : `${status} with ${body.length} of ${length} characters`,
        message,
      );
    const outcome: Outcome = { kind: 'answer', name, startedAt, endedAt: now(), serial: '' };
    outcomes.push(fault === undefined ? outcome : { ...outcome, error: fault });
    await close(connection);
  }
}

/** Asks for names that nobody has, malformed ones among them. */
async function burst(count: number): Promise<void> {
  let left = count;
  const one = async (): Promise<void> => {
    while (left-- > 0) {
      const random = Math.random().toString(36).slice(2);
      const servername = randomOf([
        `${random}.example`,
        `${random}.${randomOf(options.names)}`,
        `../certs/${random}`,
        random.repeat(20),
      ]);
      await close(await open('unknown', options.fallback, { servername }));
    }
  };
  await Promise.all(Array.from({ length: BURST_WIDTH }, one));
}

const timer = setInterval(flush, REPORT_MS);
const loops: Promise<void>[] = [];
for (let i = 0; i < options.clients; i++) {
  loops.push(hurry({ secureContext: i % 8 === 7 ? older : modern }));
}
for (let i = 0; i < options.resuming; i++) loops.push(resume());
// What they wait for may take longer than anybody wants to: their end is that of the thread.
for (const answer of options.longAnswers) void stay(answer);

async function obey(command: Command): Promise<void> {
  if (command.do === 'attend') {
    attended = command.names;
    return;
  }
  if (command.do === 'burst') {
    await burst(command.count);
    flush();
    post({ is: 'burst-done' });
    return;
  }
  isStopped = true;
  await Promise.all(loops);
  clearInterval(timer);
  flush();
  post({ is: 'stopped' });
}

parentPort!.on('message', (command: Command) => {
  void obey(command);
});
