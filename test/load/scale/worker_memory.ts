import { shell } from '../shell.js';
import type { Server } from './server.js';

/** Shares of processes in what they have in memory, in MiB (PSS: a page that two have counts half for each). */
export interface Memory {
  worker: number;
  all: number;
}

export async function memoryOf({ subject, nginx, worker }: Server): Promise<Memory> {
  const own = await shareOf(nginx, await worker());
  if (subject.kind === 'haproxy') return { worker: own, all: own };
  const { master } = await nginx.processes();
  return { worker: own, all: own + (await shareOf(nginx, master)) };
}

async function shareOf(nginx: Server['nginx'], pid: number): Promise<number> {
  // Only who is the same user may look, or who has more rights than root has in a container.
  const user = `--reuid $(stat -c %u /proc/${pid}) --regid $(stat -c %g /proc/${pid}) --clear-groups`;
  const text = await shell(nginx, `setpriv ${user} cat /proc/${pid}/smaps_rollup`);
  const kib = /^Pss: +(\d+) kB$/m.exec(text)?.[1];
  if (kib === undefined) throw new Error(`No PSS:\n${text}`);
  return Number(kib) / 1024;
}
