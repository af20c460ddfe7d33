import { refuse } from '../engine/refusal';
import {
  type Element,
  BIT_STRING,
  BOOLEAN,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
  bitString,
  children,
  constructedTag,
  contextTag,
  expectEnd,
  expectInteger,
  hexOf,
  hexOfWhole,
  objectIdentifier,
  readElement,
  readOnly,
  readTagged,
  readTime,
  readWhole,
  utf8Of,
} from './der';
import { expectExtension } from './extension';
import { expectName } from './names';
import { type Block, decodeBlock, readBlocks } from './pem';
import { type PublicKey, readPublicKey } from './public_key';

// Reads X.509 certificates (RFC 5280). OpenSSL reads a certificate whole before it accepts it, so every field is read here too,
// even where nothing needs it. Extensions are read as far as OpenSSL reads them: see extension.ts.

/** A certificate that is well formed. */
export interface Certificate {
  der: Buffer;
  serial: Element;
  /** The issuer's Name, and its DER in hex: names are compared byte by byte. */
  issuer: Element;
  issuerHex: string;
  /** The subject's Name, likewise. */
  subject: Element;
  subjectHex: string;
  /** The first second of the validity, since 1970. */
  notBefore: number;
  /** The last second of the validity, since 1970. */
  notAfter: number;
  /** The AlgorithmIdentifier of the signature. */
  signatureAlgorithm: Element;
  publicKey: PublicKey;
  /** The SubjectPublicKeyInfo. */
  publicKeyInfo: Element;
  /** The subject key identifier (RFC 5280, 4.2.1.2) in hex; empty where there is none. */
  subjectKeyId: string;
  /** The authority key identifier (RFC 5280, 4.2.1.1) in hex; empty where there is none. */
  authorityKeyId: string;
  /** Whether the authority key identifier names the issuer's issuer and serial. */
  authorityByName: boolean;
  /** Whether basicConstraints mark it as a certificate authority's (RFC 5280, 4.2.1.9). */
  isAuthority: boolean;
  /** The subjectAltName's GeneralNames; null where there are none. */
  altNames: Element | null;
  /** The server names that it covers, in lower case and without a trailing dot: see `serverNames`. */
  names: string[];
}

const SUBJECT_KEY_ID = '551d0e';
const SUBJECT_ALT_NAME = '551d11';
const BASIC_CONSTRAINTS = '551d13';
const AUTHORITY_KEY_ID = '551d23';
const COMMON_NAME = '550403';

const FALSE = '00';

const CERTIFICATE_LABELS = ['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE'];

const DNS_NAME = contextTag(2);

const SERVER_NAME = /^(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;
/** The most characters of a DNS name in text form: RFC 1035, 2.3.4, limits it to 255 bytes in a message. */
const LONGEST_NAME = 253;

/** Whether a PEM label is one of those that OpenSSL reads a certificate from. */
export function isCertificateLabel(label: string): boolean {
  return CERTIFICATE_LABELS.indexOf(label) >= 0;
}

/**
 * Reads the certificate in a PEM block.
 *
 * @param whose the name of the certificate in a refusal, such as "certificate 2"
 * @throws malformed, unsupported-key, weak (an EC key on a short curve)
 */
export function readCertificate(block: Block, whose: string): Certificate {
  let der = decodeBlock(block);
  if (block.label === 'TRUSTED CERTIFICATE') {
    // OpenSSL appends its trust settings (X509_CERT_AUX). They are for its own tools, and are not sent to clients.
    const certificate = readElement(der, 0, der.length);
    if (certificate.end < der.length) {
      const trust = readElement(der, certificate.end, der.length);
      expectEnd(der.length, trust.end, 'a certificate');
    }
    der = der.slice(0, certificate.end);
  }
  return parseCertificate(der, whose);
}

/**
 * Reads the first certificate in PEM text, such as that of a record.
 *
 * @throws malformed, unsupported-key, weak (an EC key on a short curve)
 */
export function readLeaf(pem: string): Certificate {
  const blocks = readBlocks(pem);
  for (let i = 0; i < blocks.length; i++) {
    const block = blocks[i] as Block;
    if (isCertificateLabel(block.label)) return readCertificate(block, 'certificate 1');
  }
  return refuse('malformed', 'no certificate');
}

function parseCertificate(der: Buffer, whose: string): Certificate {
  const outer = readWhole(der, SEQUENCE, 'a certificate');
  const inner = readTagged(outer, outer.start, SEQUENCE, 'a certificate');
  const signatureAlgorithm = readTagged(outer, inner.end, SEQUENCE, 'a signature algorithm');
  const signature = readTagged(outer, signatureAlgorithm.end, BIT_STRING, 'a signature');
  expectEnd(outer.end, signature.end, 'a signature');
  bitString(signature, 'a signature');

  const serial = afterVersion(inner);
  expectInteger(serial, 'a serial number');
  const innerAlgorithm = readTagged(inner, serial.end, SEQUENCE, 'a signature algorithm');
  const issuer = readTagged(inner, innerAlgorithm.end, SEQUENCE, 'an issuer');
  const validity = readTagged(inner, issuer.end, SEQUENCE, 'a validity');
  const subject = readTagged(inner, validity.end, SEQUENCE, 'a subject');
  const publicKeyInfo = readTagged(inner, subject.end, SEQUENCE, 'a public key');

  expectAlgorithm(signatureAlgorithm);
  // RFC 5280, 4.1.1.2, requires that the two are equal. OpenSSL looks at one of them only.
  if (hexOf(innerAlgorithm) !== hexOf(signatureAlgorithm)) {
    refuse('malformed', `${whose} has two different signature algorithms`);
  }
  const issuerHex = hexOfWhole(issuer);
  const subjectHex = hexOfWhole(subject);
  expectName(issuer);
  if (subjectHex !== issuerHex) expectName(subject);
  const notBefore = readElement(der, validity.start, validity.end);
  const notAfter = readElement(der, notBefore.end, validity.end);
  expectEnd(validity.end, notAfter.end, 'a validity');

  const certificate: Certificate = {
    der,
    serial,
    issuer,
    issuerHex,
    subject,
    subjectHex,
    notBefore: readTime(notBefore, 'notBefore'),
    notAfter: readTime(notAfter, 'notAfter'),
    signatureAlgorithm,
    publicKey: readPublicKey(publicKeyInfo, whose),
    publicKeyInfo,
    subjectKeyId: '',
    authorityKeyId: '',
    authorityByName: false,
    isAuthority: false,
    altNames: null,
    names: [],
  };
  readExtensions(certificate, inner, publicKeyInfo.end);
  certificate.names = serverNames(certificate);
  return certificate;
}

/** Reads the version, which is optional, and the serial number after it. */
function afterVersion(inner: Element): Element {
  const first = readElement(inner.bytes, inner.start, inner.end);
  if (first.tag !== constructedTag(0)) return first;
  const version = hexOf(first);
  if (version !== '020100' && version !== '020101' && version !== '020102') {
    refuse('malformed', 'a certificate of an unknown version');
  }
  return readElement(inner.bytes, first.end, inner.end);
}

/** Checks the shape of an AlgorithmIdentifier. */
function expectAlgorithm(algorithm: Element): void {
  const name = readElement(algorithm.bytes, algorithm.start, algorithm.end);
  objectIdentifier(name);
  if (name.end < algorithm.end) {
    const parameters = readElement(algorithm.bytes, name.end, algorithm.end);
    expectEnd(algorithm.end, parameters.end, 'a signature algorithm');
  }
}

/**
 * Reads the fields after the public key: two unique identifiers, which are obsolete, and the extensions (RFC 5280, 4.1.2.8 and
 * 4.1.2.9).
 */
function readExtensions(certificate: Certificate, inner: Element, from: number): void {
  let at = from;
  for (let number = 1; number <= 2; number++) {
    if (at < inner.end && inner.bytes[at] === contextTag(number)) {
      const identifier = readElement(inner.bytes, at, inner.end);
      bitString(identifier, 'a unique identifier');
      at = identifier.end;
    }
  }
  if (at === inner.end) return;
  const wrapper = readTagged(inner, at, constructedTag(3), 'extensions');
  expectEnd(inner.end, wrapper.end, 'extensions');
  const extensions = readOnly(wrapper, SEQUENCE, 'extensions');
  const types: string[] = [];
  at = extensions.start;
  while (at < extensions.end) {
    const extension = readTagged(extensions, at, SEQUENCE, 'an extension');
    const type = readExtension(certificate, extension);
    // RFC 5280, 4.2, forbids this.
    if (types.indexOf(type) >= 0) refuse('malformed', 'a certificate with one extension twice');
    types.push(type);
    at = extension.end;
  }
}

/**
 * Reads an extension into `certificate`.
 *
 * @returns the extension's object identifier in hex
 */
function readExtension(certificate: Certificate, extension: Element): string {
  const bytes = extension.bytes;
  const type = readElement(bytes, extension.start, extension.end);
  let value = readElement(bytes, type.end, extension.end);
  if (value.tag === BOOLEAN && value.end - value.start === 1) {
    value = readElement(bytes, value.end, extension.end);
  }
  if (value.tag !== OCTET_STRING) refuse('malformed', 'unreadable extension in a certificate');
  expectEnd(extension.end, value.end, 'an extension');
  const identifier = objectIdentifier(type);
  expectExtension(identifier, value);
  switch (identifier) {
    case SUBJECT_ALT_NAME:
      certificate.altNames = readOnly(value, SEQUENCE, 'subjectAltName');
      break;
    case SUBJECT_KEY_ID:
      certificate.subjectKeyId = hexOf(readOnly(value, OCTET_STRING, 'a key identifier'));
      break;
    case BASIC_CONSTRAINTS: {
      const first = children(readOnly(value, SEQUENCE, 'basicConstraints'))[0];
      certificate.isAuthority =
        first !== undefined && first.tag === BOOLEAN && hexOf(first) !== FALSE;
      break;
    }
    case AUTHORITY_KEY_ID: {
      const parts = children(readOnly(value, SEQUENCE, 'an authority key identifier'));
      for (let i = 0; i < parts.length; i++) {
        const part = parts[i] as Element;
        if (part.tag === contextTag(0)) certificate.authorityKeyId = hexOf(part);
        else certificate.authorityByName = true;
      }
      break;
    }
  }
  return identifier;
}

/**
 * The server names that a certificate covers: the dNSNames of its subjectAltName; where it has none, the common names that look
 * like a server name, as in OpenSSL's X509_check_host.
 */
function serverNames(certificate: Certificate): string[] {
  const names = dnsNames(certificate);
  if (names.length > 0) return names.map(canonicalName);
  return commonNames(certificate.subject)
    .map(canonicalName)
    .filter((name) => name.length <= LONGEST_NAME && SERVER_NAME.test(name));
}

/** The dNSNames of the subjectAltName (RFC 5280, 4.2.1.6) as they are written. */
export function dnsNames(certificate: Certificate): string[] {
  if (certificate.altNames === null) return [];
  return children(certificate.altNames)
    .filter((name) => name.tag === DNS_NAME)
    .map(utf8Of);
}

function commonNames(subject: Element): string[] {
  const names: string[] = [];
  children(subject).forEach((set) => {
    children(set).forEach((attribute) => {
      const type = readTagged(attribute, attribute.start, OBJECT_IDENTIFIER, 'an attribute');
      const value = readElement(attribute.bytes, type.end, attribute.end);
      if (hexOf(type) === COMMON_NAME) names.push(utf8Of(value));
    });
  });
  return names;
}

function canonicalName(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}

/**
 * Whether a certificate covers a server name (RFC 9525, section 6.3): it has the name itself, or a wildcard for the whole first
 * label. `*.com` covers nothing, because clients accept no wildcard of a top-level domain.
 *
 * @param name in lower case, without a trailing dot; a wildcard such as `*.example.com` is covered by the same wildcard only
 */
export function covers(certificate: Certificate, name: string): boolean {
  if (certificate.names.indexOf(name) >= 0) return true;
  const dot = name.indexOf('.');
  const parent = name.slice(dot + 1);
  return (
    dot > 0 &&
    name.charAt(0) !== '*' &&
    parent.indexOf('.') > 0 &&
    certificate.names.indexOf('*.' + parent) >= 0
  );
}

/**
 * Whether a certificate has expired.
 *
 * @param nowSeconds seconds since 1970
 */
export function isExpired(certificate: Certificate, nowSeconds: number): boolean {
  return nowSeconds > certificate.notAfter;
}
