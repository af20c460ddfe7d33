import { createAuthority, writePair } from '../../support/certificates.js';
import { makeCorpus } from './corpus.js';
import { nameOf } from './names.js';
import { expectFound } from './first_scan.js';
import { startServer } from './server.js';
import type { Subject } from './subjects.js';
import { freeBytes } from './zone.js';

/** How many certificates have how many names more than one, to see what such a name takes. */
export const FOLDED = 20;
export const FURTHER_NAMES = 49;
export const FOLDED_NAMES = FOLDED * (1 + FURTHER_NAMES);

/** How many bytes of the zone a name takes that is not the only one of its certificate. */
export async function bytesPerFurtherName(subject: Subject): Promise<number> {
  const authority = await createAuthority();
  const free: number[] = [];
  for (const further of [0, FURTHER_NAMES]) {
    const certs = makeCorpus();
    for (let i = 0; i < FOLDED; i++) {
      const first = i * (1 + further);
      const names = Array.from({ length: 1 + further }, (_, j) => nameOf(first + j));
      await writePair(certs, names[0]!, await authority.issue({ names }));
    }
    const server = await startServer(subject, FOLDED_NAMES, certs);
    await expectFound(server, { files: FOLDED, names: FOLDED * (1 + further) });
    free.push(await freeBytes(server));
    await server.nginx.stop();
  }
  return (free[0]! - free[1]!) / (FOLDED * FURTHER_NAMES);
}
