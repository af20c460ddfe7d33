/** The error number in njs's message `kill failed with (3:No such process)`. */
const NO_SUCH_PROCESS = '(3:';

/**
 * Whether a worker is running.
 *
 * @param pid the number of its process
 * @returns true also where the system does not tell, as for a process of another user
 */
export function isRunning(pid: number): boolean {
  try {
    // Signal 0 is not sent; the system only checks that the process exists (kill(2)).
    return process.kill(pid, 0);
  } catch (e) {
    return (e as Error).message.indexOf(NO_SUCH_PROCESS) < 0;
  }
}
