// Cooperative scheduling: a worker serves no connection while a script runs, so long work pauses in between.

/**
 * Lets the worker serve its other connections once: it takes one step in each pending handshake, and accepts another connection.
 *
 * The pause is a millisecond, because nginx runs a timer of 0 ms before it serves any connection.
 */
export function yieldOnce(): Promise<void> {
  return sleep(1);
}

/**
 * Lets the worker serve its other connections for as long as the caller kept it from them.
 *
 * @param since the time at which the caller began, in milliseconds since 1970
 */
export function yieldFor(since: number): Promise<void> {
  // nginx starts a timer at the time when this turn of its event loop began (`ngx_current_msec`), hence twice the time.
  return sleep(2 * (Date.now() - since) + 1);
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** How long work may keep a worker from its connections, in milliseconds. The step under way is completed after that. */
export const SLICE_MS = 5;

/**
 * Divides long work, which begins now, into slices.
 *
 * @returns a function to await after each step of the work: at the end of a slice it lets the worker serve its connections
 */
export function timeSlicer(): () => Promise<void> {
  let began = Date.now();
  return async () => {
    if (Date.now() - began < SLICE_MS) return;
    await yieldFor(began);
    began = Date.now();
  };
}
