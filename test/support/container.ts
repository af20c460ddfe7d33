import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { run } from '../setup/command.js';
import { containerIsRemoved, ownerLabel, removeContainerAtExit } from './leftovers.js';
import { runProgram, type ProgramResult } from './tls_client.js';

/** How long a program may take where nothing else is said, in milliseconds. */
const PATIENCE_MS = 30_000;

export interface Container {
  id: string;
  /** Runs a program in it. Throws only where that does not end in time. */
  exec: (command: string[], timeoutMs?: number) => Promise<ProgramResult>;
  /** What its first process has written. */
  log: () => Promise<string>;
  /** Waits until that has a text so many times; default: once. Throws where it takes too long, with the log. */
  logged: (text: string, times?: number) => Promise<void>;
  /** The port of the host's loopback interface on which a port is published that was asked for. */
  port: (containerPort: number) => Promise<number>;
}

/**
 * Starts a container, for what `startNginx` has no options for. It ends with the test file.
 *
 * @param options those of `docker run`
 */
export async function startContainer(
  image: string,
  options: string[],
  command: string[],
): Promise<Container> {
  const labels = Object.entries(ownerLabel()).map(([name, value]) => `${name}=${value}`);
  const own = ['--detach', '--init', '--label', ...labels];
  const id = (await run('docker', ['run', ...own, ...options, image, ...command])).trim();
  removeContainerAtExit(id);
  afterAll(async () => {
    await run('docker', ['rm', '--force', '--volumes', id]);
    containerIsRemoved(id);
  });
  async function log(): Promise<string> {
    const { stdout, stderr } = await runProgram('docker', ['logs', id]);
    return stdout + stderr;
  }
  return {
    id,
    exec: (args, timeoutMs = PATIENCE_MS) => runProgram('docker', ['exec', id, ...args], timeoutMs),
    log,
    logged: async (text, times = 1) => {
      const end = Date.now() + PATIENCE_MS;
      for (;;) {
        const logged = await log();
        if (logged.split(text).length > times) return;
        if (Date.now() > end) throw new Error(`It did not log "${text}" in time:\n${logged}`);
        await sleep(50);
      }
    },
    port: async (containerPort) => {
      const published = await run('docker', ['port', id, `${containerPort}/tcp`]);
      return Number(published.trim().split(':').at(-1));
    },
  };
}
