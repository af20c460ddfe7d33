import { expect, test } from 'vitest';
import { SERVED_SITE, compareAll, isLost, reportServed } from '../../oracle/served.js';
import { currentRuntime } from '../../setup/runtimes.js';
import { DAMAGES, KINDS, servedOffers } from '../../support/served_corpus.js';
import { startSite } from '../../support/site.js';

// What static nginx serves and a client verifies is served, by the OpenSSL of this runtime. `npm run oracle` looks further than a test run should.

const PAIRS = Number(process.env['ORACLE_PAIRS'] ?? 2 * KINDS.length);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
/** Where a report goes. */
const REPORT = process.env['ORACLE_REPORT'] ?? '';

const site = await startSite(SERVED_SITE);

test(
  `${PAIRS} pairs: each is served that a client verifies from static files`,
  async () => {
    const began = Date.now();
    const compared = await compareAll(site, servedOffers(SEED), PAIRS, (sofar) => {
      if (!REPORT) return;
      const seconds = Math.round((Date.now() - began) / 1000);
      console.log(
        `${sofar.length} of ${PAIRS} pairs, ${seconds} s, ${sofar.filter(isLost).length} lost`,
      );
    });
    if (REPORT) {
      const heading = `What static nginx serves, ${currentRuntime().name}, ${PAIRS} pairs of seed ${SEED}`;
      reportServed(REPORT, heading, compared);
    }
    expect(compared.filter(isLost).map(({ title, answer }) => `${answer}: ${title}`)).toEqual([]);
    // The pairs are no test where static nginx serves none of a kind.
    const served = compared.filter(({ isStatic }) => isStatic);
    const kinds = new Set(served.map(({ kind }) => kind));
    const missing = KINDS.filter((kind) => !kinds.has(kind) && !DAMAGES.includes(kind));
    // A client verifies some kinds, as cross-certificates, in one order of the file out of several.
    if (PAIRS >= 10 * KINDS.length) expect(missing).toEqual([]);
    expect(served.length).toBeGreaterThan(PAIRS / 2);
  },
  60_000 + PAIRS * 500,
);
