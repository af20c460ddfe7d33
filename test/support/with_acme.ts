import { describe } from 'vitest';
import { hasAcme } from './acme.js';

/** A group of tests that want the image of the ACME clients, and are skipped without it. */
export function describeWithAcme(title: string, body: () => Promise<void>): void {
  describe.skipIf(!hasAcme)(title, async () => {
    // vitest calls what it skips as well.
    if (hasAcme) await body();
  });
}
