import type { Nginx } from './nginx.js';
import { trace, workersOnThisHost } from './strace.js';

export interface Stall {
  /** Whether the worker has halted. */
  hasBegun: () => boolean;
  /** Lets the worker go, at the latest. */
  stop: () => Promise<void>;
}

/**
 * Makes one of nginx's workers halt once, as a slow disk or a lack of time would make it.
 *
 * @param calls the system calls, as strace names them: the worker halts after the first, with what that found out
 * @param path the file that the call is about, as the worker sees it
 * @throws CannotWatch
 */
export async function stallOneWorker(
  nginx: Nginx,
  calls: string,
  path: string,
  seconds: number,
): Promise<Stall> {
  const [worker] = await workersOnThisHost(nginx);
  const { text, stop } = await trace(
    [worker!],
    [
      '-P',
      path,
      '-e',
      `trace=${calls}`,
      '-e',
      `inject=${calls}:delay_exit=${seconds * 1e6}:when=1`,
    ],
  );
  return {
    hasBegun: () => text().includes(path),
    stop: async () => {
      await stop();
    },
  };
}
