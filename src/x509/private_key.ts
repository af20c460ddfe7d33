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
import { type Curve, identifierOf } from './ec_point';
import { type Block, decode, encode, quote } from './pem';
import {
  type KeyAlgorithm,
  EC_PUBLIC_KEY,
  RSA_ENCRYPTION,
  privateBytes,
  readCurve,
  readKeyAlgorithm,
  rsaValue,
} from './public_key';

// Private keys: PKCS#1 (RFC 8017, A.1.2), SEC1 (RFC 5915) and PKCS#8 (RFC 5208; RFC 5958 where it carries the public
// key), the last with the keys of RFC 8410 too.

export interface PrivateKey extends KeyAlgorithm {
  /** The public part in the key's own file, as `PublicKey.value` has it; empty where there is none. */
  value: string;
  /** The PEM label it is written under. */
  label: 'PRIVATE KEY' | 'RSA PRIVATE KEY' | 'EC PRIVATE KEY';
  /** What is written there. */
  der: Buffer;
}

const WHOSE = 'the private key';

// In base64. An RSA key of 16384 bits has 12,500.
const LONGEST_KEY = 32768;

/** Whether a PEM block is a private key of any kind, OpenSSH's and encrypted ones among them. */
export function isKeyLabel(label: string): boolean {
  return /PRIVATE KEY$/.test(label);
}

/**
 * Reads a private key, without any arithmetic: whether its private numbers fit the public ones only using it shows.
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
      return readPkcs8(decode(block));
    case 'RSA PRIVATE KEY':
      return readPkcs1(decode(block));
    case 'EC PRIVATE KEY':
      return readSec1(decode(block));
    default:
      return refuse(
        'unsupported-key',
        `a key labelled ${quote(block.label)} is not for TLS servers`,
      );
  }
}

function readPkcs1(der: Buffer): PrivateKey {
  const value = rsaPublicPart(readWhole(der, SEQUENCE, 'an RSA private key'));
  const label = 'RSA PRIVATE KEY';
  return { kind: 'RSA', curve: null, restrictions: '', value, label, der };
}

/** Reads an RSAPrivateKey of two primes: version 0, then modulus, exponents, primes and what is derived of them. */
function rsaPublicPart(key: Element): string {
  const numbers = children(key);
  const isFirstVersion = numbers.length > 0 && hexOfWhole(numbers[0] as Element) === '020100';
  if (!isFirstVersion || numbers.length !== 9) {
    return refuse('unsupported-key', 'an RSA private key of other than two primes');
  }
  for (let i = 3; i < numbers.length; i++) positiveInteger(numbers[i] as Element, 'an RSA number');
  return rsaValue(numbers[1] as Element, numbers[2] as Element);
}

function readSec1(der: Buffer): PrivateKey {
  const { curve, value } = ecParts(readWhole(der, SEQUENCE, 'an EC private key'), null);
  return { kind: 'EC', curve, restrictions: '', value, label: 'EC PRIVATE KEY', der };
}

/**
 * Reads an ECPrivateKey: version 1, the number, and optionally [0] the curve and [1] the point.
 *
 * @param known the curve that PKCS#8 already told, or null
 */
function ecParts(key: Element, known: Curve | null): { curve: Curve; value: string } {
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
  const length = number.end - number.start;
  // Old writers left leading zeros out.
  if (length === 0 || length > privateBytes('EC', curve)) {
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
    value = rsaPublicPart(readOnly(key, SEQUENCE, 'an RSA private key'));
  } else if (curve !== null) {
    value = ecParts(readOnly(key, SEQUENCE, 'an EC private key'), curve).value;
  } else {
    const number = readOnly(key, OCTET_STRING, 'a private key');
    if (number.end - number.start !== privateBytes(kind, null)) {
      refuse('malformed', `not an ${kind} private key`);
    }
  }
  if (value !== '' && attached !== '' && kind === 'EC' && value !== attached) {
    refuse('malformed', 'a private key with two different public keys');
  }
  if (value === '' && kind !== 'RSA') value = attached;
  const isPlain = hexOf(version) === '00' && key.end === info.end;
  // OpenSSL 3.0 refuses a key with a public key attached: it is written without, which every OpenSSL reads.
  const plain = isPlain ? der : Buffer.from(wrap(hexOf(algorithm), hexOf(key)), 'hex');
  return { kind, curve, restrictions, value, label: 'PRIVATE KEY', der: plain };
}

/** The public key that RFC 5958 lets follow the private one, in hex; empty where it does not. */
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

/** PKCS#8 of the first version, from the content of its algorithm and key; all in hex. */
function wrap(algorithm: string, key: string): string {
  return write(SEQUENCE, '020100' + write(SEQUENCE, algorithm) + write(OCTET_STRING, key));
}

/**
 * The key as PKCS#8, the one form that WebCrypto takes. An RSA-PSS key becomes an unrestricted RSA key: WebCrypto cannot
 * read it otherwise.
 */
export function pkcs8Of(key: PrivateKey): Buffer {
  const rsa = write(OBJECT_IDENTIFIER, RSA_ENCRYPTION) + '0500';
  if (key.label === 'RSA PRIVATE KEY')
    return Buffer.from(wrap(rsa, key.der.toString('hex')), 'hex');
  if (key.label === 'EC PRIVATE KEY' && key.curve !== null) {
    const curve = write(OBJECT_IDENTIFIER, identifierOf(key.curve));
    const algorithm = write(OBJECT_IDENTIFIER, EC_PUBLIC_KEY) + curve;
    return Buffer.from(wrap(algorithm, key.der.toString('hex')), 'hex');
  }
  if (key.kind !== 'RSA-PSS') return key.der;
  const parts = children(readWhole(key.der, SEQUENCE, 'a private key'));
  return Buffer.from(wrap(rsa, hexOf(parts[2] as Element)), 'hex');
}

/**
 * The key for nginx: in the form of its own kind where there is one, PKCS#1 or SEC1. Of PKCS#8 OpenSSL 3 finds out the
 * kind by trying its decoders in turn, in each handshake where there is no ssl_certificate_cache.
 *
 * @returns PEM of one block
 */
export function servedForm(key: PrivateKey): string {
  if (key.label === 'PRIVATE KEY' && key.kind === 'RSA') {
    return encode('RSA PRIVATE KEY', Buffer.from(hexOfWhole(innerKey(key)), 'hex'));
  }
  if (key.label === 'PRIVATE KEY' && key.curve !== null && key.value !== '') {
    const { der } = withPoint(key, key.curve, key.value);
    return encode('EC PRIVATE KEY', der);
  }
  return encode(key.label, key.der);
}

/**
 * An EC key with its curve and its public part, as SEC1.
 *
 * @param point the public part, in hex
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

/** The RSAPrivateKey or ECPrivateKey of a key, be it in PKCS#8 or by itself. */
function innerKey({ label, der }: PrivateKey): Element {
  const outer = readWhole(der, SEQUENCE, 'a private key');
  return label === 'PRIVATE KEY'
    ? readOnly(children(outer)[2] as Element, SEQUENCE, 'a private key')
    : outer;
}
