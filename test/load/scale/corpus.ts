import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate as breathe } from 'node:timers/promises';
import { timed } from '../../setup/command.js';
import { makeDirectory } from '../../support/leftovers.js';
import type { Leaves } from './leaves.js';
import { count, nameOf } from './names.js';

/** After how many pairs signals are heard. */
const SLICE = 1000;

/**
 * Writes a pair for each name into a directory, which goes when this process ends.
 *
 * @returns the directory
 */
export async function writeCorpus(leaves: Leaves, names: number): Promise<string> {
  const directory = makeDirectory();
  // nginx's workers run as another user.
  chmodSync(directory, 0o755);
  await timed(`Certificates for ${count(names)}`, async () => {
    for (let i = 0; i < names; i++) {
      const { chainPem, keyPem } = leaves.issue(nameOf(i));
      writeFileSync(join(directory, `${nameOf(i)}.cert.pem`), chainPem, { mode: 0o644 });
      writeFileSync(join(directory, `${nameOf(i)}.key.pem`), keyPem, { mode: 0o644 });
      if (i % SLICE === 0) await breathe();
    }
  });
  return directory;
}
