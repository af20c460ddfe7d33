import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, removeDirectory } from './leftovers.js';
import type { Nginx } from './nginx.js';

/** The processes of a container cannot be watched on this machine; the message says why. */
export class CannotWatch extends Error {}

export interface Trace {
  /** What strace has written up to now, as latin1. A call is there before the process goes on. */
  text: () => string;
  /** Lets the processes go. Returns the whole text. */
  stop: () => Promise<string>;
}

/** How long a trace may last, in milliseconds. */
const PATIENCE_MS = 50_000;

/**
 * Attaches strace to processes and resolves when they run under it.
 *
 * @param options strace's own
 * @throws CannotWatch
 */
export async function trace(pids: number[], options: string[]): Promise<Trace> {
  const directory = makeDirectory();
  const output = join(directory, 'strace');
  const targets = pids.flatMap((pid) => ['-p', String(pid)]);
  const strace = spawn('strace', [...options, '-o', output, ...targets], {
    stdio: ['ignore', 'ignore', 'pipe'],
    timeout: PATIENCE_MS,
  });
  let messages = '';
  const isAttached = (): boolean =>
    pids.every((pid) => messages.includes(`Process ${pid} attached`));
  const ended = once(strace, 'close').catch((error: unknown) => {
    messages += String(error);
  });
  const attached = new Promise<void>((resolve) => {
    strace.stderr.setEncoding('utf8').on('data', (text: string) => {
      messages += text;
      if (isAttached()) resolve();
    });
  });
  await Promise.race([attached, ended]);
  if (!isAttached()) {
    removeDirectory(directory);
    throw new CannotWatch(messages.trim());
  }

  const text = (): string => readFileSync(output, 'latin1');
  return {
    text,
    stop: async () => {
      // It may have ended with the processes.
      strace.kill('SIGINT');
      await ended;
      if (strace.signalCode === 'SIGTERM') throw new Error(`strace ran for over ${PATIENCE_MS} ms`);
      const whole = text();
      removeDirectory(directory);
      return whole;
    },
  };
}

/** Why the workers' system calls cannot be seen here; undefined: they can. */
export async function whyNotTraced(nginx: Nginx): Promise<string | undefined> {
  try {
    await (await trace(await workersOnThisHost(nginx), [])).stop();
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

/** The process numbers that nginx's workers have outside their container. Throws CannotWatch. */
export async function workersOnThisHost(nginx: Nginx): Promise<number[]> {
  const pids = workersSeen(nginx);
  // The first process of a container elsewhere has a number, too, which here is nobody's or another's.
  if (pids.length === 0 || pids.length !== (await nginx.processes()).workers.length) {
    throw new CannotWatch("The container's processes are not to be seen in this machine's /proc.");
  }
  return pids;
}

/** The same at once, and without a doubt whether the container is on this machine. */
export function workersSeen(nginx: Nginx): number[] {
  const namespace = namespaceOf(nginx);
  if (namespace === '') return [];
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && isWorker(name) && pidNamespace(name) === namespace)
    .map(Number);
}

const namespaces = new WeakMap<Nginx, string>();

/** What the processes of nginx's container have in common. */
function namespaceOf(nginx: Nginx): string {
  const known = namespaces.get(nginx);
  if (known !== undefined) return known;
  const inspect = ['inspect', '--format', '{{.State.Pid}}', nginx.containerId];
  const first = execFileSync('docker', inspect, { encoding: 'utf8' });
  const namespace = pidNamespace(first.trim());
  namespaces.set(nginx, namespace);
  return namespace;
}

/** What only processes of the same container have in common; '' where that cannot be told. */
function pidNamespace(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    return '';
  }
}

function isWorker(pid: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').startsWith('nginx: worker process');
  } catch {
    // It has ended since it was listed.
    return false;
  }
}
