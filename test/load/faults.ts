import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Nginx } from '../support/nginx.js';
import { replaceFile } from '../support/certificates.js';
import { handshake } from '../support/tls_client.js';
import type { Clients } from './clients.js';
import { now } from './clock.js';
import type { History } from './history.js';
import type { Issuer } from './issuer.js';
import { SMALL_STORE, SMALL_STORE_MIB, WORKERS } from './site.js';
import type { Target } from './target.js';
import type { Expected, Rotation, Writers } from './writers.js';

/** What a fault works on, while clients and writers go on. */
export interface Stage {
  target: Target;
  nginx: Nginx;
  issuer: Issuer;
  histories: History[];
  clients: Clients;
  writers: Writers;
  expected: Expected;
  /** Those so far. */
  rotations: Rotation[];
  /** How long a lasting fault lasts, in milliseconds. */
  holdMs: number;
}

/** Something that goes wrong. Throws where it was not felt: then nothing is proven by it. */
export interface Fault {
  name: string;
  happen: (stage: Stage) => Promise<void>;
}

export const FAULTS: Fault[] = [
  { name: 'unknown names', happen: askForUnknownNames },
  { name: 'half-written files', happen: writeHalves },
  { name: 'full zone', happen: fillZone },
  { name: 'full store', happen: fillStore },
  { name: 'killed worker', happen: killWorker },
  { name: 'SIGHUP', happen: ({ nginx }) => nginx.reload() },
];

/** How many names nobody has are asked for in a second. */
const UNKNOWN_RATE = 100;

async function askForUnknownNames({ clients, holdMs }: Stage): Promise<void> {
  await clients.burst(Math.ceil((UNKNOWN_RATE * holdMs) / 1000));
}

/** The files of a renewal as they are while it is being written: cut off in any place, or not yet both of it. */
async function writeHalves(stage: Stage): Promise<void> {
  const { target, nginx, issuer, histories, writers, holdMs } = stage;
  const taken = writers.take('files');
  const { name, index } = taken;
  const history = histories[index]!;
  const certFile = join(nginx.certsDirectory, `${name}.cert.pem`);
  const keyFile = join(nginx.certsDirectory, `${name}.key.pem`);
  const end = now() + holdMs;
  try {
    for (let round = 0; round === 0 || now() < end; round++) {
      const number = history.versions.length + 1;
      const pair = await issuer.issue({ name: index, version: number }, name);
      const leafEnd = pair.certPem.length;
      await writers.see(taken);
      const cuts = [leafEnd / 2, leafEnd, leafEnd + 100, 0];
      // In place, as a program writes that knows no better.
      await writeFile(certFile, pair.chainPem.slice(0, cuts[round % cuts.length]));
      await expectLastGood(target, name);
      await writeFile(certFile, pair.chainPem);
      await writeFile(keyFile, pair.keyPem.slice(0, pair.keyPem.length / 2));
      await expectLastGood(target, name);
      const version = history.issue('clear', now());
      await replaceFile(keyFile, pair.keyPem);
      await clear(target, name);
      version.acknowledgedAt = now();
    }
  } finally {
    writers.give(taken);
  }
}

async function clear({ admin }: Target, name: string): Promise<void> {
  const { status, body } = await admin(`/clear?name=${name}`, { method: 'POST' });
  if (status !== 200) throw new Error(`/clear?name=${name}: ${status} ${body}`);
}

/** Has the files looked at, which do not hold a pair, and sees whether that was noted. */
async function expectLastGood(target: Target, name: string): Promise<void> {
  await clear(target, name);
  await handshake({ host: target.host, port: target.ports[0]!, servername: name });
  const { body } = await target.admin(`/certs/${name}`);
  const { state } = JSON.parse(body) as { state?: string };
  if (state !== 'last-good') throw new Error(`${name} is ${body}`);
}

/** More than the zone has room for. */
const MOST_FILLERS = 1000;
/** How many requests are made at a time. */
const WIDTH = 8;

/** Fills the zone with the records of other names until no more fit in. */
async function fillZone({ target, issuer, expected, writers, holdMs }: Stage): Promise<void> {
  const close = expected.zoneFull.open();
  const fillers: string[] = [];
  const { pairPem: body } = await issuer.authority.issue({ names: ['*.filler.example'] });
  let count = 0;

  /** @returns whether there was room */
  async function fill(): Promise<boolean> {
    if (count === MOST_FILLERS) throw new Error('The zone does not get full');
    const name = `f${count++}.filler.example`;
    const answer = await target.admin(`/certs/${name}`, { method: 'PUT', body });
    if (answer.status === 201) fillers.push(name);
    else if (answer.status !== 507) throw new Error(`PUT ${name}: ${answer.status} ${answer.body}`);
    return answer.status === 201;
  }
  async function drop(): Promise<boolean> {
    const name = fillers.pop();
    if (name === undefined) return false;
    const { status, body } = await target.admin(`/certs/${name}`, { method: 'DELETE' });
    if (status !== 200) throw new Error(`DELETE ${name}: ${status} ${body}`);
    return true;
  }

  await whileTrue(fill);
  writers.prefer('put');
  await sleep(holdMs);
  writers.prefer('');
  await whileTrue(drop);
  close();
}

/** Does some work again and again, several times at once, each until it comes to false. */
async function whileTrue(work: () => Promise<boolean>): Promise<void> {
  const one = async (): Promise<void> => {
    let goesOn = true;
    while (goesOn) goesOn = await work();
  };
  await Promise.all(Array.from({ length: WIDTH }, one));
}

async function fillStore({ nginx, expected, writers, rotations, holdMs }: Stage): Promise<void> {
  const filler = `${SMALL_STORE}/filler`;
  const before = rotations.length;
  const close = expected.storeFull.open();
  await nginx.exec(['sh', '-c', `head -c ${SMALL_STORE_MIB}m /dev/zero >${filler}`]);
  writers.prefer('small');
  await sleep(holdMs);
  writers.prefer('');
  await nginx.exec(['rm', filler]);
  close();
  if (!rotations.slice(before).some(({ result }) => result === 'refused')) {
    throw new Error('No put was refused');
  }
}

const PATIENCE_MS = 20_000;

async function killWorker({ nginx, expected }: Stage): Promise<void> {
  const { workers } = await nginx.processes();
  const victim = workers[0]!;
  const close = expected.resets.open();
  await nginx.kill('SIGKILL', victim);
  close();
  const end = now() + PATIENCE_MS;
  for (;;) {
    const { workers: left } = await nginx.processes();
    if (left.length === WORKERS && !left.includes(victim)) return;
    if (now() > end) throw new Error(`Worker ${victim} is not replaced`);
    await sleep(50);
  }
}
