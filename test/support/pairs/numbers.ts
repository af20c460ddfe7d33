import { ECDH, createPrivateKey, createPublicKey } from 'node:crypto';
import { children, hexOf, hexOfWhole, readWhole, write } from '../../../src/x509/der.js';
import { type Curve, fieldBytes } from '../../../src/x509/ec_point.js';
import { EC, authority, der, key, leaf, openssl, pem } from '../openssl.js';
import {
  COMPRESSED,
  type Ingredients,
  LEAF_NAMES,
  RSA_PSS,
  pkcs1,
  sec1,
  withPublicKey,
} from './made.js';
import { type PairCase, refused, taken, unproven } from './pair_case.js';

// Pairs that are well formed, and whose numbers or texts are right or wrong.

export function numberCases(made: Ingredients): PairCase[] {
  return [
    ...rsaNumbers(made),
    ...points(made),
    ...texts(made),
    ...attachedKeys(made),
    surplusZero(made),
  ];
}

/** The numbers of PKCS#1 by their place in it. */
const RSA_NUMBERS = { d: 3, p: 4, q: 5, dP: 6, dQ: 7, qInv: 8 };

/**
 * An RSA key as PKCS#1 with one of its numbers changed.
 *
 * @param change makes the new number of the old one, both in hex of whole bytes
 */
export function withRsaNumber(text: string, at: number, change: (hex: string) => string): string {
  const numbers = children(readWhole(der(pkcs1(text)), 0x30, 'it')).map((number, i) =>
    i === at ? write(0x02, positive(change(hexOf(number).replace(/^00/, '')))) : hexOfWhole(number),
  );
  return pem('RSA PRIVATE KEY', Buffer.from(write(0x30, numbers.join('')), 'hex'));
}

function positive(hex: string): string {
  return /^[89a-f]/.test(hex) ? `00${hex}` : hex;
}

/** One bit in the middle. */
export function flipped(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes[bytes.length >> 1]! ^= 0x10;
  return bytes.toString('hex');
}

/** A number that is longer than the modulus of RSA-2048 by one bit. */
export function tooLong(hex: string): string {
  return `01${hex.padStart(512, '0')}`;
}

function rsaNumbers({ rsa, intermediate }: Ingredients): PairCase[] {
  const chain = rsa.pem + intermediate.pem;
  const pkcs8 = (text: string): string => openssl(['pkcs8', '-topk8', '-nocrypt'], text);
  const pss = leaf(LEAF_NAMES, { issuer: intermediate, key: key(RSA_PSS) });
  const inner = hexOf(children(readWhole(der(pss.key), 0x30, 'it'))[2]!);
  const d = hexOf(children(readWhole(Buffer.from(inner, 'hex'), 0x30, 'it'))[3]!);
  const damagedPss = der(pss.key).toString('hex').replace(d, flipped(d));
  return [
    ...Object.entries(RSA_NUMBERS).flatMap(([name, at]) => {
      const damaged = withRsaNumber(rsa.key, at, flipped);
      const long = withRsaNumber(rsa.key, at, tooLong);
      return [
        refused('malformed', `RSA, one bit of ${name} off`, 'belong together', chain + damaged),
        refused('malformed', `RSA, ${name} longer than the modulus`, 'longer than', chain + long),
      ];
    }),
    refused(
      'malformed',
      'RSA in PKCS#8, one bit of d off',
      'belong together',
      chain + pkcs8(withRsaNumber(rsa.key, RSA_NUMBERS.d, flipped)),
    ),
    refused(
      'malformed',
      'RSA-PSS, one bit of d off',
      'belong together',
      pss.pem + pem('PRIVATE KEY', Buffer.from(damagedPss, 'hex')),
    ),
  ];
}

/** OpenSSL's names of the curves. */
const CURVES: [Curve, string][] = [
  ['P-256', 'prime256v1'],
  ['P-384', 'secp384r1'],
  ['P-521', 'secp521r1'],
  ['brainpoolP256r1', 'brainpoolP256r1'],
];

function points({ root, usual }: Ingredients): PairCase[] {
  const issuer = authority('/CN=I', {
    issuer: root,
    key: usual.key,
    publicKey: openssl(['ec', '-pubout', ...COMPRESSED], usual.key),
  });
  const under = leaf(LEAF_NAMES, { issuer });
  const x = xOf(usual.key, 'P-256');
  const off = pem('CERTIFICATE', replaced(der(issuer.pem), x, offCurve('P-256', 'prime256v1')));
  return [
    ...CURVES.flatMap(([curve, name]) => pointsOf(curve, name)),
    refused(
      'malformed',
      'an issuer with a compressed point that is not on its curve',
      'certificate 2: not a point',
      under.pem + off + under.key,
    ),
    taken(
      'an issuer with a compressed point',
      { cert: under.pem + issuer.pem + under.key },
      { chain: under.pem + issuer.pem, key: under.key },
    ),
  ];
}

/** The same bad point in a certificate and its key. */
function pointsOf(curve: Curve, name: string): PairCase[] {
  const own = key(EC + name);
  const whole = leaf(LEAF_NAMES, { key: own });
  const publicKey = openssl(['ec', '-pubout', ...COMPRESSED], own);
  const compressed = leaf(LEAF_NAMES, { key: own, publicKey });
  const ending = spki(own).subarray(-8);
  const bad = (cert: string, key: string, from: Buffer, to: Buffer): string =>
    pem('CERTIFICATE', replaced(der(cert), from, to)) +
    pem('EC PRIVATE KEY', replaced(der(key), from, to));
  return [
    refused(
      'malformed',
      `a point that is not on ${curve}, in the certificate and in the key`,
      `not a point of ${curve}`,
      bad(whole.pem, sec1(own), ending, Buffer.alloc(8, 7)),
    ),
    refused(
      'malformed',
      `a compressed point that is not on ${curve}, in both`,
      `not a point of ${curve}`,
      bad(
        compressed.pem,
        openssl(['ec', ...COMPRESSED], own),
        xOf(own, curve),
        offCurve(curve, name),
      ),
    ),
  ];
}

function spki(text: string): Buffer {
  return createPublicKey(text).export({ type: 'spki', format: 'der' });
}

/** The first coordinate of an EC key's point. */
function xOf(text: string, curve: Curve): Buffer {
  const length = fieldBytes(curve);
  return spki(text).subarray(-2 * length, -length);
}

/** The smallest number that is the first coordinate of no point of a curve. */
function offCurve(curve: Curve, name: string): Buffer {
  for (let number = 1; ; number++) {
    const x = Buffer.alloc(fieldBytes(curve));
    x[x.length - 1] = number;
    try {
      ECDH.convertKey(Buffer.concat([Buffer.of(2), x]), name);
    } catch {
      return x;
    }
  }
}

/** Bytes with others in place of each occurrence of some. */
export function replaced(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const hex = bytes.toString('hex');
  if (!hex.includes(from.toString('hex'))) throw new Error('there is nothing to replace');
  return Buffer.from(hex.replaceAll(from.toString('hex'), to.toString('hex')), 'hex');
}

/** A character in the subject, and bytes in its place that are no UTF-8. */
export const BAD_TEXTS: Record<string, [string, string]> = {
  'a high surrogate': ['€', 'eda080'],
  'a low surrogate': ['€', 'edb080'],
  'an overlong form': ['ß', 'c0af'],
  'an overlong form of three bytes': ['€', 'e09f80'],
  'a character above U+10FFFF': ['💩', 'f4908080'],
  'half a character': ['ß', 'c341'],
};

function texts({ usual, intermediate }: Ingredients): PairCase[] {
  const subject = '/O=Größe 10 € 💩/CN=a.example';
  const own = leaf(LEAF_NAMES, { issuer: intermediate, key: usual.key, subject });
  const issuer = authority(subject);
  const under = leaf(LEAF_NAMES, { issuer, key: usual.key });
  const bad = (text: string, [char, hex]: [string, string]): string =>
    pem('CERTIFICATE', replaced(der(text), Buffer.from(char), Buffer.from(hex, 'hex')));
  const cases = Object.entries(BAD_TEXTS).map(([title, change]) =>
    refused('malformed', `${title} in a subject`, 'not text', bad(own.pem, change) + own.key),
  );
  const surrogate: [string, string] = ['€', 'eda080'];
  return [
    ...cases,
    refused(
      'malformed',
      'a surrogate in an issuer',
      'not text',
      bad(under.pem, surrogate) + under.key,
    ),
    refused(
      'malformed',
      'a surrogate in an intermediate',
      'not text',
      under.pem + bad(issuer.pem, surrogate) + under.key,
    ),
  ];
}

/** A public key of RFC 5958 that is the leaf's, with a private key that is not. OpenSSL computes the public key, and goes by that. */
function attachedKeys({ intermediate }: Ingredients): PairCase[] {
  return (['Ed25519', 'Ed448'] as const).map((kind) => {
    const made = leaf(LEAF_NAMES, { issuer: intermediate, key: key(kind.toUpperCase()) });
    const another = key(kind.toUpperCase());
    const chain = made.pem + intermediate.pem;
    return {
      ...unproven(
        `${kind}, another key with the right public key`,
        'key-mismatch',
        { chain, key: another },
        kind,
      ),
      cert: chain + withPublicKey(another, made.key),
    };
  });
}

/** GnuTLS writes a private number as an INTEGER would be: with a zero before it where its first bit is set. */
function surplusZero({ usual, chain }: Ingredients): PairCase {
  const number = privateNumber(usual.key);
  const hex = der(sec1(usual.key)).toString('hex');
  const content = hexOf(readWhole(Buffer.from(hex, 'hex'), 0x30, 'it'));
  const longer = content.replace(write(0x04, number), write(0x04, `00${number}`));
  const text = pem('EC PRIVATE KEY', Buffer.from(write(0x30, longer), 'hex'));
  return taken(
    'a private number with a zero too many',
    { cert: chain + text },
    { chain, key: text },
  );
}

function privateNumber(text: string): string {
  const { d } = createPrivateKey(text).export({ format: 'jwk' });
  return Buffer.from(d!, 'base64url').toString('hex');
}
