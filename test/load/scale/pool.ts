/** How many handshakes go on at a time: a worker does not wait for a client then. */
const WIDTH = 4;

/**
 * Does some work for each index from 0, several at a time. Throws where one fails.
 *
 * @param count how many there are
 */
export async function forEachIndex(
  count: number,
  work: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const goOn = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: WIDTH }, goOn));
}
