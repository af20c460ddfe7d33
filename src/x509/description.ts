import hash from 'crypto';
import { type Certificate, dnsNames } from './certificate';
import { type Element, children, contextTag, dottedForm, hexOf, hexOfWhole } from './der';
import { textOf } from './names';
import { keyTypeName } from './public_key';
import { signatureOf } from './signature';

// Describes a certificate for the API. Nothing here runs in a handshake.

/** A certificate as the API shows it. */
export interface Description {
  /** A distinguished name as RFC 4514 writes it, with the last relative name first: `CN=a.example,O=Example`. */
  subject: string;
  /** The issuer's name, likewise. */
  issuer: string;
  /** An even number of upper-case hex digits, as OpenSSL prints it; a negative number in two's complement. */
  serial: string;
  /** The dNSNames of the subjectAltName, as they are written. */
  dns_names: string[];
  /** The iPAddresses of the subjectAltName, IPv6 in the form of RFC 5952. */
  ip_addresses: string[];
  /** The SHA-256 of the whole certificate in lower-case hex, without colons. */
  fingerprint_sha256: string;
  /** ISO 8601 in UTC, to the second. */
  not_before: string;
  /** ISO 8601 in UTC, to the second. */
  not_after: string;
  /** The key's type: see `keyTypeName`. */
  key_type: string;
  /** The algorithm as OpenSSL names it, such as `ecdsa-with-SHA256`; the identifier in hex where it is an unusual one. */
  signature_algorithm: string;
}

/** The short names of OpenSSL for the attributes of RFC 4514, section 3, and other common ones, by object identifier in hex. */
const ATTRIBUTES: Record<string, string | undefined> = {
  '550403': 'CN',
  '550404': 'SN',
  '550405': 'serialNumber',
  '550406': 'C',
  '550407': 'L',
  '550408': 'ST',
  '550409': 'street',
  '55040a': 'O',
  '55040b': 'OU',
  '55040c': 'title',
  '55040f': 'businessCategory',
  '550411': 'postalCode',
  '55042a': 'GN',
  '550461': 'organizationIdentifier',
  '0992268993f22c640101': 'UID',
  '0992268993f22c640119': 'DC',
  '2a864886f70d010901': 'emailAddress',
  '2b0601040182373c020101': 'jurisdictionL',
  '2b0601040182373c020102': 'jurisdictionST',
  '2b0601040182373c020103': 'jurisdictionC',
};

const IP_ADDRESS = contextTag(7);

/** Describes a certificate that `readPair` or `readLeaf` returned. */
export function describe(certificate: Certificate): Description {
  const serial = hexOf(certificate.serial).toUpperCase();
  return {
    subject: distinguishedName(certificate.subject),
    issuer: distinguishedName(certificate.issuer),
    serial: serial.length > 2 ? serial.replace(/^00/, '') : serial,
    dns_names: dnsNames(certificate),
    ip_addresses: ipAddresses(certificate),
    fingerprint_sha256: fingerprintOf(certificate),
    not_before: isoTime(certificate.notBefore),
    not_after: isoTime(certificate.notAfter),
    key_type: keyTypeName(certificate.publicKey),
    signature_algorithm: signatureOf(certificate).name,
  };
}

/** The SHA-256 of the whole certificate in lower-case hex. */
export function fingerprintOf(certificate: Certificate): string {
  return hash.createHash('sha256').update(certificate.der).digest('hex');
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

/** The most characters of a Name in a message. */
const LONGEST_NAME = 100;

/** A Name for a message, or its beginning. */
export function nameText(name: Element): string {
  const text = distinguishedName(name);
  return text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME)}...` : text;
}

/** A Name as text. RFC 4514 reverses the order of its parts. */
function distinguishedName(name: Element): string {
  return children(name)
    .map((set) => children(set).map(attributeOf).reverse().join('+'))
    .reverse()
    .join(',');
}

function attributeOf(attribute: Element): string {
  const parts = children(attribute);
  const type = parts[0] as Element;
  const value = parts[1] as Element;
  const name = ATTRIBUTES[hexOf(type)];
  const text = textOf(value);
  if (name === undefined || text === null) {
    return `${name || dottedForm(hexOf(type))}=#${hexOfWhole(value).toUpperCase()}`;
  }
  const escaped = text
    .replace(/[,+"\\<>;]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    // eslint-disable-next-line no-control-regex -- these are what must be shown
    .replace(/[\u0000-\u001f\u007f]/g, (char) => '\\' + hexByte(char.charCodeAt(0)).toUpperCase());
  return `${name}=${escaped}`;
}

function hexByte(byte: number): string {
  return (byte < 16 ? '0' : '') + byte.toString(16);
}

/** The iPAddresses of the subjectAltName, IPv6 in the form of RFC 5952. */
export function ipAddresses(certificate: Certificate): string[] {
  if (certificate.altNames === null) return [];
  return children(certificate.altNames)
    .filter((name) => name.tag === IP_ADDRESS)
    .map(ipAddressOf);
}

function ipAddressOf(address: Element): string {
  const groups: string[] = [];
  const isV4 = address.end - address.start === 4;
  const width = isV4 ? 1 : 2;
  for (let at = address.start; at + width <= address.end; at += width) {
    groups.push(address.bytes.readUIntBE(at, width).toString(isV4 ? 10 : 16));
  }
  return isV4 ? groups.join('.') : withShortenedZeros(groups.join(':'));
}

/** Writes the first of the longest runs of two or more zero groups as `::` (RFC 5952, section 4.2). */
function withShortenedZeros(address: string): string {
  for (let run = 8; run > 1; run--) {
    const zeros = new RegExp(`(^|:)0(:0){${run - 1}}(:|$)`);
    if (zeros.test(address)) return address.replace(zeros, '::');
  }
  return address;
}
