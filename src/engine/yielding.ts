/**
 * Lets the worker turn to its other connections, once: it takes a step in each handshake that waits, and accepts one more.
 *
 * For a millisecond: nginx runs a timer of none at all before it looks at any connection.
 */
export function yieldOnce(): Promise<void> {
  return sleep(1);
}

/**
 * Leaves the worker to its other connections for as long as it was kept from them.
 *
 * @param since when that began, in milliseconds since 1970
 */
export function yieldFor(since: number): Promise<void> {
  // nginx counts a timer from when this turn of its loop began, and not from now (`ngx_current_msec`).
  return sleep(2 * (Date.now() - since) + 1);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** For how long a worker is kept from its connections, in milliseconds. What has begun by then comes to its end. */
export const SLICE_MS = 5;

/**
 * For what takes long in many steps, and begins now.
 *
 * @returns what is to be awaited after each step: at the end of a slice it leaves the worker to its connections
 */
export function timeSlicer(): () => Promise<void> {
  let began = Date.now();
  return async () => {
    if (Date.now() - began < SLICE_MS) return;
    await yieldFor(began);
    began = Date.now();
  };
}
