import { refuse } from '../engine/refusal';
import {
  type Element,
  BIT_STRING,
  INTEGER,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
  bitString,
  children,
  constructedTag,
  contextTag,
  expectEnd,
  hexOf,
  hexOfWhole,
  positiveInteger,
  readElement,
  readOnly,
  readTagged,
  readWhole,
  write,
} from './der';
import { type Curve, fieldBytes, identifierOf, isNist } from './ec_point';
import { type Block, decodeBlock, encodeBlock, quote } from './pem';
import {
  type BareKind,
  type KeyAlgorithm,
  EC_PUBLIC_KEY,
  RSA_ENCRYPTION,
  readCurve,
  readKeyAlgorithm,
  rsaValue,
} from './public_key';
import { expectOneKey } from './rsa_numbers';

// Reads private keys: PKCS#1 (RFC 8017, A.1.2), SEC1 (RFC 5915) and PKCS#8 (RFC 5208; RFC 5958 where it includes the public key),
// the last also with the keys of RFC 8410 and RFC 9881.

export interface PrivateKey extends KeyAlgorithm {
  /** The public part that the key includes, in the form of `PublicKey.value`; empty where it includes none. */
  value: string;
  /** The PEM label of `der`. */
  label: 'PRIVATE KEY' | 'RSA PRIVATE KEY' | 'EC PRIVATE KEY';
  /** The key as it is written. */
  der: Buffer;
}

/** The name of the key in a refusal. */
const WHOSE = 'the private key';

/** The most characters of a key's base64. An RSA key of 16384 bits has 12,500. */
const LONGEST_KEY = 32768;

/** Whether a PEM label is that of a private key of any kind, including OpenSSH's and encrypted ones. */
export function isKeyLabel(label: string): boolean {
  return /PRIVATE KEY$/.test(label);
}

/**
 * Reads a private key without any arithmetic: see `expectSound`. Only `proveKey` tells whether the private part of a key other than
 * RSA's is that of the public one.
 *
 * @throws encrypted-key, unsupported-key, weak (a short curve), malformed
 */
export function readPrivateKey(block: Block): PrivateKey {
  if (block.encrypted || block.label === 'ENCRYPTED PRIVATE KEY') {
    refuse('encrypted-key', 'the private key is encrypted; decrypt it with `openssl pkey`');
  }
  if (block.body.length > LONGEST_KEY) refuse('malformed', 'too long for a private key');
  switch (block.label) {
    case 'PRIVATE KEY':
      return readPkcs8(decodeBlock(block));
    case 'RSA PRIVATE KEY':
      return readPkcs1(decodeBlock(block));
    case 'EC PRIVATE KEY':
      return readSec1(decodeBlock(block));
    default:
      return refuse(
        'unsupported-key',
        `a key with the label ${quote(block.label)} is not for TLS servers`,
      );
  }
}

function readPkcs1(der: Buffer): PrivateKey {
  const value = readRsaPrivateKey(readWhole(der, SEQUENCE, 'an RSA private key'));
  const label = 'RSA PRIVATE KEY';
  return { kind: 'RSA', curve: null, restrictions: '', value, label, der };
}

/**
 * Reads an RSAPrivateKey of two primes: version 0, modulus, exponents, primes, and the numbers derived from these.
 *
 * @returns the public part
 */
function readRsaPrivateKey(key: Element): string {
  const numbers = children(key);
  const isFirstVersion = numbers.length > 0 && hexOfWhole(numbers[0] as Element) === '020100';
  if (!isFirstVersion || numbers.length !== 9) {
    return refuse('unsupported-key', 'an RSA private key of other than two primes');
  }
  for (let i = 3; i < numbers.length; i++) positiveInteger(numbers[i] as Element, 'an RSA number');
  return rsaValue(numbers[1] as Element, numbers[2] as Element);
}

/**
 * Whether the public part of a key, which is equal to that of the certificate, tells that the key belongs to it. OpenSSL computes the
 * public part of other keys from the private one: of Ed25519, Ed448 and ML-DSA keys even where a file includes it, and of EC keys
 * without it. A brainpool key counts as one of these, because no njs can use it.
 */
export function provesItself({ kind, curve, value }: PrivateKey): boolean {
  return curve === null ? kind === 'RSA' || kind === 'RSA-PSS' : value !== '' && isNist(curve);
}

/**
 * Checks that the numbers of an RSA key are those of one key. Other keys pass: to compute the public part of one takes longer than a
 * handshake may wait.
 *
 * @throws malformed
 */
export function expectSound(key: PrivateKey): void {
  if (key.kind !== 'RSA' && key.kind !== 'RSA-PSS') return;
  const numbers = children(innerKey(key)).slice(1);
  expectOneKey(numbers.map((number) => positiveInteger(number, 'an RSA number')));
}

function readSec1(der: Buffer): PrivateKey {
  const { curve, value } = readEcPrivateKey(readWhole(der, SEQUENCE, 'an EC private key'), null);
  return { kind: 'EC', curve, restrictions: '', value, label: 'EC PRIVATE KEY', der };
}

/**
 * Reads an ECPrivateKey: version 1, the number, and optionally [0] the curve and [1] the point.
 *
 * @param known the curve in the PKCS#8 around it; null where there is none
 * @returns the curve, and the point in hex, which is empty where the key includes none
 */
function readEcPrivateKey(key: Element, known: Curve | null): { curve: Curve; value: string } {
  const version = readTagged(key, key.start, INTEGER, 'a version');
  const number = readTagged(key, version.end, OCTET_STRING, 'a private key');
  let at = number.end;
  let curve = known;
  if (at < key.end && key.bytes[at] === constructedTag(0)) {
    const parameters = readTagged(key, at, constructedTag(0), 'a curve');
    const named = readElement(key.bytes, parameters.start, parameters.end);
    expectEnd(parameters.end, named.end, 'a curve');
    curve = readCurve(named, WHOSE);
    at = parameters.end;
  }
  if (hexOf(version) !== '01' || curve === null || (known !== null && curve !== known)) {
    return refuse('malformed', 'an EC private key that does not say its curve');
  }
  let value = '';
  if (at < key.end) {
    const point = readTagged(key, at, constructedTag(1), 'a public key');
    value = bitString(readOnly(point, BIT_STRING, 'a public key'), 'a public key');
    at = point.end;
  }
  expectEnd(key.end, at, 'an EC private key');
  // Old programs left leading zeros out, and GnuTLS writes one too many where the number would be negative as an INTEGER.
  const digits = hexOf(number).replace(/^(00)+/, '');
  if (digits === '' || digits.length > fieldBytes(curve) * 2) {
    refuse('malformed', `an EC private key that is not of ${curve}`);
  }
  return { curve, value };
}

/** Reads PrivateKeyInfo or OneAsymmetricKey: version, algorithm, key, and optionally [0] attributes, [1] public key. */
function readPkcs8(der: Buffer): PrivateKey {
  const info = readWhole(der, SEQUENCE, 'a private key');
  const version = readTagged(info, info.start, INTEGER, 'a version');
  const algorithm = readTagged(info, version.end, SEQUENCE, 'a key algorithm');
  const key = readTagged(info, algorithm.end, OCTET_STRING, 'a private key');
  if (hexOf(version) !== '00' && hexOf(version) !== '01') {
    refuse('malformed', 'a private key of an unknown version');
  }
  const { kind, curve, restrictions } = readKeyAlgorithm(algorithm, WHOSE);
  const attached = attachedPublicKey(info, key.end);
  let value = '';
  if (kind === 'RSA' || kind === 'RSA-PSS') {
    value = readRsaPrivateKey(readOnly(key, SEQUENCE, 'an RSA private key'));
  } else if (curve !== null) {
    value = readEcPrivateKey(readOnly(key, SEQUENCE, 'an EC private key'), curve).value;
  } else if (!isBarePrivateKey(kind as BareKind, key)) {
    refuse('malformed', `not an ${kind} private key`);
  }
  if (value !== '' && attached !== '' && kind === 'EC' && value !== attached) {
    refuse('malformed', 'a private key with two different public keys');
  }
  if (value === '' && kind !== 'RSA') value = attached;
  const isPlain = hexOf(version) === '00' && key.end === info.end;
  // OpenSSL 3.0 refuses a key with an attached public key. The key is written without it, which every OpenSSL reads.
  const plain = isPlain ? der : Buffer.from(pkcs8Hex(hexOf(algorithm), hexOf(key)), 'hex');
  return { kind, curve, restrictions, value, label: 'PRIVATE KEY', der: plain };
}

/** The length in bytes of an Ed25519 or Ed448 key, and of the expanded form of an ML-DSA key (FIPS 204, table 2). */
const PRIVATE_BYTES: Record<BareKind, number> = {
  Ed25519: 32,
  Ed448: 57,
  'ML-DSA-44': 2560,
  'ML-DSA-65': 4032,
  'ML-DSA-87': 4896,
};

/** The length in bytes of the seed of an ML-DSA key. */
const SEED_BYTES = 32;

/** Whether the content of PKCS#8 is a key of a kind: one string, and for ML-DSA also a seed, or both (RFC 9881, 6). */
function isBarePrivateKey(kind: BareKind, key: Element): boolean {
  const parts = children(key);
  const first = parts[0];
  if (parts.length !== 1 || first === undefined) return false;
  const isOf = (part: Element, tag: number, bytes: number): boolean =>
    part.tag === tag && part.end - part.start === bytes;
  if (isOf(first, OCTET_STRING, PRIVATE_BYTES[kind])) return true;
  if (kind.charAt(0) !== 'M') return false;
  if (first.tag !== SEQUENCE) return isOf(first, contextTag(0), SEED_BYTES);
  const both = children(first);
  return (
    both.length === 2 &&
    isOf(both[0] as Element, OCTET_STRING, SEED_BYTES) &&
    isOf(both[1] as Element, OCTET_STRING, PRIVATE_BYTES[kind])
  );
}

/** The public key that may follow the private one (RFC 5958), in hex; empty where there is none. */
function attachedPublicKey(info: Element, keyEnd: number): string {
  let at = keyEnd;
  let value = '';
  if (at < info.end && info.bytes[at] === constructedTag(0)) {
    at = readTagged(info, at, constructedTag(0), 'attributes').end;
  }
  if (at < info.end) {
    const point = readTagged(info, at, contextTag(1), 'a public key');
    value = bitString(point, 'a public key');
    at = point.end;
  }
  expectEnd(info.end, at, 'a private key');
  return value;
}

/** PKCS#8 of version 0 in hex, made of the values of its algorithm and key in hex. */
function pkcs8Hex(algorithm: string, key: string): string {
  return write(SEQUENCE, '020100' + write(SEQUENCE, algorithm) + write(OCTET_STRING, key));
}

/**
 * The key as PKCS#8, the only form that WebCrypto takes. An RSA-PSS key becomes an unrestricted RSA key, because WebCrypto reads no
 * RSA-PSS keys.
 */
export function pkcs8Of(key: PrivateKey): Buffer {
  const rsa = write(OBJECT_IDENTIFIER, RSA_ENCRYPTION) + '0500';
  if (key.label === 'RSA PRIVATE KEY')
    return Buffer.from(pkcs8Hex(rsa, key.der.toString('hex')), 'hex');
  if (key.label === 'EC PRIVATE KEY' && key.curve !== null) {
    const curve = write(OBJECT_IDENTIFIER, identifierOf(key.curve));
    const algorithm = write(OBJECT_IDENTIFIER, EC_PUBLIC_KEY) + curve;
    return Buffer.from(pkcs8Hex(algorithm, key.der.toString('hex')), 'hex');
  }
  if (key.kind !== 'RSA-PSS') return key.der;
  const parts = children(readWhole(key.der, SEQUENCE, 'a private key'));
  return Buffer.from(pkcs8Hex(rsa, hexOf(parts[2] as Element)), 'hex');
}

/**
 * The key as nginx gets it: PKCS#1 for RSA, SEC1 for EC, PKCS#8 for other kinds. OpenSSL 3 tries its decoders in turn to find the
 * kind of a PKCS#8 key, which costs time in each handshake without `ssl_certificate_cache`.
 *
 * @returns one block of PEM
 */
export function servedForm(key: PrivateKey): string {
  if (key.label === 'PRIVATE KEY' && key.kind === 'RSA') {
    return encodeBlock('RSA PRIVATE KEY', Buffer.from(hexOfWhole(innerKey(key)), 'hex'));
  }
  if (key.label === 'PRIVATE KEY' && key.curve !== null && key.value !== '') {
    const { der } = withPoint(key, key.curve, key.value);
    return encodeBlock('EC PRIVATE KEY', der);
  }
  return encodeBlock(key.label, key.der);
}

/**
 * Writes an EC key as SEC1, with its curve and its public part.
 *
 * @param point the public part in hex
 */
export function withPoint(key: PrivateKey, curve: Curve, point: string): PrivateKey {
  const parts = children(innerKey(key));
  const content =
    hexOfWhole(parts[0] as Element) +
    hexOfWhole(parts[1] as Element) +
    write(constructedTag(0), write(OBJECT_IDENTIFIER, identifierOf(curve))) +
    write(constructedTag(1), write(BIT_STRING, '00' + point));
  const der = Buffer.from(write(SEQUENCE, content), 'hex');
  return Object.assign({}, key, { value: point, label: 'EC PRIVATE KEY' as const, der });
}

/** The RSAPrivateKey or ECPrivateKey of a key, which may be inside PKCS#8. */
function innerKey({ label, der }: PrivateKey): Element {
  const outer = readWhole(der, SEQUENCE, 'a private key');
  return label === 'PRIVATE KEY'
    ? readOnly(children(outer)[2] as Element, SEQUENCE, 'a private key')
    : outer;
}
