/**
 * Lets the worker turn to its other connections, once: it takes a step in each handshake that waits, and accepts one more.
 *
 * For a millisecond: nginx runs a timer of none at all before it looks at any connection.
 */
export function pause(): Promise<void> {
  return sleep(1);
}

/**
 * Leaves the worker to its other connections for as long as it was kept from them.
 *
 * @param since when that began, in milliseconds since 1970
 */
export function rest(since: number): Promise<void> {
  // nginx counts a timer from when this turn of its loop began, and not from now (`ngx_current_msec`).
  return sleep(2 * (Date.now() - since) + 1);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
