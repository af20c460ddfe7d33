import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { makeDirectory, removeDirectory } from './leftovers.js';
import type { Nginx } from './nginx.js';

/** The processes of a container cannot be watched on this machine; the message says why. */
export class CannotWatch extends Error {}

export interface FileWatch {
  /**
   * Ends the watch.
   *
   * @returns every path that was named to the kernel, once each; bytes as latin1
   */
  stop: () => Promise<string[]>;
}

/** How long a watch may last, in milliseconds. */
const PATIENCE_MS = 120_000;

/**
 * Watches with strace which files nginx's workers open, look at, or name to the kernel for whatever else.
 *
 * @throws CannotWatch
 */
export async function watchFiles(nginx: Nginx): Promise<FileWatch> {
  const pids = await workersOnThisHost(nginx);
  const directory = makeDirectory();
  const output = join(directory, 'strace');
  // Strings in hexadecimal: a path may hold anything.
  const options = ['-f', '-xx', '-e', 'trace=%file', '-o', output];
  const strace = spawn('strace', [...options, ...pids.flatMap((pid) => ['-p', String(pid)])], {
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

  return {
    stop: async () => {
      if (!strace.kill('SIGINT')) throw new Error(`strace has ended by itself: ${messages}`);
      await ended;
      const paths = pathsIn(readFileSync(output, 'latin1'));
      removeDirectory(directory);
      return paths;
    },
  };
}

/** The process numbers that nginx's workers have outside their container. */
async function workersOnThisHost({ containerId, processes }: Nginx): Promise<number[]> {
  const { workers } = await processes();
  const format = ['--format', '{{.State.Pid}}'];
  const first = execFileSync('docker', ['inspect', ...format, containerId], { encoding: 'utf8' });
  const namespace = pidNamespace(first.trim());
  const pids = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && isWorker(name) && pidNamespace(name) === namespace,
  );
  // The first process of a container elsewhere has a number, too, which here is nobody's or another's.
  if (namespace === '' || pids.length !== workers.length) {
    throw new CannotWatch("The container's processes are not to be seen in this machine's /proc.");
  }
  return pids.map(Number);
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

/** The strings in what strace wrote, apart from the empty one, which stands for a file that is open already. */
function pathsIn(trace: string): string[] {
  const paths = [...trace.matchAll(/"((?:\\x[0-9a-f]{2})+)"/g)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString('latin1'),
  );
  return [...new Set(paths)];
}
