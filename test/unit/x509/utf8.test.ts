import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { readWhole, utf8Of, write } from '../../../src/x509/der.js';
import { isUtf8 } from '../../../src/x509/utf8.js';

const of = (hex: string): boolean => isUtf8(Buffer.from(hex, 'hex'), 0, hex.length / 2);

describe('no UTF-8', () => {
  test.each([
    ['a high surrogate', 'eda080'],
    ['a low surrogate', 'edbfbf'],
    ['a pair of surrogates, as CESU-8 has it', 'eda080edb080'],
    ['an overlong NUL', 'c080'],
    ['an overlong slash of two bytes', 'c0af'],
    ['the longest overlong form of two bytes', 'c1bf'],
    ['an overlong form of three bytes', 'e09fbf'],
    ['an overlong form of four bytes', 'f08fbfbf'],
    ['above U+10FFFF', 'f4908080'],
    ['far above it', 'f7bfbfbf'],
    ['a form of five bytes', 'f888808080'],
    ['a byte of the middle alone', '80'],
    ['a byte that begins nothing', 'ff'],
    ['cut off after the first byte', '61c3'],
    ['cut off before the last byte', 'f09f92'],
    ['another byte in the middle', 'e28261'],
  ])('%s', (_, hex) => {
    expect(of(hex)).toBe(false);
    expect(of(`61${hex}`)).toBe(false);
    const text = utf8Of(readWhole(Buffer.from(write(0x0c, `61${hex}`), 'hex'), 0x0c, 'it'));
    expect(text).toContain('\ufffd');
  });
});

test('the ends of what each number of bytes can say', () => {
  for (const hex of [
    '',
    '00',
    '7f',
    'c280',
    'dfbf',
    'e0a080',
    'ed9fbf',
    'ee8080',
    'efbfbf',
    'f0908080',
    'f48fbfbf',
  ])
    expect(of(hex), hex).toBe(true);
});

const anyText = fc
  .array(fc.integer({ min: 0, max: 0x10f7ff }), { maxLength: 20 })
  // Without surrogates.
  .map((codes) =>
    codes.map((code) => String.fromCodePoint(code < 0xd800 ? code : code + 0x800)).join(''),
  );

test('any text, from any place on', () => {
  fc.assert(
    fc.property(anyText, fc.nat(4), (text, before) => {
      const bytes = Buffer.concat([Buffer.alloc(before, 0xff), Buffer.from(text)]);
      expect(isUtf8(bytes, before, bytes.length)).toBe(true);
      const element = readWhole(
        Buffer.from(write(0x0c, Buffer.from(text).toString('hex')), 'hex'),
        0x0c,
        'it',
      );
      expect(utf8Of(element)).toBe(text);
    }),
  );
});

test('any bytes, as the decoder of this engine has it', () => {
  const strict = new TextDecoder('utf-8', { fatal: true });
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 6 }), (bytes) => {
      let isText = true;
      try {
        strict.decode(bytes);
      } catch {
        isText = false;
      }
      expect(isUtf8(Buffer.from(bytes), 0, bytes.length)).toBe(isText);
    }),
    { numRuns: 5000 },
  );
});
