import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect, test } from 'vitest';
import { type Judged, JUDGED_SITE, TAKEN, isWrong, judgeAll } from '../../oracle/refused.js';
import { reasonsOf, tableOf } from '../../oracle/report.js';
import { currentRuntime } from '../../setup/runtimes.js';
import { makeSamples, mutations } from '../../support/mutations.js';
import { startSite } from '../../support/site.js';

// What OpenSSL refuses is refused, by the OpenSSL of this runtime. `npm run oracle` looks further than a test run should.

const PAIRS = Number(process.env['ORACLE_PAIRS'] ?? 420);
const SEED = Number(process.env['ORACLE_SEED'] ?? 1);
/** Where a report goes. */
const REPORT = process.env['ORACLE_REPORT'] ?? '';

/** The kinds of damage that the checks were once found not to see. */
const KNOWN = [
  /^RSA number, longer than the modulus$/,
  /^ec, public part/,
  /^no UTF-8 in a name$/,
  /^public key beside another private key$/,
];

const site = await startSite(JUDGED_SITE);

test(
  `${PAIRS} damaged pairs: none is taken that OpenSSL refuses`,
  async () => {
    const began = Date.now();
    const judged = await judgeAll(site, mutations(makeSamples(), SEED), PAIRS, (sofar) => {
      if (REPORT) tell(sofar, began);
    });
    if (REPORT) report(judged);
    expect(judged.filter(isWrong).map(({ title, given }) => `${given}: ${title}`)).toEqual([]);
    // nginx shows a value that OpenSSL refuses. Where there is nothing to serve, that is `data:` alone.
    expect(site.nginx.log().match(/cannot load certificate.*"data:(?!data:").{0,40}/)).toBe(null);
    // The pairs are no test where they all fare alike.
    for (const known of KNOWN) {
      const refused = judged.filter(({ kind, openssl }) => openssl !== TAKEN && known.test(kind));
      expect(refused.length, String(known)).toBeGreaterThan(0);
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

function report(judged: Judged[]): void {
  const wrong = judged.filter(isWrong);
  const text = [
    `# What OpenSSL refuses, ${currentRuntime().name}\n`,
    `${judged.length} pairs of seed ${SEED}.\n`,
    tableOf(judged),
    '| OpenSSL says | pairs |\n| --- | ---: |\n' + reasonsOf(judged),
    ...wrong.map(
      ({ title, given, files, put }) => `${given}; files: ${files}, put: ${put}\n\n${title}`,
    ),
  ].join('\n');
  mkdirSync(dirname(REPORT), { recursive: true });
  writeFileSync(REPORT, text);
  console.log(`${text.slice(0, 4000)}\n${REPORT}`);
}
