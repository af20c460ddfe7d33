/** As njs tells it: `kill failed with (3:No such process)`. */
const NO_SUCH_PROCESS = '(3:';

/**
 * Whether a worker is still there.
 *
 * @param pid its process number
 * @returns true also where the system does not say, as of a worker of another user
 */
export function isRunning(pid: number): boolean {
  try {
    // Signal 0 is none: it is only looked whether there is anybody to send it to (kill(2)).
    return process.kill(pid, 0);
  } catch (e) {
    return (e as Error).message.indexOf(NO_SUCH_PROCESS) < 0;
  }
}
