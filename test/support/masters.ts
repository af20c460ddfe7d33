import type { Nginx } from './nginx.js';

/** A master of nginx, and what it has forked. Numbers are those of the container. */
export interface Master {
  pid: number;
  /** The numbers of its workers, those that are shutting down too. */
  workers: number[];
}

/** Each process as a line: its number, its parent's, and its title. A process that has ended has none. */
const LIST = `
  for directory in /proc/[0-9]*; do
    parent=$(sed -n 's/^PPid:[^0-9]*//p' "$directory/status")
    echo "\${directory#/proc/} $parent $(tr '\\0' ' ' <"$directory/cmdline")"
  done 2>/dev/null`;

/** The masters that run, the oldest first. */
export async function mastersOf(nginx: Nginx): Promise<Master[]> {
  const { stdout } = await nginx.exec(['sh', '-c', LIST]);
  const processes = [...stdout.matchAll(/^(\d+) (\d+) nginx: (master|worker) process/gm)].map(
    ([, pid, parent, kind]) => ({ pid: Number(pid), parent: Number(parent), kind }),
  );
  const masters = processes.filter(({ kind }) => kind === 'master');
  return masters
    .map(({ pid }) => ({
      pid,
      workers: processes
        .filter(({ parent, kind }) => parent === pid && kind === 'worker')
        .map((worker) => worker.pid),
    }))
    .sort((a, b) => a.pid - b.pid);
}
