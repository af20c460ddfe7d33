import { onTestFinished } from 'vitest';

export interface Clients {
  /**
   * Lets each of them come to an end.
   *
   * @returns how many handshakes they made. Throws the first error that one of them threw.
   */
  stop: () => Promise<number>;
}

/**
 * Starts clients that make one handshake after the other without pause. They end with the test that starts them.
 *
 * @param makeClient called once per client: what it returns makes a handshake
 */
export function startClients(count: number, makeClient: () => () => Promise<void>): Clients {
  let isOver = false;
  onTestFinished(() => {
    isOver = true;
  });
  async function run(handshake: () => Promise<void>): Promise<number> {
    let handshakes = 0;
    for (; !isOver; handshakes++) await handshake();
    return handshakes;
  }
  const runs = Promise.all(Array.from({ length: count }, () => run(makeClient())));
  // An error is thrown by `stop`, and nowhere before.
  runs.catch(() => undefined);
  return {
    stop: async () => {
      isOver = true;
      return (await runs).reduce((sum, handshakes) => sum + handshakes, 0);
    },
  };
}
