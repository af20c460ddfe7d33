import { seconds, timed } from '../../setup/command.js';
import { timeConfiguration } from './configuration.js';
import { partOf, writeCorpus } from './corpus.js';
import { measureClears, measureHandshakes, measureWalk } from './costs.js';
import { visitAll } from './fill.js';
import { createLeaves, type Leaves } from './leaves.js';
import { keyOf, Measurements } from './measurements.js';
import { count, nameOf } from './names.js';
import { timeRenewal, WAYS } from './renewals.js';
import { measureScan } from './scans.js';
import { bytesPerFurtherName, FOLDED_NAMES } from './scan_zone.js';
import { startServer, type Server } from './server.js';
import type { Subject } from './subjects.js';
import { memoryOf } from './worker_memory.js';
import { bytesPerName } from './zone.js';

export interface Options {
  subjects: Subject[];
  /** How many names, in ascending order. */
  sizes: number[];
  rounds: number;
}

/** For how many names RSA certificates are put into a dictionary, to see what they take. */
const RSA_NAMES = 1000;

const WALKS = ['/metrics', '/certs/?limit=100'];

/**
 * Measures all subjects with all numbers of names that they are measured with. Those that scan come at the end, one after
 * the other: a scan is work of the worker itself.
 */
export async function measureAll(options: Options): Promise<Measurements> {
  const { sizes, rounds } = options;
  const measurements = new Measurements();
  const leaves = await createLeaves('ec');
  const isMeasured = (names: number) => options.subjects.some((one) => names <= one.mostNames);
  const certs = await writeCorpus(leaves, sizes.filter(isMeasured).at(-1) ?? 0);
  const [scanning, others] = [true, false].map((isScan) =>
    options.subjects.filter(({ kind }) => (kind === 'scan') === isScan),
  ) as [Subject[], Subject[]];

  if (others.length > 0)
    await measureInTurn({ ...options, subjects: others }, measurements, leaves, certs);
  for (const subject of others.filter(({ name }) => name === 'njs')) {
    const rsaCerts = await writeCorpus(await createLeaves('rsa'), RSA_NAMES);
    const server = await startServer(subject, RSA_NAMES, rsaCerts);
    const bytes = await bytesPerName(server, () => visitAll(server));
    measurements.add(keyOf(server, 'zone', 'RSA-2048'), bytes);
    await server.nginx.stop();
  }
  for (const subject of scanning.filter(({ name }) => name === 'njs-scan')) {
    const key = keyOf({ subject, names: FOLDED_NAMES }, 'zone', 'each further name');
    measurements.add(key, await bytesPerFurtherName(subject));
  }
  for (const subject of scanning) {
    for (const names of sizes.filter((size) => size <= subject.mostNames)) {
      await measureScan(
        { subject, names, rounds, certs: partOf(certs, names) },
        measurements,
        leaves,
      );
    }
  }
  return measurements;
}

/** Measures subjects that all run at the same time, in turn, so that whatever else the machine does meanwhile slows down all. */
async function measureInTurn(
  { subjects, sizes, rounds }: Options,
  measurements: Measurements,
  leaves: Leaves,
  certs: string,
): Promise<void> {
  const servers: Server[] = [];
  for (const names of sizes) {
    const own: Server[] = [];
    for (const subject of subjects.filter(({ mostNames }) => names <= mostNames)) {
      own.push(await startServer(subject, names, certs));
    }
    await timed(`Handshakes with each of ${count(names)}, ${own.length} servers`, () =>
      Promise.all(own.map((server) => fill(server, measurements))),
    );
    servers.push(...own);
  }

  const parts: [title: string, part: (server: Server) => Promise<void>][] = [
    ['Handshakes, clears and lists', (server) => measureCosts(server, measurements)],
    ['Configurations', (server) => measureConfiguration(server, measurements)],
    ['Renewals', (server) => measureRenewals(server, leaves, measurements)],
  ];
  for (const [title, part] of parts) {
    for (let round = 1; round <= rounds; round++) {
      const start = performance.now();
      for (const server of servers) await part(server);
      const took = seconds(performance.now() - start);
      console.log(`${title}, round ${round} of ${rounds}: ${took}`);
    }
  }
  await Promise.all(servers.map(({ nginx }) => nginx.stop()));
}

/** Makes a handshake with each name, and looks what that leaves in memory and in the dictionary. */
async function fill(server: Server, measurements: Measurements): Promise<void> {
  const visit = async (): Promise<void> => {
    await visitAll(server);
    const { workerRss, workerPss, allPss } = await memoryOf(server);
    measurements.add(keyOf(server, 'workerRss'), workerRss);
    measurements.add(keyOf(server, 'workerPss'), workerPss);
    measurements.add(keyOf(server, 'allPss'), allPss);
  };
  if (server.subject.kind !== 'bundle') {
    await visit();
    return;
  }
  measurements.add(keyOf(server, 'zone', 'P-256'), await bytesPerName(server, visit));
  // Asking for that was listing all names, and the worker keeps the memory which it took for it.
  measurements.add(
    keyOf(server, 'workerRss', 'after /metrics'),
    (await memoryOf(server)).workerRss,
  );
}

async function measureCosts(server: Server, measurements: Measurements): Promise<void> {
  const { one, many } = await measureHandshakes(server);
  measurements.add(keyOf(server, 'handshakeOne'), one);
  measurements.add(keyOf(server, 'handshakeMany'), many);
  if (server.subject.kind !== 'bundle') return;
  measurements.add(keyOf(server, 'clear'), await measureClears(server));
  for (const path of WALKS) {
    const { cpuMs, longestMs } = await measureWalk(server, path);
    measurements.add(keyOf(server, 'walkCpu', path), cpuMs);
    measurements.add(keyOf(server, 'walkStall', path), longestMs);
  }
}

async function measureConfiguration(server: Server, measurements: Measurements): Promise<void> {
  measurements.add(keyOf(server, 'configuration'), await timeConfiguration(server));
}

async function measureRenewals(
  server: Server,
  leaves: Leaves,
  measurements: Measurements,
): Promise<void> {
  for (const way of WAYS[server.subject.kind]) {
    const key = keyOf(server, 'renewal', way);
    measurements.add(key, await timeRenewal(server, way, nextName(server.names), leaves));
  }
}

let renewed = 0;

/** One that was not renewed before, unless all were: the servers see the same files. */
function nextName(names: number): string {
  return nameOf(renewed++ % names);
}
