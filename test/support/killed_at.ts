import { setTimeout as sleep } from 'node:timers/promises';
import type { Nginx } from './nginx.js';
import { type Trace, trace, workersSeen } from './strace.js';

const PATIENCE_MS = 10_000;
const POLL_MS = 10;

/** What changes a file system, and what opens its files. */
const CALLS = ['openat', 'write', 'symlink', 'rename', 'unlink', 'mkdir', 'rmdir'];

/** One system call of a worker. */
export interface Call {
  call: string;
  /** It is that many-th of its kind, from 1 on. */
  nth: number;
  /** The last path that strace gives for it: what a file is renamed to. */
  path: string;
}

/**
 * Lists the system calls by which the one worker of an nginx changes files with a text in their paths. At log level
 * `info` nginx writes that strace interrupts it, if it does: then the counts are no good for another time.
 *
 * @param work what makes the worker do so
 */
export async function traced(
  nginx: Nginx,
  path: string,
  work: () => Promise<unknown>,
): Promise<Call[]> {
  const strace = await attach(nginx, []);
  await work();
  return callsIn(await strace.stop()).filter((call) => call.path.includes(path));
}

/**
 * Kills the one worker of an nginx as it makes a system call, which is not done then; resolves when there is another.
 *
 * @param work what makes the worker come there
 * @returns that call, as it was seen
 */
export async function killedAt(
  nginx: Nginx,
  { call, nth }: Call,
  work: () => Promise<unknown>,
): Promise<Call | undefined> {
  const [worker] = workersSeen(nginx);
  const strace = await attach(nginx, ['-e', `inject=${call}:signal=KILL:when=${nth}`]);
  await work().catch(() => undefined);
  const end = Date.now() + PATIENCE_MS;
  const isAnother = (pid: number): boolean => pid !== worker;
  while (!workersSeen(nginx).some(isAnother)) {
    if (Date.now() > end) throw new Error(`the worker was not killed at ${call} ${nth}`);
    await sleep(POLL_MS);
  }
  return callsIn(await strace.stop()).at(-1);
}

function attach(nginx: Nginx, options: string[]): Promise<Trace> {
  return trace(workersSeen(nginx), ['-y', '-s', '0', '-e', `trace=${CALLS.join()}`, ...options]);
}

/** Those that change files. */
function callsIn(text: string): Call[] {
  const counts: Record<string, number> = {};
  return text.split('\n').flatMap((line) => {
    const call = /^(\w+)\(/.exec(line)?.[1];
    if (call === undefined) return [];
    const nth = (counts[call] = (counts[call] ?? 0) + 1);
    const path = line.match(/(?<=[<"])\/[^>"]+/g)?.at(-1) ?? '';
    return line.includes('O_RDONLY') ? [] : [{ call, nth, path }];
  });
}
