import {
  type KeyObject,
  createHash,
  createPublicKey,
  generateKeyPairSync,
  sign,
} from 'node:crypto';
import { write } from '../../src/x509/der.js';
import { pem } from './openssl.js';

// Writes certificates field by field, as no program does: names in any string type, extensions of any content.

/** Tags of string types. */
export const STRINGS = {
  utf8: 0x0c,
  printable: 0x13,
  t61: 0x14,
  ia5: 0x16,
  universal: 0x1c,
  bmp: 0x1e,
};
export type StringType = keyof typeof STRINGS;

/** Object identifiers of attributes, in hex. */
export const ATTRIBUTES = { CN: '550403', C: '550406', O: '55040a', OU: '55040b' };

export interface Attribute {
  type: keyof typeof ATTRIBUTES;
  text: string;
  /** Default: `utf8`. */
  as?: StringType;
}

/** A Name in hex, of relative names of one attribute or more. */
export function nameHex(...parts: Attribute[][]): string {
  const attributeHex = ({ type, text, as = 'utf8' }: Attribute): string =>
    write(0x30, write(0x06, ATTRIBUTES[type]) + write(STRINGS[as], textHex(text, as)));
  return write(0x30, parts.map((part) => write(0x31, part.map(attributeHex).join(''))).join(''));
}

/** A Name of a common name alone. */
export function commonName(text: string, as: StringType = 'utf8'): string {
  return nameHex([{ type: 'CN', text, as }]);
}

function textHex(text: string, as: StringType): string {
  if (as === 'utf8') return Buffer.from(text).toString('hex');
  if (as === 'bmp') return Buffer.from(text, 'utf16le').swap16().toString('hex');
  if (as !== 'universal') return Buffer.from(text, 'latin1').toString('hex');
  return Array.from(text, (char) => char.codePointAt(0)!.toString(16).padStart(8, '0')).join('');
}

export interface Wanted {
  /** Names in hex. */
  subject: string;
  issuer: string;
  /** The key that is certified. */
  key: KeyObject;
  signingKey: KeyObject;
  /** Default: `sha256`. */
  hash?: string;
  /** Of `extensions`. */
  extensions?: string[];
  /** Default: an hour ago. */
  notBefore?: Date;
  /** Default: in 90 days. */
  notAfter?: Date;
  /** A positive number in hex. */
  serial?: string;
}

const HOUR_MS = 3_600_000;

/** Object identifiers of signature algorithms in hex, by the kind of the key and the hash. */
const SIGNATURES: Record<string, string> = {
  'ec sha1': '2a8648ce3d0401',
  'ec sha256': '2a8648ce3d040302',
  'ec sha384': '2a8648ce3d040303',
  'ec sha3-256': '60864801650304030a',
  'rsa md5': '2a864886f70d010104',
  'rsa sha1': '2a864886f70d010105',
  'rsa sha256': '2a864886f70d01010b',
};

let serials = 0;

/** Writes and signs a certificate. */
export function writeCertificate(wanted: Wanted): Buffer {
  const { hash = 'sha256', extensions = [], signingKey, key } = wanted;
  const algorithm = algorithmHex(`${signingKey.asymmetricKeyType ?? ''} ${hash}`);
  const now = Date.now();
  const fields = [
    'a003020102',
    write(0x02, wanted.serial ?? `51${(++serials).toString(16).padStart(6, '0')}`),
    algorithm,
    wanted.issuer,
    write(
      0x30,
      timeHex(wanted.notBefore ?? new Date(now - HOUR_MS)) +
        timeHex(wanted.notAfter ?? new Date(now + 90 * 24 * HOUR_MS)),
    ),
    wanted.subject,
    publicKeyHex(key),
    extensions.length > 0 ? write(0xa3, write(0x30, extensions.join(''))) : '',
  ];
  const signed = write(0x30, fields.join(''));
  const signature = sign(hash, Buffer.from(signed, 'hex'), signingKey).toString('hex');
  return Buffer.from(write(0x30, signed + algorithm + write(0x03, `00${signature}`)), 'hex');
}

/** The SubjectPublicKeyInfo of a key. */
function publicKeyHex(key: KeyObject): string {
  const publicKey = key.type === 'public' ? key : createPublicKey(key);
  return publicKey.export({ format: 'der', type: 'spki' }).toString('hex');
}

function algorithmHex(name: string): string {
  const identifier = SIGNATURES[name];
  if (identifier === undefined) throw new Error(`no signature algorithm "${name}"`);
  return write(0x30, write(0x06, identifier) + (name.startsWith('rsa') ? '0500' : ''));
}

/** A UTCTime, which is for the years up to 2049. */
function timeHex(time: Date): string {
  const digits = time.toISOString().replace(/\D/g, '').slice(2, 14);
  return write(0x17, Buffer.from(`${digits}Z`).toString('hex'));
}

/** An extension in hex. */
export function extensionHex(identifier: string, content: string, isCritical = false): string {
  const critical = isCritical ? '0101ff' : '';
  return write(0x30, write(0x06, identifier) + critical + write(0x04, content));
}

/** The extensions that most certificates have, in hex. */
export const extensions = {
  authority: extensionHex('551d13', '30030101ff', true) + extensionHex('551d0f', '03020106', true),
  leaf: extensionHex('551d13', '3000', true) + extensionHex('551d0f', '03020780', true),
  dnsNames: (...names: string[]): string =>
    extensionHex(
      '551d11',
      write(0x30, names.map((name) => write(0x82, Buffer.from(name).toString('hex'))).join('')),
    ),
  subjectKeyId: (id: string): string => extensionHex('551d0e', write(0x04, id)),
  /** @param named the issuer's issuer and serial number, in hex */
  authorityKeyId: (id: string, named?: { issuer: string; serial: string }): string =>
    extensionHex(
      '551d23',
      write(
        0x30,
        (id ? write(0x80, id) : '') +
          (named ? write(0xa1, write(0xa4, named.issuer)) + write(0x82, named.serial) : ''),
      ),
    ),
};

/** A certificate of a key, as PEM. */
export function certificatePem(wanted: Wanted): string {
  return pem('CERTIFICATE', writeCertificate(wanted));
}

export function newEcKey(curve = 'P-256'): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: curve }).privateKey;
}

/** A key identifier in hex. Unlike that of RFC 5280, 4.2.1.2, it is of the whole SubjectPublicKeyInfo. */
export function keyId(key: KeyObject): string {
  return createHash('sha1').update(publicKeyHex(key), 'hex').digest('hex');
}

/** Something that issues certificates. */
export interface Issuer {
  /** A Name in hex. */
  name: string;
  key: KeyObject;
}

/** @param text its common name */
export function issuerCalled(text: string, key = newEcKey()): Issuer {
  return { name: commonName(text), key };
}

/** The certificate of an issuer, with key identifiers, as PEM. */
export function authorityPem(subject: Issuer, by: Issuer, more: Partial<Wanted> = {}): string {
  return certificatePem({
    subject: subject.name,
    issuer: by.name,
    key: subject.key,
    signingKey: by.key,
    extensions: [
      extensions.authority,
      extensions.subjectKeyId(keyId(subject.key)),
      extensions.authorityKeyId(keyId(by.key)),
    ],
    ...more,
  });
}
