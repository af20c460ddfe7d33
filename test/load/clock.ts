/** Milliseconds on a clock that all threads of the process share. Only differences mean something. */
export function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
