import { now } from '../clock.js';
import { cpuTime } from '../shell.js';
import { nameOf, sampleOf } from './names.js';
import { forEachIndex } from './pool.js';
import type { Server } from './server.js';

const HANDSHAKES = 200;
/** More than half of the usual `ssl_certificate_cache`, which holds a certificate and a key of each: none is found there. */
export const MANY = 600;
export const CLEARS = 100;
const WARM_UP = 10;

/** Worker CPU time of one handshake, in microseconds: for one name, and for names that are spread over all. */
export async function measureHandshakes(server: Server): Promise<{ one: number; many: number }> {
  const many = sampleOf(server.names, MANY);
  const one = Array.from({ length: HANDSHAKES }, () => nameOf(0));
  // What was not looked at for the check interval, or since a clear, costs more.
  await handshakes(server, many);
  const spread = await cpuOf(server, () => handshakes(server, many));
  await handshakes(server, one.slice(0, WARM_UP));
  const same = await cpuOf(server, () => handshakes(server, one));
  return { one: same / one.length, many: spread / many.length };
}

/** Worker CPU time of a clear of all names, in microseconds. */
export async function measureClears(server: Server): Promise<number> {
  const whole = await cpuOf(server, async () => {
    for (let i = 0; i < CLEARS; i++) await ask(server, '/clear');
  });
  return whole / CLEARS;
}

/** What a request costs that looks at all names. */
export interface Walk {
  /** Worker CPU time, in milliseconds. */
  cpuMs: number;
  /** The longest handshake that was made meanwhile, in another such request. */
  longestMs: number;
}

export async function measureWalk(server: Server, path: string): Promise<Walk> {
  const cpuUs = await cpuOf(server, () => ask(server, path));
  const walk = { isOver: false };
  const answered = ask(server, path).finally(() => {
    walk.isOver = true;
  });
  let longestMs = 0;
  do {
    const startedAt = now();
    const { endedAt } = await server.handshake(nameOf(0));
    longestMs = Math.max(longestMs, endedAt - startedAt);
  } while (!walk.isOver);
  await answered;
  return { cpuMs: cpuUs / 1000, longestMs };
}

async function handshakes(server: Server, names: string[]): Promise<void> {
  await forEachIndex(names.length, (index) => server.handshake(names[index]!));
}

/** Sends a request to the HTTP handlers. Throws where it fails. */
export async function ask({ nginx }: Server, path: string): Promise<void> {
  const { status, body } = await nginx.admin(path);
  if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
}

/** CPU time that the worker takes for some work, in microseconds. */
async function cpuOf({ nginx, worker }: Server, work: () => Promise<void>): Promise<number> {
  const pid = await worker();
  const before = await cpuTime(nginx, pid);
  await work();
  return (await cpuTime(nginx, pid)) - before;
}
