import { expect, test } from 'vitest';
import {
  type Judged,
  JUDGED_SITE,
  TAKEN,
  isWrong,
  judgeAll,
  reportRefused,
} from '../../oracle/refused.js';
import { currentRuntime } from '../../setup/runtimes.js';
import { type Mutation, makeSamples, mutations } from '../../support/mutations.js';
import { makeIngredients } from '../../support/pairs/made.js';
import { numberCases } from '../../support/pairs/numbers.js';
import { startSite } from '../../support/site.js';

// What OpenSSL refuses is refused, by the OpenSSL of this runtime. `npm run oracle` looks further than a test run should.

const PAIRS = Number(process.env['ORACLE_PAIRS'] ?? 300);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
/** Where a report goes. */
const REPORT = process.env['ORACLE_REPORT'] ?? '';

/** The kinds of damage that the checks were once found not to see, by the titles of cases. */
const KNOWN = [
  /^RSA, .* longer than the modulus/,
  /^a point that is not on/,
  /^a compressed point that is not on/,
  /in a subject|in an issuer|in an intermediate/,
  /with the right public key/,
];
const CASES = 'a case of all tests';

/** The cases of numbers and texts, and then damage of every kind, without end. */
function* corpus(): Generator<Mutation, never> {
  for (const { title, cert, key = '' } of numberCases(makeIngredients())) {
    yield { kind: CASES, text: cert + key, title: `${title}:\n${cert}${key}` };
  }
  return yield* mutations(makeSamples(), SEED);
}

const site = await startSite(JUDGED_SITE);

test(
  `${PAIRS} damaged pairs: none is taken that OpenSSL refuses`,
  async () => {
    const began = Date.now();
    const judged = await judgeAll(site, corpus(), PAIRS, (sofar) => {
      if (REPORT) tell(sofar, began);
    });
    if (REPORT) {
      const heading = `What OpenSSL refuses, ${currentRuntime().name}, ${PAIRS} pairs of seed ${SEED}`;
      reportRefused(REPORT, heading, judged);
    }
    expect(judged.filter(isWrong).map(({ title, given }) => `${given}: ${title}`)).toEqual([]);
    // nginx shows a value that OpenSSL refuses. Where there is nothing to serve, that is `data:` alone.
    expect(site.nginx.log().match(/cannot load certificate.*"data:(?!data:").{0,40}/)).toBe(null);
    // The pairs are no test where they all fare alike.
    for (const known of KNOWN) {
      const cases = judged.filter(({ kind, title }) => kind === CASES && known.test(title));
      expect(cases.length, String(known)).toBeGreaterThan(0);
      for (const { openssl, title } of cases) expect(openssl, title).not.toBe(TAKEN);
    }
    for (const by of ['openssl', 'files', 'put'] as const) {
      const taken = judged.filter((pair) => pair[by] === TAKEN).length;
      expect(taken, by).toBeGreaterThan(PAIRS / 50);
      expect(taken, by).toBeLessThan(PAIRS / 2);
    }
  },
  60_000 + PAIRS * 100,
);

function tell(judged: Judged[], began: number): void {
  const wrong = judged.filter(isWrong).length;
  const seconds = Math.round((Date.now() - began) / 1000);
  console.log(`${judged.length} of ${PAIRS} pairs, ${seconds} s, ${wrong} taken wrongly`);
}
