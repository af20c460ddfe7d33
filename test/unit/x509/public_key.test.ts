import { describe, expect, test } from 'vitest';

import { readElement, readWhole, write } from '../../../src/x509/der.js';
import { isSameKey, keyTypeName, readPss, readPublicKey } from '../../../src/x509/public_key.js';
import { EC, RSA, der, key, openssl } from '../../support/openssl.js';

// The shapes that openssl does not make, taken apart from what it makes.

const publicKey = (algorithm: string): string =>
  der(openssl(['pkey', '-pubout'], key(algorithm))).toString('hex');

const read = (hex: string) => readPublicKey(readWhole(Buffer.from(hex, 'hex'), 0x30, 'it'), 'it');

const code = (is: string): unknown => expect.objectContaining({ code: is });

/** A SubjectPublicKeyInfo of these contents, in hex. */
const info = (algorithm: string, bits: string): string =>
  write(0x30, write(0x30, algorithm) + write(0x03, bits));

const RSA_NAME = '06092a864886f70d010101';
const PSS_NAME = '06092a864886f70d01010a';
const rsa = publicKey(RSA + '2048');
const numbers = rsa.slice(rsa.indexOf('00308201') + 2);
const point = publicKey(EC + 'P-256').slice(-130);
const EC_NAME = '06072a8648ce3d0201';
const P256_NAME = '06082a8648ce3d030107';
const BRAINPOOL_NAME = '06092b2403030208010107';
const ML_DSA = '06096086480165030403';
const bytes32 = 'ab'.repeat(32);

describe('taken', () => {
  test.each([
    ['RSA', info(RSA_NAME + '0500', '00' + numbers), 'RSA-2048'],
    ['RSA without parameters', info(RSA_NAME, '00' + numbers), 'RSA-2048'],
    ['RSA-PSS', info(PSS_NAME, '00' + numbers), 'RSA-PSS-2048'],
    ['P-256', info(EC_NAME + P256_NAME, '00' + point), 'ECDSA-P256'],
    ['Ed25519', info('06032b6570', '00' + bytes32), 'Ed25519'],
    ['Ed448', info('06032b6571', '00' + 'ab'.repeat(57)), 'Ed448'],
    ['ML-DSA-44', info(ML_DSA + '11', '00' + 'ab'.repeat(1312)), 'ML-DSA-44'],
    ['ML-DSA-65', info(ML_DSA + '12', '00' + 'ab'.repeat(1952)), 'ML-DSA-65'],
    ['ML-DSA-87', info(ML_DSA + '13', '00' + 'ab'.repeat(2592)), 'ML-DSA-87'],
    ['brainpoolP256r1', info(EC_NAME + BRAINPOOL_NAME, '00' + point), 'ECDSA-brainpoolP256r1'],
  ])('%s', (_, hex, type) => {
    expect(keyTypeName(read(hex))).toBe(type);
  });
});

describe('malformed', () => {
  test.each([
    ['RSA with parameters', info(RSA_NAME + '020101', '00' + numbers)],
    ['RSA with parameters and more', info(RSA_NAME + '05000500', '00' + numbers)],
    ['RSA with bits unused', info(RSA_NAME + '0500', '01' + numbers)],
    ['RSA with something after it', info(RSA_NAME + '0500', '00' + numbers + '00')],
    ['RSA with a third number', info(RSA_NAME + '0500', '00' + write(0x30, '020103020103020103'))],
    [
      'RSA with an even modulus',
      info(RSA_NAME + '0500', '00' + numbers.replace(/.0203010001$/, '00203010001')),
    ],
    ['RSA with an even exponent', info(RSA_NAME + '0500', '00' + numbers.replace(/1$/, '2'))],
    ['RSA with exponent 1', info(RSA_NAME + '0500', '00' + write(0x30, '020103020101'))],
    ['RSA with a negative modulus', info(RSA_NAME + '0500', '00' + write(0x30, '020183020103'))],
    ['RSA with exponent 0', info(RSA_NAME + '0500', '00' + write(0x30, '020103020100'))],
    ['a point cut short', info(EC_NAME + P256_NAME, '00' + point.slice(0, -2))],
    ['a hybrid point', info(EC_NAME + P256_NAME, '00' + point.replace('04', '06'))],
    ['no point', info(EC_NAME + P256_NAME, '0000')],
    ['a point with bits unused', info(EC_NAME + P256_NAME, '04' + point)],
    ['Ed25519 with parameters', info('06032b65700500', '00' + bytes32)],
    ['Ed25519 cut short', info('06032b6570', '00' + bytes32.slice(2))],
    ['ML-DSA with parameters', info(ML_DSA + '110500', '00' + 'ab'.repeat(1312))],
    ['ML-DSA of the length of another kind', info(ML_DSA + '12', '00' + 'ab'.repeat(1312))],
    ['Ed448 with parameters', info('06032b65710500', '00' + 'ab'.repeat(57))],
    [
      'something after the key',
      write(0x30, write(0x30, '06032b6570') + write(0x03, '00' + bytes32) + '0500'),
    ],
    ['no algorithm', write(0x30, '3000' + write(0x03, '00' + bytes32))],
  ])('%s', (_, hex) => {
    expect(() => read(hex)).toThrow(code('malformed'));
  });
});

test.each([
  [
    'an RSA key of 16392 bits',
    info(RSA_NAME + '0500', '00' + write(0x30, write(0x02, '7f' + 'ff'.repeat(2049)) + '020103')),
  ],
  ['an EC key without parameters', info(EC_NAME, '00' + point)],
  ['an EC key with NULL for a curve', info(EC_NAME + '0500', '00' + point)],
  ['an RSA-PSS key for SHA-1', info(PSS_NAME + '3000', '00' + numbers)],
])('not usable: %s', (_, hex) => {
  expect(() => read(hex)).toThrow(code('unsupported-key'));
});

test.each(['2b81040006', '2b8104001f', '2a8648ce3d030101', '2b240303020801010' + '3'])(
  'a short curve is weak: %s',
  (curve) => {
    expect(() => read(info(EC_NAME + write(0x06, curve), '00' + point))).toThrow(code('weak'));
  },
);

describe('readPss', () => {
  const SHA256 = '0609608648016503040201';
  const SHA384 = '0609608648016503040202';
  const SHA1 = '06052b0e03021a';
  const MGF1 = '06092a864886f70d010108';
  const parameters = (hash: string, maskHash: string, salt: string, mask = MGF1): string =>
    write(
      0x30,
      write(0xa0, write(0x30, hash)) +
        write(0xa1, write(0x30, mask + write(0x30, maskHash))) +
        salt,
    );
  const salt32 = 'a203020120';
  const readHex = (hex: string) => readPss(readElement(Buffer.from(hex, 'hex'), 0, hex.length / 2));

  test.each([
    [parameters(SHA256 + '0500', SHA256 + '0500', salt32), 32, 32],
    [parameters(SHA256, SHA256 + '0500', salt32), 32, 32],
    [parameters(SHA384, SHA384, salt32), 48, 32],
    [parameters(SHA256, SHA256, 'a203020100'), 32, 0],
    [parameters(SHA256, SHA256, 'a204020200de'), 32, 222],
    [parameters(SHA256, SHA256, ''), 32, 20],
  ])('%s', (hex, digest, salt) => {
    expect(readHex(hex)).toEqual({ digest, salt });
  });

  test.each([
    ['all left out: SHA-1', '3000'],
    ['SHA-1', parameters(SHA1, SHA1, salt32)],
    ['SHA-1 for the mask', parameters(SHA256, SHA1, salt32)],
    ['another hash for the mask', parameters(SHA256, SHA384, salt32)],
    ['no mask', write(0x30, write(0xa0, write(0x30, SHA256)))],
    ['a salt only', write(0x30, salt32)],
    ['no mask, a salt', write(0x30, write(0xa0, write(0x30, SHA256)) + salt32)],
    ['another mask', parameters(SHA256, SHA256, salt32, RSA_NAME)],
    ['a negative salt', parameters(SHA256, SHA256, 'a2030201ff')],
    ['a huge salt', parameters(SHA256, SHA256, 'a20502037fffff')],
    ['no parameters, but a NULL', '0500'],
  ])('not: %s', (_, hex) => {
    expect(readHex(hex)).toBe(null);
  });

  test.each([
    ['something after the hash', parameters(SHA256 + '05000500', SHA256, salt32)],
    ['a NULL that is not', parameters(SHA256 + '050100', SHA256, salt32)],
    ['something after the salt', parameters(SHA256, SHA256, salt32 + '0500')],
    ['a trailer', parameters(SHA256, SHA256, salt32 + 'a303020101')],
    ['a salt that is none', parameters(SHA256, SHA256, 'a20402020020')],
    [
      'mask: more than its hash',
      write(
        0x30,
        write(0xa0, write(0x30, SHA256)) +
          write(0xa1, write(0x30, MGF1 + write(0x30, SHA256) + '0500')) +
          salt32,
      ),
    ],
  ])('malformed: %s', (_, hex) => {
    expect(() => readHex(hex)).toThrow(code('malformed'));
  });

  test('restricts a key: a salt longer than the digest, TLS does not make', () => {
    const restricted = (salt: string): string =>
      info(PSS_NAME + parameters(SHA256, SHA256, salt), '00' + numbers);
    expect(read(restricted(salt32)).restrictions).toBe(parameters(SHA256, SHA256, salt32));
    expect(() => read(restricted('a203020121'))).toThrow(code('unsupported-key'));
    expect(isSameKey(read(restricted(salt32)), read(restricted('a203020110')))).toBe(false);
    expect(isSameKey(read(restricted(salt32)), read(restricted(salt32)))).toBe(true);
    expect(isSameKey(read(restricted(salt32)), read(info(RSA_NAME, '00' + numbers)))).toBe(false);
  });
});
