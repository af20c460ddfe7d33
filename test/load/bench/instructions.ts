import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { shell } from '../shell.js';
import type { Configuration } from './configurations.js';
import { configOf, type Server } from './server.js';
import { SITES, type Site } from './sites.js';

/** How many handshakes nginx makes before the count begins, and how many are counted. */
const WARM_UP = 10;
const COUNTED = 40;

/** How long nginx may take to start under valgrind, in milliseconds. */
const PATIENCE_MS = 60_000;

/** What one handshake takes with one configuration and one kind of certificate, outside of the kernel. */
export interface Instructions {
  configuration: Configuration;
  site: Site;
  /** By program and library, without what follows the first dot of its name. */
  byObject: Record<string, number>;
}

/** Counts instructions in turn. They are much the same whatever else the machine does. */
export async function countAll(servers: Server[]): Promise<Instructions[]> {
  const all: Instructions[] = [];
  for (const server of servers) {
    all.push(...(await count(server)));
    console.log(`Instructions: ${server.configuration.title}`);
  }
  return all;
}

async function count({ configuration, nginx, runDirectory }: Server): Promise<Instructions[]> {
  writeFileSync(join(runDirectory, 'profiled.conf'), configOf(configuration, true));
  const valgrind = 'valgrind --tool=callgrind --callgrind-out-file=/run/nginx/counted';
  const start = `${valgrind} nginx -c /run/nginx/profiled.conf -e /run/nginx/profiled.log -g 'daemon off; master_process off;'`;
  const pid = await shell(nginx, `${start} >/run/nginx/valgrind.log 2>&1 & echo $!`);
  const deadline = Date.now() + PATIENCE_MS;
  const isUp = (site: Site): Promise<boolean> =>
    shell(nginx, handshakes(site, 1)).then(
      () => true,
      () => false,
    );
  while (!(await isUp(SITES[0]!))) {
    if (Date.now() > deadline) {
      throw new Error(readFileSync(join(runDirectory, 'valgrind.log'), 'utf8'));
    }
    await sleep(500);
  }
  const counts: Instructions[] = [];
  for (const site of SITES) {
    const ask = (what: string): string => `vgdb --pid=${pid} ${what} >/dev/null 2>&1`;
    await shell(nginx, `rm -f /run/nginx/counted*; ${handshakes(site, WARM_UP)} && ${ask('zero')}`);
    await shell(nginx, `${handshakes(site, COUNTED)} && ${ask('dump')}`);
    const dump = join(runDirectory, `counted.${counts.length + 1}`);
    const byObject = sumByObject(readFileSync(dump, 'utf8'));
    for (const object of Object.keys(byObject)) byObject[object]! /= COUNTED;
    counts.push({ configuration, site, byObject });
    rmSync(dump);
  }
  await shell(nginx, `kill -9 ${pid}; rm -f /run/nginx/*.profiled`);
  return counts;
}

/** One after the other, each complete. */
function handshakes({ name, profilePort }: Site, times: number): string {
  const client = `openssl s_client -connect 127.0.0.1:${profilePort} -servername ${name}`;
  return `for i in $(seq ${times}); do ${client} </dev/null >/dev/null 2>&1 || exit 1; done`;
}

/**
 * Reads a file of callgrind: after a line that names the object come its costs, `LINE COST`. One after a line `calls=` is
 * of what was called, and counted there.
 */
export function sumByObject(text: string): Record<string, number> {
  const names = new Map<string, string>();
  const sums: Record<string, number> = {};
  let object = '';
  let isOfCall = false;
  for (const line of text.split('\n')) {
    const [, kind, id = '', path] = /^(c?ob)=(\(\d+\))(?: (.+))?$/.exec(line) ?? [];
    if (path !== undefined) names.set(id, basename(path).replace(/\..*/, ''));
    if (kind === 'ob') object = names.get(id) ?? '';
    else if (line.startsWith('calls=')) isOfCall = true;
    else if (/^[\d+*-]/.test(line)) {
      if (!isOfCall) sums[object] = (sums[object] ?? 0) + Number(line.split(' ')[1] ?? 0);
      isOfCall = false;
    }
  }
  return sums;
}
