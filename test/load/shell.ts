import type { Nginx } from '../support/nginx.js';

/** Runs a script in the container. Throws where it fails. */
export async function shell(nginx: Nginx, script: string): Promise<string> {
  const { exitCode, stdout, stderr } = await nginx.exec(['sh', '-c', script]);
  if (exitCode !== 0) throw new Error(`${script}: ${stderr || stdout}`);
  return stdout.trim();
}

/** The CPU time that a process of the container has had, in microseconds. */
export async function cpuTime(nginx: Nginx, pid: number): Promise<number> {
  return cpuUs(await shell(nginx, `cat ${accountOf(pid)}`));
}

/** Its first number is nanoseconds, where the process accounting of /proc/PID/stat has ticks of 10 ms. */
export function accountOf(pid: number): string {
  return `/proc/${pid}/schedstat`;
}

/** @param account what is in the file of `accountOf` */
export function cpuUs(account: string): number {
  return parseInt(account, 10) / 1000;
}
