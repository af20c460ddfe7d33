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
  const mib = (field: string): number => {
    const kib = new RegExp(`^${field}: +(\\d+) kB$`, 'm').exec(text)?.[1];
    if (kib === undefined) throw new Error(`No ${field}:\n${text}`);
    return Number(kib) / 1024;
  };
  return { rss: mib('Rss'), pss: mib('Pss') };
}
