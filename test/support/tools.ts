import { dirname } from 'node:path';
import { afterAll } from 'vitest';
import { run, succeeds } from '../setup/command.js';
import { TOOLS_IMAGE } from '../setup/runtimes.js';
import { containerIsRemoved, ownerLabel, removeContainerAtExit } from './leftovers.js';
import type { Nginx } from './nginx.js';
import { runProgram, type ProgramResult } from './tls_client.js';

/** How long a program may take where nothing else is said, in milliseconds. */
const PATIENCE_MS = 30_000;

/** The programs of a container beside nginx's, in its network: what listens there is on 127.0.0.1 here. */
export interface Tools {
  /** Whether there is no such image on this machine. Tests that want it are to be skipped then. */
  areMissing: boolean;
  /** Throws only where the program does not end in time, or the tools are missing. */
  run: (command: string[], timeoutMs?: number) => Promise<ProgramResult>;
}

/**
 * Starts the container. It ends with the test file.
 *
 * @param nginx whose network it joins, and whose /run/nginx it sees
 * @param mounts further folders and files of the host that it reads, by the container's path
 */
export async function startTools(
  nginx: Nginx,
  mounts: Record<string, string> = {},
): Promise<Tools> {
  if (!(await succeeds('docker', ['image', 'inspect', TOOLS_IMAGE]))) {
    const problem = `There is no image ${TOOLS_IMAGE} here`;
    console.warn(`Tests are skipped. ${problem}: "npm test" says why.`);
    return { areMissing: true, run: () => Promise.reject(new Error(problem)) };
  }
  const label = Object.entries(ownerLabel()).map(([name, value]) => `${name}=${value}`);
  const volumes = [
    `${dirname(nginx.adminSocket)}:/run/nginx`,
    ...Object.entries(mounts).map(([target, source]) => `${source}:${target}:ro`),
  ];
  const output = await run('docker', [
    ...['run', '--detach', '--init', '--network', `container:${nginx.containerId}`],
    ...['--label', ...label, ...volumes.flatMap((volume) => ['--volume', volume])],
    ...[TOOLS_IMAGE, 'sleep', 'infinity'],
  ]);
  const id = output.trim();
  removeContainerAtExit(id);
  afterAll(async () => {
    await run('docker', ['rm', '--force', id]);
    containerIsRemoved(id);
  });
  return {
    areMissing: false,
    run: (command, timeoutMs = PATIENCE_MS) =>
      runProgram('docker', ['exec', id, ...command], timeoutMs),
  };
}
