import { refuse } from '../engine/refusal';
import {
  type Element,
  BIT_STRING,
  INTEGER,
  NULL,
  OBJECT_IDENTIFIER,
  SEQUENCE,
  bitString,
  constructedTag,
  expectEnd,
  expectInteger,
  hexOf,
  hexOfWhole,
  objectIdentifier,
  positiveInteger,
  readElement,
  readOnly,
  readTagged,
} from './der';
import { type Curve, curveOf, fieldBits, fieldBytes, hasPointAt, isOnCurve } from './ec_point';

// Reads public keys in a SubjectPublicKeyInfo (RFC 5280, 4.1.2.7): RSA (RFC 3279, RFC 4055), EC (RFC 5480), Ed25519 and Ed448 (RFC
// 8410), ML-DSA (RFC 9881). Private keys have the AlgorithmIdentifier in common with them.

/** A kind of key whose AlgorithmIdentifier is an object identifier alone. */
export type BareKind = 'Ed25519' | 'Ed448' | 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87';

export type KeyKind = 'RSA' | 'RSA-PSS' | 'EC' | BareKind;

/** The content of a key's AlgorithmIdentifier. */
export interface KeyAlgorithm {
  kind: KeyKind;
  /** The curve of an EC key; null for other kinds. */
  curve: Curve | null;
  /** The parameters of an RSA-PSS key in hex, which restrict its use; empty for other kinds, and for one without parameters. */
  restrictions: string;
}

export interface PublicKey extends KeyAlgorithm {
  /**
   * The key in hex: `modulus,exponent` for RSA; the point as it is written (04 x y, 02 x or 03 x) for EC; the bytes for other kinds.
   */
  value: string;
  /** The key's length in bits: that of the modulus for RSA, of the field for EC, of the key itself for other kinds. */
  bits: number;
}

export const RSA_ENCRYPTION = '2a864886f70d010101';
export const RSASSA_PSS = '2a864886f70d01010a';
const MGF1 = '2a864886f70d010108';
export const EC_PUBLIC_KEY = '2a8648ce3d0201';

/** The other kinds by object identifier in hex. */
const BARE_KINDS: Record<string, BareKind | undefined> = {
  '2b6570': 'Ed25519',
  '2b6571': 'Ed448',
  '608648016503040311': 'ML-DSA-44',
  '608648016503040312': 'ML-DSA-65',
  '608648016503040313': 'ML-DSA-87',
};

/** The length of their public keys in bytes (RFC 8032; FIPS 204, table 2). */
const PUBLIC_BYTES: Record<BareKind, number> = {
  Ed25519: 32,
  Ed448: 57,
  'ML-DSA-44': 1312,
  'ML-DSA-65': 1952,
  'ML-DSA-87': 2592,
};

/**
 * Named curves of fewer than 224 bits, which OpenSSL refuses at its default level, as it does a short RSA key: secp112r1 to
 * secp192k1, P-192 and its variants, brainpoolP160 and P192. TLS clients do not offer any of the remaining curves.
 */
const SHORT_CURVES = /^(2b810400(0[6-9]|1c|1d|1e|1f)|2a8648ce3d03010[123]|2b240303020801010[1-4])$/;

/** The hash functions of TLS's RSA-PSS signatures (SHA-256, SHA-384, SHA-512) and the length of their digests. */
const PSS_HASHES: Record<string, number | undefined> = {
  '608648016503040201': 32,
  '608648016503040202': 48,
  '608648016503040203': 64,
};

/** The length of a salt where none is given (RFC 4055, 3.1), as the value of an INTEGER in hex. */
const DEFAULT_SALT = '14';

/** OpenSSL rates it at 112 bits of security, as it does 2048. */
export const WEAKEST_RSA_BITS = 2047;
/** OpenSSL does no arithmetic with longer moduli. */
const LONGEST_RSA_BITS = 16384;

/**
 * Reads the AlgorithmIdentifier of a public or private key.
 *
 * @param whose the name of the key in a refusal, such as "the private key"
 * @throws unsupported-key, weak (a short curve), malformed
 */
export function readKeyAlgorithm(algorithm: Element, whose: string): KeyAlgorithm {
  const name = readTagged(algorithm, algorithm.start, OBJECT_IDENTIFIER, 'an algorithm');
  const parameters =
    name.end < algorithm.end ? readElement(algorithm.bytes, name.end, algorithm.end) : null;
  if (parameters !== null) expectEnd(algorithm.end, parameters.end, 'the parameters of a key');
  const identifier = objectIdentifier(name);
  const bare = BARE_KINDS[identifier];
  if (bare !== undefined) {
    if (parameters !== null) refuse('malformed', `${whose}: an ${bare} key with parameters`);
    return { kind: bare, curve: null, restrictions: '' };
  }
  switch (identifier) {
    case RSA_ENCRYPTION:
      if (parameters !== null && hexOfWhole(parameters) !== '0500') {
        refuse('malformed', `${whose}: an RSA key with parameters`);
      }
      return { kind: 'RSA', curve: null, restrictions: '' };
    case RSASSA_PSS:
      return { kind: 'RSA-PSS', curve: null, restrictions: readRestrictions(parameters, whose) };
    case EC_PUBLIC_KEY:
      return { kind: 'EC', curve: readCurve(parameters, whose), restrictions: '' };
    default:
      return refuse(
        'unsupported-key',
        `${whose}: neither RSA, ECDSA, Ed25519, Ed448 nor ML-DSA; make a key of one of these`,
      );
  }
}

/** The restrictions of an RSA-PSS key in the form of `KeyAlgorithm.restrictions`. */
function readRestrictions(parameters: Element | null, whose: string): string {
  if (parameters === null) return '';
  // The salts of TLS are as long as the digest, so a key that demands longer ones cannot sign.
  const pss = readPss(parameters);
  if (pss === null || pss.salt > pss.digest) {
    refuse('unsupported-key', `${whose}: an RSA-PSS key for other signatures than TLS makes`);
  }
  return hexOfWhole(parameters);
}

/**
 * Reads the parameters of an EC key, which must name a curve of ec_point.ts. OpenSSL loads keys on other curves too, but by default no
 * client negotiates them in a handshake.
 *
 * @throws unsupported-key, weak, malformed
 */
export function readCurve(parameters: Element | null, whose: string): Curve {
  if (parameters?.tag !== OBJECT_IDENTIFIER) {
    return refuse('unsupported-key', `${whose}: an EC key without a named curve; use P-256`);
  }
  const identifier = objectIdentifier(parameters);
  const curve = curveOf(identifier);
  if (curve !== null) return curve;
  if (SHORT_CURVES.test(identifier)) {
    return refuse('weak', `${whose}: an EC curve under 224 bits; use P-256`);
  }
  return refuse('unsupported-key', `${whose}: an EC curve that TLS clients do not use; use P-256`);
}

/**
 * Reads RSA-PSS parameters (RFC 4055, section 3.1) that name one of the hash functions of TLS, and the same one for the mask.
 *
 * @returns the lengths of a digest and of the salt in bytes; null for any other parameters
 * @throws malformed
 */
export function readPss(parameters: Element): { digest: number; salt: number } | null {
  if (parameters.tag !== SEQUENCE || parameters.start === parameters.end) return null;
  const hash = readElement(parameters.bytes, parameters.start, parameters.end);
  // A hash function that is left out is SHA-1.
  if (hash.tag !== constructedTag(0) || hash.end === parameters.end) return null;
  const mask = readElement(parameters.bytes, hash.end, parameters.end);
  if (mask.tag !== constructedTag(1)) return null;
  const maskAlgorithm = readOnly(mask, SEQUENCE, 'a mask function');
  const maskName = readTagged(maskAlgorithm, maskAlgorithm.start, OBJECT_IDENTIFIER, 'its name');
  const maskHash = readTagged(maskAlgorithm, maskName.end, SEQUENCE, 'its hash function');
  expectEnd(maskAlgorithm.end, maskHash.end, 'a mask function');
  let salt = DEFAULT_SALT;
  if (mask.end < parameters.end) {
    const wrapped = readTagged(parameters, mask.end, constructedTag(2), 'a salt length');
    expectEnd(parameters.end, wrapped.end, 'RSA-PSS parameters');
    const length = readOnly(wrapped, INTEGER, 'a salt length');
    expectInteger(length, 'a salt length');
    salt = hexOf(length);
  }
  const name = hashName(readOnly(hash, SEQUENCE, 'a hash function'));
  const digest = PSS_HASHES[name];
  const isUsual =
    objectIdentifier(maskName) === MGF1 &&
    hashName(maskHash) === name &&
    /^[0-7].{1,3}$/.test(salt);
  return digest !== undefined && isUsual ? { digest, salt: parseInt(salt, 16) } : null;
}

/** The identifier of a hash function, whose parameters are NULL or left out (RFC 4055, 2.1). */
function hashName(algorithm: Element): string {
  const name = readTagged(algorithm, algorithm.start, OBJECT_IDENTIFIER, 'a hash function');
  if (name.end < algorithm.end) {
    const none = readTagged(algorithm, name.end, NULL, 'NULL');
    expectEnd(algorithm.end, none.end, 'a hash function');
    if (none.start !== none.end) refuse('malformed', 'unreadable DER: a NULL that is not empty');
  }
  return objectIdentifier(name);
}

/**
 * Reads a SubjectPublicKeyInfo.
 *
 * @param whose the name of its certificate in a refusal, such as "certificate 1"
 * @throws malformed, unsupported-key, weak (a short curve). `expectStrength` checks the length of an RSA key, `expectPoint` a point
 */
export function readPublicKey(info: Element, whose: string): PublicKey {
  const algorithm = readTagged(info, info.start, SEQUENCE, 'a key algorithm');
  const key = readTagged(info, algorithm.end, BIT_STRING, 'a public key');
  expectEnd(info.end, key.end, 'a public key');
  const { kind, curve, restrictions } = readKeyAlgorithm(algorithm, whose);
  if (kind === 'RSA' || kind === 'RSA-PSS') {
    if (key.bytes[key.start] !== 0) refuse('malformed', `${whose}: an unreadable RSA key`);
    const numbers = readTagged(key, key.start + 1, SEQUENCE, 'an RSA key');
    expectEnd(key.end, numbers.end, 'an RSA key');
    const modulus = readTagged(numbers, numbers.start, INTEGER, 'an RSA modulus');
    const exponent = readTagged(numbers, modulus.end, INTEGER, 'an RSA exponent');
    expectEnd(numbers.end, exponent.end, 'an RSA key');
    const value = rsaValue(modulus, exponent);
    return { kind, curve, restrictions, value, bits: rsaBits(value, whose) };
  }
  const value = bitString(key, 'a public key');
  const bits = expectLength(kind, curve, value, whose);
  return { kind, curve, restrictions, value, bits };
}

/** The public part of an RSA key in the form of `PublicKey.value`. */
export function rsaValue(modulus: Element, exponent: Element): string {
  return `${positiveInteger(modulus, 'an RSA modulus')},${positiveInteger(exponent, 'an RSA exponent')}`;
}

/** The length of the modulus in bits. Modulus and exponent of any RSA key are odd. */
function rsaBits(value: string, whose: string): number {
  const comma = value.indexOf(',');
  const bits = (comma - 2) * 4 + parseInt(value.slice(0, 2), 16).toString(2).length;
  const exponent = value.slice(comma + 1);
  if (!isOdd(value.slice(0, comma)) || !isOdd(exponent) || exponent === '01') {
    refuse('malformed', `${whose}: not an RSA key: modulus and exponent must be odd`);
  }
  if (bits > LONGEST_RSA_BITS) {
    refuse('unsupported-key', `${whose}: an RSA key over ${LONGEST_RSA_BITS} bits`);
  }
  return bits;
}

function isOdd(hex: string): boolean {
  return '13579bdf'.indexOf(hex.slice(-1)) >= 0;
}

/**
 * Checks the length of a key that is not RSA's.
 *
 * @returns the key's length in bits
 */
function expectLength(kind: KeyKind, curve: Curve | null, value: string, whose: string): number {
  if (curve !== null) {
    const length = fieldBytes(curve) * 2;
    const form = value.slice(0, 2);
    const isPoint =
      (form === '04' && value.length === 2 + 2 * length) ||
      ((form === '02' || form === '03') && value.length === 2 + length);
    if (!isPoint) refuse('malformed', `${whose}: not a point of ${curve}`);
    return fieldBits(curve);
  }
  const length = PUBLIC_BYTES[kind as BareKind];
  if (value.length !== 2 * length) refuse('malformed', `${whose}: not an ${kind} key`);
  return length * 8;
}

/**
 * Checks that an EC key is a point of its curve, as OpenSSL does when it reads a certificate. Other keys pass.
 *
 * @param whose the name of the key's certificate in a refusal
 * @throws malformed
 */
export function expectPoint(key: PublicKey, whose: string): void {
  const { curve, value } = key;
  if (curve === null) return;
  const isCompressed = value.slice(0, 2) !== '04';
  const x = value.slice(2, 2 + fieldBytes(curve) * 2);
  const isPoint = isCompressed
    ? hasPointAt(curve, x)
    : isOnCurve(curve, x, value.slice(2 + x.length));
  if (!isPoint) refuse('malformed', `${whose}: not a point of ${curve}`);
}

/**
 * Whether two public keys are equal. Where the EC point is compressed in one of them, x and the parity of y are compared, which is
 * enough for points on the curve.
 */
export function isSameKey(a: PublicKey, b: KeyAlgorithm & { value: string }): boolean {
  if (a.kind !== b.kind || a.curve !== b.curve || a.restrictions !== b.restrictions) return false;
  if (a.value.length === b.value.length || a.curve === null) return a.value === b.value;
  return a.value.length < b.value.length
    ? a.value === compressedPoint(b.value)
    : compressedPoint(a.value) === b.value;
}

/** The compressed form (SEC 1, 2.3.3) of an EC point `04 x y`. */
function compressedPoint(point: string): string {
  return (isOdd(point) ? '03' : '02') + point.slice(2, 1 + point.length / 2);
}

/** The key's type as the API shows it: `RSA-2048`, `RSA-PSS-2048`, `ECDSA-P256`, `Ed25519`, `Ed448`, `ML-DSA-65`. */
export function keyTypeName(key: PublicKey): string {
  if (key.curve !== null) return 'ECDSA-' + key.curve.replace('-', '');
  return key.kind.slice(0, 3) === 'RSA' ? `${key.kind}-${key.bits}` : key.kind;
}
