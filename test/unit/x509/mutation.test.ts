import { describe, expect, test } from 'vitest';

import { type Pair, readPair } from '../../../src/x509/pair.js';
import { isRefusal } from '../../../src/engine/refusal.js';
import { makeSamples, mutations } from '../../support/mutations.js';
import { load } from '../../support/openssl.js';

// Damaged input of every kind: whatever comes, readPair returns a pair or throws a refusal, and what it takes OpenSSL
// takes. That is what keeps private keys out of nginx's error log. A failure names the seed
// and the number of the mutation; MUTATIONS=100000 and SEED=n look further than a test run should.

const MUTATIONS = Number(process.env['MUTATIONS'] ?? 5000);
const SEED = Number(process.env['SEED'] ?? 1);

describe('damaged input', () => {
  test(
    `${MUTATIONS} mutations: only refusals are thrown, and OpenSSL takes what is taken`,
    () => {
      const refused: Record<string, number> = {};
      let taken = 0;
      const damaged = mutations(makeSamples(), SEED);
      for (let i = 0; i < MUTATIONS; i++) {
        const { text, title: mutation } = damaged.next().value;
        let pair: Pair;
        try {
          pair = readPair(text);
        } catch (e) {
          if (!isRefusal(e)) throw new Error(`${String(e)} in ${mutation}`, { cause: e });
          expect(e.message, mutation).toMatch(/^.{5,160}$/);
          expect(e.message, mutation).not.toContain('PRIVATE KEY');
          refused[e.code] = (refused[e.code] ?? 0) + 1;
          continue;
        }
        taken++;
        if (!pair.keyProven) continue;
        try {
          load(pair.chain, pair.key);
        } catch (e) {
          throw new Error(`OpenSSL refuses (${String(e)}) what was taken in ${mutation}`, {
            cause: e,
          });
        }
        const again = readPair(pair.chain + pair.key);
        expect(again.chain + again.key, mutation).toBe(pair.chain + pair.key);
      }
      // The mutations are no test where they all fail alike.
      expect(taken).toBeGreaterThan(MUTATIONS / 50);
      for (const code of [
        'malformed',
        'key-mismatch',
        'encrypted-key',
        'unsupported-key',
        'weak',
        'bad-chain',
      ]) {
        expect(refused[code], code).toBeGreaterThan(MUTATIONS / 1000);
      }
      if (process.env['MUTATIONS']) console.log({ taken, refused });
    },
    60_000 + MUTATIONS * 5,
  );
});
