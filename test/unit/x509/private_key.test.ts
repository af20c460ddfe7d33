import { describe, expect, test } from 'vitest';

import { children, hexOfWhole, readWhole, write } from '../../../src/x509/der.js';
import { readBlocks } from '../../../src/x509/pem.js';
import {
  provesItself,
  readPrivateKey,
  servedForm,
  withPoint,
} from '../../../src/x509/private_key.js';
import { EC, RSA, der, key, openssl, pem, withIntruder } from '../../support/openssl.js';
import {
  P384,
  P521,
  RSA_PSS,
  pkcs1 as pkcs1Of,
  pointless,
  sec1 as sec1Of,
  withPublicKey,
} from '../../support/pairs/made.js';

// The shapes that openssl does not make, taken apart from what it makes.

const read = (label: string, hex: string) =>
  readPrivateKey(readBlocks(pem(label, Buffer.from(hex, 'hex')))[0]!);

const code = (is: string): unknown => expect.objectContaining({ code: is });

const parts = (hex: string): string[] =>
  children(readWhole(Buffer.from(hex, 'hex'), 0x30, 'it')).map(hexOfWhole);

const ec = key(EC + 'P-256');
const rsa = key(RSA + '2048');
const sec1 = der(openssl(['ec'], ec)).toString('hex');
const pkcs1 = der(openssl(['rsa', '-traditional'], rsa)).toString('hex');
const ed = der(key('ED25519')).toString('hex');
const pkcs8 = der(ec).toString('hex');

test('an element too many, wherever it is', () => {
  const shapes: [string, string][] = [
    ['PRIVATE KEY', pkcs8],
    ['PRIVATE KEY', ed],
    ['PRIVATE KEY', der(rsa).toString('hex')],
    ['EC PRIVATE KEY', sec1],
    ['RSA PRIVATE KEY', pkcs1],
  ];
  for (const [label, hex] of shapes) {
    expect(read(label, hex).der.toString('hex')).toBe(hex);
    const changed = withIntruder(Buffer.from(hex, 'hex'));
    expect(changed.length).toBeGreaterThan(0);
    for (const each of changed) {
      const malformed = /^(malformed|unsupported-key)$/;
      expect(() => read(label, each.toString('hex')), each.toString('hex')).toThrow(
        expect.objectContaining({ code: expect.stringMatching(malformed) as unknown }),
      );
    }
  }
});

describe('SEC1', () => {
  const [version, number, curve, point] = parts(sec1) as [string, string, string, string];
  const bare = number.slice(4);

  test.each([
    ['a byte left out', version + write(0x04, bare.slice(2)) + curve + point],
    ['a zero too many', version + write(0x04, '00' + bare) + curve + point],
    ['no point', version + number + curve],
  ])('taken: %s', (_, content) => {
    expect(read('EC PRIVATE KEY', write(0x30, content)).curve).toBe('P-256');
  });

  test.each([
    ['version 0', '020100' + number + curve + point],
    ['no curve', version + number + point],
    ['no number', version + '0400' + curve + point],
    ['zeros alone', version + write(0x04, '00'.repeat(32)) + curve + point],
    ['a number too long', version + write(0x04, bare + '00') + curve + point],
    ['point before curve', version + number + point + curve],
    ['a point with bits unused', version + number + curve + point.replace('034200', '034201')],
  ])('malformed: %s', (_, content) => {
    expect(() => read('EC PRIVATE KEY', write(0x30, content))).toThrow(code('malformed'));
  });
});

describe('PKCS#1', () => {
  const numbers = parts(pkcs1);
  const changed = (at: number, to: string): string =>
    write(0x30, numbers.map((number, i) => (i === at ? to : number)).join(''));

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])('number %i negative, padded or missing', (at) => {
    const malformed = code(at === 0 ? 'unsupported-key' : 'malformed');
    expect(() => read('RSA PRIVATE KEY', changed(at, '0201ff'))).toThrow(malformed);
    expect(() => read('RSA PRIVATE KEY', changed(at, '02020001'))).toThrow(malformed);
    expect(() => read('RSA PRIVATE KEY', changed(at, '0400'))).toThrow(malformed);
    expect(() => read('RSA PRIVATE KEY', changed(at, ''))).toThrow(code('unsupported-key'));
  });

  test('empty', () => {
    expect(() => read('RSA PRIVATE KEY', '3000')).toThrow(code('unsupported-key'));
  });
});

describe('ML-DSA', () => {
  const key = (content: string, kind = '11'): string =>
    write(0x30, '020100' + write(0x30, '06096086480165030403' + kind) + write(0x04, content));
  const seed = 'ab'.repeat(32);
  const expanded = (bytes: number): string => write(0x04, 'cd'.repeat(bytes));

  test.each([
    ['the seed', key(write(0x80, seed)), 'ML-DSA-44'],
    ['the key', key(expanded(2560)), 'ML-DSA-44'],
    ['both', key(write(0x30, write(0x04, seed) + expanded(2560))), 'ML-DSA-44'],
    ['ML-DSA-65', key(expanded(4032), '12'), 'ML-DSA-65'],
    ['ML-DSA-87', key(expanded(4896), '13'), 'ML-DSA-87'],
  ])('taken: %s', (_, hex, kind) => {
    const taken = read('PRIVATE KEY', hex);
    expect([taken.kind, taken.value, taken.der.toString('hex')]).toEqual([kind, '', hex]);
    expect(provesItself(taken)).toBe(false);
  });

  test.each([
    ['a seed too short', key(write(0x80, seed.slice(2)))],
    ['the key of another kind', key(expanded(4032))],
    ['both the wrong way round', key(write(0x30, expanded(2560) + write(0x04, seed)))],
    ['both, the key too short', key(write(0x30, write(0x04, seed) + expanded(2559)))],
    ['a third part', key(write(0x30, write(0x04, seed) + expanded(2560) + '0500'))],
    ['something after the seed', key(write(0x80, seed) + '0500')],
    ['nothing', key('')],
  ])('malformed: %s', (_, hex) => {
    expect(() => read('PRIVATE KEY', hex)).toThrow(code('malformed'));
  });

  test('an Ed25519 key has no seed of its own', () => {
    const other = write(0x30, '020100' + '300506032b6570' + write(0x04, write(0x80, seed)));
    expect(() => read('PRIVATE KEY', other)).toThrow(code('malformed'));
  });
});

test.each<[string, boolean, () => string]>([
  ['RSA', true, () => rsa],
  ['RSA-PSS', true, () => openssl(['genpkey', '-algorithm', ...RSA_PSS.split(' ')])],
  ['P-256', true, () => ec],
  ['P-256 without its point', false, () => pointless.sec1(ec)],
  [
    'brainpoolP256r1',
    false,
    () => openssl(['genpkey', ...`-algorithm ${EC}brainpoolP256r1`.split(' ')]),
  ],
  ['Ed25519', false, () => pem('PRIVATE KEY', Buffer.from(ed, 'hex'))],
  [
    'Ed25519 with its public key',
    false,
    () => withPublicKey(pem('PRIVATE KEY', Buffer.from(ed, 'hex'))),
  ],
])('whether the public part of a key tells whose it is: %s, %s', (_, proves, make) => {
  const block = readBlocks(make()).find(({ label }) => label.endsWith('PRIVATE KEY'))!;
  expect(provesItself(readPrivateKey(block))).toBe(proves);
});

describe('PKCS#8', () => {
  const [, algorithm, inner] = parts(pkcs8) as [string, string, string];
  const [, edAlgorithm, edInner] = parts(ed) as [string, string, string];
  const attached = write(0x81, '00' + 'ab'.repeat(32));

  test.each([
    ['attributes', '020100' + edAlgorithm + edInner + 'a000', ''],
    ['a public key', '020101' + edAlgorithm + edInner + attached, 'ab'.repeat(32)],
    ['both', '020101' + edAlgorithm + edInner + 'a000' + attached, 'ab'.repeat(32)],
  ])('%s: taken, and written without', (_, content, value) => {
    const taken = read('PRIVATE KEY', write(0x30, content));
    expect(taken.value).toBe(value);
    expect(taken.der.toString('hex')).toBe(ed);
  });

  test.each([
    ['version 2', '020102' + algorithm + inner],
    ['something after the public key', '020101' + edAlgorithm + edInner + attached + '0500'],
    ['public key before attributes', '020101' + edAlgorithm + edInner + attached + 'a000'],
    ['two different points', '020101' + algorithm + inner + write(0x81, '0004' + 'ab'.repeat(64))],
    [
      'an Ed25519 key of 31 bytes',
      '020100' + edAlgorithm + write(0x04, write(0x04, 'ab'.repeat(31))),
    ],
    [
      'an Ed25519 key of 33 bytes',
      '020100' + edAlgorithm + write(0x04, write(0x04, 'ab'.repeat(33))),
    ],
    [
      'something after the Ed25519 key',
      '020100' + edAlgorithm + write(0x04, write(0x04, 'ab'.repeat(32)) + '00'),
    ],
    [
      'something after the EC key',
      '020100' + algorithm + write(0x04, inner.slice(inner.indexOf('30', 4)) + '00'),
    ],
    ['another kind of key', '020100' + algorithm + edInner],
  ])('malformed: %s', (_, content) => {
    expect(() => read('PRIVATE KEY', write(0x30, content))).toThrow(code('malformed'));
  });
});

test('too long', () => {
  const filled = write(0x30, '0500'.repeat(20000));
  expect(() => read('RSA PRIVATE KEY', filled)).toThrow(
    expect.objectContaining({ message: 'too long for a private key' }),
  );
});

describe('an EC key without its point', () => {
  test.each(['P-256', 'P-384', 'P-521'])('gets it as SEC1: %s', (curve) => {
    const whole = key(EC + curve);
    const bare = openssl(['ec', '-no_public'], whole);
    const shapes = [bare, openssl(['pkcs8', '-topk8', '-nocrypt'], bare)];
    const point = readPrivateKey(readBlocks(whole)[0]!).value;
    for (const shape of shapes) {
      const read = readPrivateKey(readBlocks(shape).at(-1)!);
      expect(read.value).toBe('');
      const { label, der: bytes } = withPoint(read, read.curve!, point);
      const text = pem(label, bytes);
      expect(openssl(['pkey'], text)).toBe(openssl(['pkey'], whole));
      expect(readPrivateKey(readBlocks(text)[0]!).value).toBe(point);
    }
  });
});

describe('what nginx gets of a key', () => {
  const served = (text: string): string => servedForm(readPrivateKey(readBlocks(text)[0]!));
  const rsa = key(`${RSA}2048`);

  test.each<[string, string, string]>([
    ['RSA in PKCS#8', rsa, pkcs1Of(rsa)],
    ['RSA in PKCS#1', pkcs1Of(rsa), pkcs1Of(rsa)],
    ...[EC + 'P-256', P384, P521].flatMap((algorithm): [string, string, string][] => {
      const whole = key(algorithm);
      return [
        [`${algorithm} in PKCS#8`, whole, sec1Of(whole)],
        [`${algorithm} in SEC1`, sec1Of(whole), sec1Of(whole)],
      ];
    }),
  ])('%s: as openssl writes it in the form of its kind', (_, text, expected) => {
    expect(served(text)).toBe(expected);
  });

  test.each<[string, string]>([
    ['RSA-PSS, which has restrictions', key(RSA_PSS)],
    ['Ed25519', key('ED25519')],
    ['EC without its point in PKCS#8', pointless.pkcs8(key(EC + 'P-256'))],
    ['EC without its point in SEC1', pointless.sec1(key(EC + 'P-256'))],
  ])('%s: as it came', (_, text) => {
    expect(served(text)).toBe(text);
  });
});
