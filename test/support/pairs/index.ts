import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { createAuthority } from '../certificates.js';
import { LEAF_NAMES, makeIngredients } from './made.js';
import type { PairCase } from './pair_case.js';
import { numberCases } from './numbers.js';
import { refusedCases } from './refused.js';
import { takenCases } from './taken.js';

export type { PairCase, Verdict } from './pair_case.js';

const HOUR_MS = 3_600_000;

/**
 * Every kind of pair that is offered to nginx: in each shape that is taken, and with each fault that is refused. All
 * leaves are for `*.a.example`, so that each case can have a name of its own there.
 */
export async function makePairCases(ingredients = makeIngredients()): Promise<PairCase[]> {
  // The long ones take seconds, on another core meanwhile.
  const rsaKeys = Promise.all([2047, 2049, 3072, 4096].map(makeRsaKey));
  const refusals = [...refusedCases(ingredients), ...numberCases(ingredients)];
  return [...takenCases(ingredients, await rsaKeys), ...refusals, ...(await circumstances())];
}

async function makeRsaKey(bits: number): Promise<string> {
  const { privateKey } = await promisify(generateKeyPair)('rsa', { modulusLength: bits });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
}

/** Sound pairs, at the wrong time or under the wrong name. */
async function circumstances(): Promise<PairCase[]> {
  const authority = await createAuthority();
  const now = Date.now();
  const expired = await authority.issue({
    names: LEAF_NAMES,
    notBefore: new Date(now - 2 * HOUR_MS),
    notAfter: new Date(now - HOUR_MS),
  });
  const early = await authority.issue({ names: LEAF_NAMES, notBefore: new Date(now + HOUR_MS) });
  const elsewhere = await authority.issue({ names: ['a.example', 'a.example.example'] });
  const sound = ({ chainPem, keyPem }: typeof expired) =>
    ({
      cert: chainPem + keyPem,
      read: 'taken',
      disk: 'taken',
      renewal: 'taken',
      put: 'taken',
      served: { chain: chainPem, key: keyPem },
    }) as const;
  return [
    {
      ...sound(expired),
      // Where nothing valid is held it is better than nothing.
      title: 'expired',
      renewal: 'expired',
      put: 'expired',
      detail: 'has expired',
    },
    { ...sound(early), title: 'not yet valid' },
    {
      ...sound(elsewhere),
      title: 'for other names',
      disk: 'name-not-covered',
      renewal: 'name-not-covered',
      put: 'name-not-covered',
      detail: 'is not for',
    },
  ];
}
