import { chmodSync, linkSync, writeFileSync } from 'node:fs';
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
  const directory = makeCorpus();
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

/**
 * The pairs of the first names of a corpus in a directory of their own: the same files, until they are renewed.
 *
 * @returns the directory, which goes when this process ends
 */
export function partOf(corpus: string, names: number): string {
  const directory = makeCorpus();
  for (let i = 0; i < names; i++) {
    for (const kind of ['cert', 'key']) {
      const file = `${nameOf(i)}.${kind}.pem`;
      linkSync(join(corpus, file), join(directory, file));
    }
  }
  return directory;
}

/** A directory without pairs. */
export function makeCorpus(): string {
  const directory = makeDirectory();
  // nginx's workers run as another user.
  chmodSync(directory, 0o755);
  return directory;
}
