import { dirname } from 'node:path';
import { succeeds } from '../setup/command.js';
import { TOOLS_IMAGE } from '../setup/runtimes.js';
import { startContainer } from './container.js';
import type { Nginx } from './nginx.js';
import type { ProgramResult } from './tls_client.js';

/** The programs of a container beside nginx's. */
export interface Tools {
  /** Whether there is no such image on this machine. Tests that want it are to be skipped then. */
  areMissing: boolean;
  /** Throws only where the program does not end in time, or the tools are missing. */
  run: (command: string[], timeoutMs?: number) => Promise<ProgramResult>;
}

/**
 * Starts the tools in nginx's network, where its addresses are those of 127.0.0.1, with its /run/nginx. They end with
 * the test file.
 */
export async function startTools({ containerId, adminSocket }: Nginx): Promise<Tools> {
  const volume = `${dirname(adminSocket)}:/run/nginx`;
  return startToolsWith(['--network', `container:${containerId}`, '--volume', volume]);
}

/**
 * The same anywhere.
 *
 * @param options those of `docker run`
 */
export async function startToolsWith(options: string[]): Promise<Tools> {
  if (!(await hasImage(TOOLS_IMAGE))) {
    const problem = `There is no image ${TOOLS_IMAGE} here`;
    console.warn(`Tests are skipped. ${problem}: "npm test" says why.`);
    return { areMissing: true, run: () => Promise.reject(new Error(problem)) };
  }
  const { exec } = await startContainer(TOOLS_IMAGE, options, ['sleep', 'infinity']);
  return { areMissing: false, run: exec };
}

/** Whether this machine has an image; none is pulled. */
export async function hasImage(image: string): Promise<boolean> {
  return succeeds('docker', ['image', 'inspect', image]);
}
