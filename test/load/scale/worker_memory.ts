import type { Nginx } from '../../support/nginx.js';
import { shell } from '../shell.js';
import type { Server } from './server.js';

/** What processes have in memory, in MiB, of what is not swapped out. */
export interface Memory {
  /** Of the one that makes handshakes, with all that it shares. */
  workerRss: number;
  /** The same with its share of what it shares: a page that two have counts half for each. */
  workerPss: number;
  /** The sum of the shares of all. */
  allPss: number;
}

export async function memoryOf({ subject, nginx, worker }: Server): Promise<Memory> {
  const { rss, pss } = await rollUp(nginx, await worker());
  const others = subject.kind === 'haproxy' ? [] : [(await nginx.processes()).master];
  let allPss = pss;
  for (const pid of others) allPss += (await rollUp(nginx, pid)).pss;
  return { workerRss: rss, workerPss: pss, allPss };
}

async function rollUp(nginx: Nginx, pid: number): Promise<{ rss: number; pss: number }> {
  // Only who is the same user may look, or who has more rights than root has in a container.
  const user = `--reuid $(stat -c %u /proc/${pid}) --regid $(stat -c %g /proc/${pid}) --clear-groups`;
  const text = await shell(nginx, `setpriv ${user} cat /proc/${pid}/smaps_rollup`);
  return { rss: mibIn(text, 'Rss'), pss: mibIn(text, 'Pss') };
}

/** What a process had in memory up to now, in MiB. */
export interface WorkerMemory {
  rss: number;
  /** The highest RSS that it ever had. */
  highestRss: number;
  /** Without what it shares with others, or could. */
  own: number;
}

export async function workerMemoryOf({ nginx, worker }: Server): Promise<WorkerMemory> {
  const text = await shell(nginx, `cat /proc/${await worker()}/status`);
  const mib = (field: string): number => mibIn(text, field);
  return { rss: mib('VmRSS'), highestRss: mib('VmHWM'), own: mib('RssAnon') };
}

/** Of the container: the sampling goes on until this is there. */
const STOP = '/run/nginx/enough';

/**
 * Looks ten times a second at the memory that a worker does not share.
 *
 * @returns the highest that it had, in MiB, for who has called `stop`
 */
export async function sampleOwnMemory({
  nginx,
  worker,
}: Server): Promise<{ stop: () => Promise<number> }> {
  // The shell's own commands alone: to start a program takes the time that is measured meanwhile.
  const script = `
    while [ ! -e ${STOP} ]; do
      while read -r field kib unit; do
        if [ "$field" = RssAnon: ]; then echo "$field $kib kB"; fi
      done </proc/${await worker()}/status
      sleep 0.1
    done`;
  const sampled = shell(nginx, script);
  return {
    stop: async () => {
      await shell(nginx, `touch ${STOP}`);
      const lines = (await sampled).split('\n');
      return Math.max(...lines.map((line) => mibIn(line, 'RssAnon')));
    },
  };
}

/** Reads a field of a file of /proc. Throws where it is not there. */
function mibIn(text: string, field: string): number {
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  if (kib === undefined) throw new Error(`No ${field}:\n${text}`);
  return Number(kib) / 1024;
}
