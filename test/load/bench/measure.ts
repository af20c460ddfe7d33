import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Nginx } from '../../support/nginx.js';
import { accountOf, cpuUs, shell } from '../shell.js';
import { CLIENT_CORE, isPinned, type Server } from './server.js';
import type { Site } from './sites.js';

/** How many clients connect at once: enough for the worker never to wait for a round trip. */
const CONNECTIONS = 16;

export interface Sample {
  handshakes: number;
  /** Of the worker, for all of them, in microseconds. */
  cpuUs: number;
}

/** Has clients make full handshakes for some whole seconds, and counts what they cost the worker. */
export async function measure(server: Server, site: Site, seconds: number): Promise<Sample> {
  const { nginx, worker } = server;
  const before = await requests(nginx);
  const script = `cat ${accountOf(worker)}; ${load(site, '/', seconds)} || exit; sleep 0.05; cat ${accountOf(worker)}`;
  const lines = await shell(nginx, script);
  // Asking how many requests there were is one.
  const handshakes = (await requests(nginx)) - before - 1;
  if (handshakes <= 0) throw new Error(`No handshakes:\n${lines}`);
  return { handshakes, cpuUs: cpuUs(lines.slice(lines.lastIndexOf('\n') + 1)) - cpuUs(lines) };
}

/**
 * Has the same clients' handshakes logged, to see that they are what is to be measured.
 *
 * @returns how they were made: the group and the cipher
 */
export async function warmUp({ nginx, runDirectory }: Server, site: Site): Promise<string> {
  await shell(nginx, load(site, '/told', 1));
  const lines = readFileSync(join(runDirectory, 'handshakes.log'), 'utf8').trim().split('\n');
  const own = new Set(lines.filter((line) => line.includes(` ${site.name} `)));
  const [only = ''] = own;
  const how = /^TLSv1\.3 \. \S+ (\S+ \S+)$/.exec(only)?.[1];
  if (own.size !== 1 || how === undefined) {
    throw new Error(`These are not full TLS 1.3 handshakes of one kind:\n${[...own].join('\n')}`);
  }
  return how;
}

function load({ name, port }: Site, path: string, seconds: number): string {
  const pin = isPinned ? `taskset -c ${CLIENT_CORE} ` : '';
  return `${pin}wrk --threads 1 --connections ${CONNECTIONS} --duration ${seconds} https://${name}:${port}${path}`;
}

/** How many requests nginx has answered, this one included. */
async function requests(nginx: Nginx): Promise<number> {
  const { body } = await nginx.admin('/status');
  const counts = /^ *\d+ +\d+ +(\d+) *$/m.exec(body);
  if (!counts) throw new Error(`No status: ${body}`);
  return Number(counts[1]);
}
