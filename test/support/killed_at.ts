import { execFileSync, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Nginx } from './nginx.js';

const PATIENCE_MS = 10_000;
const POLL_MS = 10;

/** What changes a file system, and what opens its files. */
const CALLS = ['openat', 'write', 'rename', 'unlink', 'mkdir'];

/** One system call of a worker, by what tells it from the others of its kind. */
export interface Call {
  call: string;
  /** It is that many-th of its kind, from 1 on. */
  nth: number;
}

/** The one worker of an nginx, as this host numbers it. Throws where the engine runs on another host. */
export function workerOf(nginx: Nginx): number {
  const [shell] = [
    execFileSync('docker', ['inspect', '-f', '{{.State.Pid}}', nginx.containerId]),
  ].map(Number);
  const [master] = childrenOf(shell!);
  const [worker] = childrenOf(master!);
  if (worker === undefined) throw new Error('no worker of it is seen on this host');
  return worker;
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);
}

/** Why the worker's system calls cannot be seen here; undefined: they can. */
export async function whyNotTraced(nginx: Nginx): Promise<string | undefined> {
  try {
    await traced(nginx, '', () => Promise.resolve());
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/**
 * Lists the system calls by which a worker changes files with a text in their paths.
 *
 * @param work what makes the worker do so
 */
export async function traced(
  nginx: Nginx,
  path: string,
  work: () => Promise<unknown>,
): Promise<Call[]> {
  const strace = await attach(workerOf(nginx), []);
  await work();
  const counts: Record<string, number> = {};
  return (await strace.end()).split('\n').flatMap((text) => {
    const call = /^(?:\d+ +)?(\w+)\(/.exec(text)?.[1];
    if (call === undefined) return [];
    const nth = (counts[call] = (counts[call] ?? 0) + 1);
    const isChange = text.includes(path) && !text.includes('O_RDONLY');
    return isChange ? [{ call, nth }] : [];
  });
}

/** Kills a worker as it makes a system call, which is not done then; resolves when there is another worker. */
export async function killedAt(
  nginx: Nginx,
  { call, nth }: Call,
  work: () => Promise<unknown>,
): Promise<void> {
  const worker = workerOf(nginx);
  const strace = await attach(worker, ['-e', `inject=${call}:signal=KILL:when=${nth}`]);
  await work().catch(() => undefined);
  try {
    await until(() => isAnother(nginx, worker));
  } finally {
    await strace.end();
  }
}

function isAnother(nginx: Nginx, worker: number): boolean {
  try {
    return workerOf(nginx) !== worker;
  } catch {
    // The next one is not there yet.
    return false;
  }
}

async function attach(pid: number, args: string[]): Promise<{ end: () => Promise<string> }> {
  const child = spawn('strace', [
    ...['-p', String(pid), '-y', '-s', '0', '-e', `trace=${CALLS.join()}`],
    ...args,
  ]);
  let output = '';
  let isOver = false;
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output += text;
  });
  child.on('error', (error) => {
    output += error.message;
    isOver = true;
  });
  child.on('close', () => {
    isOver = true;
  });
  await until(() => isOver || output.includes(' attached'));
  if (!output.includes(' attached')) throw new Error(output.trim());
  return {
    end: async () => {
      child.kill('SIGINT');
      await until(() => isOver);
      return output;
    },
  };
}

async function until(isTrue: () => boolean): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!isTrue()) {
    if (Date.now() > end) throw new Error('strace, or nginx under it, takes too long');
    await sleep(POLL_MS);
  }
}
