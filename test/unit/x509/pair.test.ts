import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';

import { write } from '../../../src/x509/der.js';
import { readPair, servedPem } from '../../../src/x509/pair.js';
import type { RefusalCode } from '../../../src/engine/refusal.js';
import { der, key, leaf, load, pem } from '../../support/openssl.js';
import { type PairCase, makePairCases } from '../../support/pairs/index.js';
import { makeIngredients, pkcs1, sec1 } from '../../support/pairs/made.js';
import { proveKey } from '../../../src/x509/key_proof.js';

const refusal = (code: RefusalCode, detail = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(detail) as unknown });

const ingredients = makeIngredients();
const { usual, other, intermediate, rsa, chain } = ingredients;
const cases = await makePairCases(ingredients);

const inputOf = ({ cert, key: own }: PairCase): [string, string?] =>
  own === undefined ? [cert] : [cert, own];

describe('each pair that is taken', () => {
  test.each(cases.filter(({ read }) => read === 'taken'))('$title', async (offered) => {
    const pair = readPair(...inputOf(offered));
    expect({ chain: pair.chain, key: pair.key }).toEqual(offered.served);
    expect(pair.leaf.names).toContain('a.example');
    expect(pair.keyProven).toBe(offered.disk !== 'unsupported-key');
    const isForeign = offered.put === 'key-mismatch';
    if (pair.keyProven || !isForeign) {
      load(pair.chain, pair.key);
      load(pair.chain, servedPem(pair).key);
    }
    if (isForeign) await expect(proveKey(pair)).rejects.toThrow();
    else expect(await proveKey(pair)).toBe(true);
  });
});

describe('each pair that is refused', () => {
  test.each(cases.filter(({ read }) => read !== 'taken'))('$title: $read', (offered) => {
    const { read, detail = '' } = offered;
    expect(() => readPair(...inputOf(offered))).toThrow(refusal(read as RefusalCode, detail));
    if (read !== 'weak') return;
    const loading = expect(() => load(offered.cert, offered.key ?? offered.cert));
    if (offered.isTolerated) loading.not.toThrow();
    else loading.toThrow(/too small|too weak/);
  });
});

test('twice is once, however text is put between', () => {
  const line = fc.constantFrom(
    '',
    ' ',
    '\t',
    'Bag Attributes',
    '  a: b',
    '----',
    '-----END',
    'größe',
  );
  const junk = fc.array(line).map((lines) => lines.concat('').join('\n'));
  const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
  fc.assert(
    fc.property(junk, junk, order, fc.constantFrom('\n', '\r\n'), (a, b, places, lineEnd) => {
      const blocks = places.map((i) => [usual.pem, intermediate.pem, usual.key][i]!);
      const once = readPair((a + blocks.join(b) + b).replace(/\n/g, lineEnd));
      const twice = readPair(once.chain + once.key);
      expect([once.chain, once.key]).toEqual([chain, usual.key]);
      expect([twice.chain, twice.key]).toEqual([once.chain, once.key]);
    }),
  );
});

test('cut off anywhere', () => {
  const text = chain + usual.key;
  for (let length = 0; length < text.length - 1; length += 7) {
    expect(() => readPair(text.slice(0, length))).toThrow(refusal('malformed'));
  }
});

test('what the engine cannot prove', async () => {
  const subtle = globalThis.crypto.subtle;
  const fails = vi.spyOn(subtle, 'importKey').mockRejectedValue(new TypeError('unknown'));
  try {
    const made = leaf(['a.example'], { key: key('ED25519') });
    expect(await proveKey(readPair(made.pem + made.key))).toBe(false);
    const proven = readPair(chain + usual.key);
    await expect(proveKey(proven)).rejects.toEqual(refusal('malformed', 'public key'));
  } finally {
    fails.mockRestore();
  }
});

test('nothing of a key is in a refusal', () => {
  const texts = [usual.key, sec1(usual.key), rsa.key, pkcs1(rsa.key)].flatMap((text) => {
    const lines = text.split('\n');
    return [text, ...lines.map((_, i) => lines.filter((__, j) => i !== j).join('\n'))];
  });
  for (const text of texts) {
    for (const input of [other.pem + text, text]) {
      try {
        readPair(input);
      } catch (e) {
        expect((e as Error).message).not.toContain('PRIVATE KEY');
        for (const line of text.split('\n').filter((each) => !each.startsWith('---'))) {
          if (line.length > 3) expect((e as Error).message).not.toContain(line.slice(0, 8));
        }
      }
    }
  }
});

describe('hostile input of a mebibyte', () => {
  const size = 700000;
  const filled = (label: string, content: string): string =>
    pem(label, Buffer.from(write(0x30, content.repeat(size / content.length)), 'hex'));

  /** The text many times, each time with other bytes at its end. */
  const many = (text: string, times: number): string =>
    Array.from({ length: times }, (_, i) => {
      const bytes = der(text);
      bytes.writeUInt32BE(i, bytes.length - 4);
      return pem(/-----BEGIN ([^-]+)/.exec(text)![1]!, bytes);
    }).join('');

  test.each([
    ['certificates', () => usual.pem.repeat((1 << 20) / usual.pem.length) + usual.key],
    ['keys', () => chain + other.key.repeat(4000)],
    ['different keys', () => chain + many(other.key, 4000)],
    ['different certificates', () => many(usual.pem, 1500) + usual.key],
    ['empty elements as a key', () => chain + filled('RSA PRIVATE KEY', '0500')],
    ['empty elements as a certificate', () => filled('CERTIFICATE', '3000') + usual.key],
    ['a large certificate', () => filled('CERTIFICATE', '31023000') + usual.key],
  ])('%s', (_, make) => {
    const text = make();
    const started = performance.now();
    expect(() => readPair(text)).toThrow();
    expect(performance.now() - started).toBeLessThan(500);
  });
});
