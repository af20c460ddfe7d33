import type { Nginx } from './nginx.js';
import { trace, workersOnThisHost } from './strace.js';

export { CannotWatch } from './strace.js';

export interface FileWatch {
  /** Every path that was named to the kernel up to now, in that order; bytes as latin1. */
  paths: () => string[];
  /**
   * Ends the watch.
   *
   * @returns every path that was named to the kernel, once each
   */
  stop: () => Promise<string[]>;
}

/**
 * Watches with strace which files nginx's workers open, look at, or name to the kernel for whatever else.
 *
 * @throws CannotWatch
 */
export async function watchFiles(nginx: Nginx): Promise<FileWatch> {
  // Strings in hexadecimal: a path may hold anything.
  const options = ['-f', '-xx', '-e', 'trace=%file'];
  const { text, stop } = await trace(await workersOnThisHost(nginx), options);
  return {
    paths: () => pathsIn(text()),
    stop: async () => [...new Set(pathsIn(await stop()))],
  };
}

/** The strings in what strace wrote, apart from the empty one, which stands for a file that is open already. */
function pathsIn(written: string): string[] {
  return [...written.matchAll(/"((?:\\x[0-9a-f]{2})+)"/g)].map(([, hex = '']) =>
    Buffer.from(hex.replaceAll('\\x', ''), 'hex').toString('latin1'),
  );
}
