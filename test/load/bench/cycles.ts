import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { lastLines } from '../../setup/command.js';
import { shell } from '../shell.js';
import { cyclesOf, perHandshake, readCaches, readCounts, type Counts } from './cachegrind.js';
import { baseOf, type Configuration } from './configurations.js';
import { configOf, storeOf, type Server } from './server.js';
import type { Site } from './sites.js';

/** How many handshakes one nginx makes; what another takes that makes fewer is not counted. */
const MORE = 100;
const FEWER = 20;

/** How often a handshake is tried, five times a second, until nginx has started under valgrind. */
const TRIES = 300;

/** What one handshake takes with one configuration and one kind of certificate, outside of the kernel. */
export interface Cycles {
  configuration: Configuration;
  site: Site;
  counts: Counts;
  /** Those that were simulated. */
  caches: string;
}

/** Counts cycles in turn. They are much the same whatever else the machine does. */
export async function countAll(servers: Server[], sites: Site[]): Promise<Cycles[]> {
  const all: Cycles[] = [];
  for (const server of servers) {
    // Each site has a file and a port of its own.
    all.push(...(await Promise.all(sites.map((site) => count(server, site)))));
    console.log(`Cycles: ${server.configuration.title} (${server.configuration.name})`);
  }
  return all;
}

/** What a configuration's cycles are counted beside; undefined where these were not counted. */
export function staticOf(all: Cycles[], { configuration, site }: Cycles): Cycles | undefined {
  return all.find((one) => one.site === site && one.configuration === baseOf(configuration));
}

/** How many times the cycles of a static certificate. */
export function ratioOf(all: Cycles[], own: Cycles): number | undefined {
  const base = staticOf(all, own);
  return base && cyclesOf(own.counts) / cyclesOf(base.counts);
}

async function count(server: Server, site: Site): Promise<Cycles> {
  const fewer = await runUnderCachegrind(server, site, FEWER);
  const more = await runUnderCachegrind(server, site, MORE);
  return {
    configuration: server.configuration,
    site,
    counts: perHandshake(readCounts(more), readCounts(fewer), MORE - FEWER),
    caches: readCaches(more),
  };
}

/** Starts an nginx of one process, has it make one handshake and then some more, and ends it. */
async function runUnderCachegrind(server: Server, site: Site, times: number): Promise<string> {
  const { configuration, nginx, runDirectory } = server;
  const name = `counted-${site.key}`;
  const path = (kind: string): string => join(runDirectory, `${name}.${kind}`);
  writeFileSync(path('conf'), configOf(configuration, site));
  const inside = `/run/nginx/${name}`;
  const valgrind = `valgrind --tool=cachegrind --cache-sim=yes --branch-sim=yes --cachegrind-out-file=${inside}.out`;
  const oneProcess = "-g 'daemon off; master_process off;'";
  const client = `openssl s_client -connect 127.0.0.1:${site.countedPort} -servername ${site.name}`;
  try {
    await shell(
      nginx,
      `rm -rf ${storeOf(site)} && install -d -m 700 ${storeOf(site)} || exit
      shake() { ${client} </dev/null >/dev/null 2>&1; }
      ${valgrind} nginx -c ${inside}.conf -e ${inside}.log ${oneProcess} >${inside}.valgrind 2>&1 &
      pid=$!
      trap 'kill -9 $pid 2>/dev/null' EXIT
      for i in $(seq ${TRIES}); do shake && break; kill -0 $pid || exit; sleep 0.2; done
      for i in $(seq ${times}); do shake || exit; done
      sleep 0.5 # The server's end of the last handshake comes after the client's.
      kill $pid && wait $pid`,
    );
  } catch {
    const logs = ['valgrind', 'log'].map((kind) => lastLines(readFileSync(path(kind), 'utf8')));
    throw new Error(`${configuration.name}, ${site.title}, under cachegrind:\n${logs.join('\n')}`);
  }
  const counted = readFileSync(path('out'), 'utf8');
  for (const kind of ['conf', 'out', 'log', 'valgrind']) rmSync(path(kind));
  return counted;
}
