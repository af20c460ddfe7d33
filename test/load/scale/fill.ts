import { sendClientHello } from '../../support/client_hello.js';
import { now } from '../clock.js';
import { count, nameOf } from './names.js';
import { forEachIndex } from './pool.js';
import type { Server } from './server.js';

/** For how many names the handshakes are complete. For the others the server's half is made, and left there. */
export const COMPLETE = 10_000;

const TELL_MS = 10_000;

/** Makes a handshake with each name. Throws where one fails. */
export async function visitAll({ subject, names, tlsSocket, handshake }: Server): Promise<void> {
  let toldAt = now();
  await forEachIndex(names, async (index) => {
    const name = nameOf(index);
    if (names <= COMPLETE) {
      await handshake(name);
    } else {
      const hello = { version: 'TLSv1.3', serverName: Buffer.from(name) } as const;
      const { kind } = await sendClientHello({ path: tlsSocket }, hello);
      if (kind !== 'hello') throw new Error(`${subject.title}: ${name}: ${kind}`);
    }
    if (now() - toldAt > TELL_MS) {
      toldAt = now();
      console.log(`  ${subject.title}: ${index} of ${count(names)}`);
    }
  });
}
