/**
 * Lets the worker turn to its other connections.
 *
 * For a millisecond: nginx runs a timer of none at all before it looks at any connection.
 */
export function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 1));
}
