import fc from 'fast-check';
import { expect, test } from 'vitest';

import { normaliseWithWildcard } from '../../../src/x509/server_name.js';
import { isRsaKey, nameOf, rsaKey, slotKeys } from '../../../src/config/slot.js';

const NAMES = ['a.example', '*.example.com', 'rsa', '*.rsa'];

test.each(NAMES)('the key of the RSA slot of %s is no name, and tells whose it is', (name) => {
  const key = rsaKey(name);
  expect(normaliseWithWildcard(key)).toBe('');
  expect([isRsaKey(key), nameOf(key)]).toEqual([true, name]);
  expect([isRsaKey(name), nameOf(name)]).toEqual([false, name]);
});

test('no name that passes for one has the key of an RSA slot', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(isRsaKey(normaliseWithWildcard(`*rsa:${text}`))).toBe(false);
      expect(isRsaKey(normaliseWithWildcard(text))).toBe(false);
    }),
  );
});

test("a handler looks into its own slot, then into the other one's", () => {
  expect(slotKeys('a', true, false)).toEqual(['a', '*rsa:a']);
  expect(slotKeys('a', true, true)).toEqual(['*rsa:a', 'a']);
  expect(slotKeys('a', false, false)).toEqual(['a']);
  expect(slotKeys('a', false, true)).toEqual(['a']);
});
