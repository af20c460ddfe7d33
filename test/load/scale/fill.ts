import { sendClientHello } from '../../support/client_hello.js';
import { now } from '../clock.js';
import { count, nameOf } from './names.js';
import type { Server } from './server.js';

/** How many handshakes go on at a time. */
const WIDTH = 4;

/** For how many names the handshakes are complete. For the others the server's half is made, and left there. */
export const COMPLETE = 10_000;

const TELL_MS = 10_000;

/** Makes a handshake with each name. Throws where one fails. */
export async function visitAll(server: Server): Promise<void> {
  const { names, tlsSocket } = server;
  let next = 0;
  let toldAt = now();
  const visit = async (): Promise<void> => {
    while (next < names) {
      const name = nameOf(next++);
      if (names <= COMPLETE) {
        await server.serialOf(name);
      } else {
        const hello = { version: 'TLSv1.3', serverName: Buffer.from(name) } as const;
        const { kind } = await sendClientHello({ path: tlsSocket }, hello);
        if (kind !== 'hello') throw new Error(`${server.subject.title}: ${name}: ${kind}`);
      }
      if (now() - toldAt > TELL_MS) {
        toldAt = now();
        console.log(`  ${server.subject.title}: ${next} of ${count(names)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: WIDTH }, visit));
}
