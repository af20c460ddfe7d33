import { refuse } from '../engine/refusal';
import {
  type Element,
  BIT_STRING,
  OBJECT_IDENTIFIER,
  SEQUENCE,
  bitString,
  children,
  constructedTag,
  contextTag,
  expectEnd,
  expectInteger,
  hexOf,
  objectIdentifier,
  readElement,
  readTagged,
  readTime,
  readWhole,
  utf8Of,
} from './der';
import { type ExtensionFields, readExtensionFields } from './extension_fields';
import { comparableName, expectName, textOf } from './names';
import { type Block, decodeBlock, readBlocks } from './pem';
import { type PublicKey, readPublicKey } from './public_key';

// Reads X.509 certificates (RFC 5280). OpenSSL reads a certificate whole before it accepts it, so every field is read here too,
// even where nothing needs it. Extensions are read as far as OpenSSL reads them: see extension.ts.

/** A certificate that is well formed. */
export interface Certificate extends ExtensionFields {
  der: Buffer;
  serial: Element;
  /** The issuer's Name. `comparableName` tells whether it is another one's subject. */
  issuer: Element;
  /** The subject's Name. */
  subject: Element;
  /** The first second of the validity, since 1970. */
  notBefore: number;
  /** The last second of the validity, since 1970. */
  notAfter: number;
  /** The AlgorithmIdentifier of the signature. */
  signatureAlgorithm: Element;
  publicKey: PublicKey;
  /** The SubjectPublicKeyInfo. */
  publicKeyInfo: Element;
  /** The server names that it covers, in lower case and without a trailing dot: see `serverNames`. */
  names: string[];
}

const COMMON_NAME = '550403';

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
  return parseCertificate(certificateIn(block), whose);
}

/**
 * The bytes of the certificate in a PEM block. What follows it is cut off: the trust settings (X509_CERT_AUX) that OpenSSL appends for its own
 * tools are not sent to clients, and in a chain OpenSSL ignores all that follows.
 *
 * @throws malformed
 */
export function certificateIn(block: Block): Buffer {
  const der = decodeBlock(block);
  return der.slice(0, readElement(der, 0, der.length).end);
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

/** The fields of a certificate (RFC 5280, 4.1) up to its public key. */
interface Fields {
  serial: Element;
  /** The AlgorithmIdentifier that is signed. */
  algorithm: Element;
  issuer: Element;
  validity: Element;
  subject: Element;
  publicKeyInfo: Element;
}

/**
 * Finds the fields of a certificate, and reads none of them.
 *
 * @param inner the TBSCertificate
 * @throws malformed
 */
function fieldsOf(inner: Element): Fields {
  const serial = afterVersion(inner);
  const algorithm = readTagged(inner, serial.end, SEQUENCE, 'a signature algorithm');
  const issuer = readTagged(inner, algorithm.end, SEQUENCE, 'an issuer');
  const validity = readTagged(inner, issuer.end, SEQUENCE, 'a validity');
  const subject = readTagged(inner, validity.end, SEQUENCE, 'a subject');
  const publicKeyInfo = readTagged(inner, subject.end, SEQUENCE, 'a public key');
  return { serial, algorithm, issuer, validity, subject, publicKeyInfo };
}

/**
 * The subject of a certificate that is read no further, in the form of `comparableName`.
 *
 * @throws malformed
 */
export function comparableSubject(der: Buffer): string {
  const outer = readWhole(der, SEQUENCE, 'a certificate');
  const { subject } = fieldsOf(readTagged(outer, outer.start, SEQUENCE, 'a certificate'));
  expectName(subject);
  return comparableName(subject);
}

function parseCertificate(der: Buffer, whose: string): Certificate {
  const outer = readWhole(der, SEQUENCE, 'a certificate');
  const inner = readTagged(outer, outer.start, SEQUENCE, 'a certificate');
  const signatureAlgorithm = readTagged(outer, inner.end, SEQUENCE, 'a signature algorithm');
  const signature = readTagged(outer, signatureAlgorithm.end, BIT_STRING, 'a signature');
  expectEnd(outer.end, signature.end, 'a signature');
  bitString(signature, 'a signature');

  const { serial, algorithm, issuer, validity, subject, publicKeyInfo } = fieldsOf(inner);
  expectInteger(serial, 'a serial number');
  expectAlgorithm(signatureAlgorithm);
  // RFC 5280, 4.1.1.2, requires that the two are equal. OpenSSL looks at one of them only.
  if (hexOf(algorithm) !== hexOf(signatureAlgorithm)) {
    refuse('malformed', `${whose} has two different signature algorithms`);
  }
  expectName(issuer);
  expectName(subject);
  const publicKey = readPublicKey(publicKeyInfo, whose);
  const extensions = readExtensionFields(inner, publicKeyInfo.end);
  return Object.assign({}, extensions, readValidity(validity), {
    der,
    serial,
    issuer,
    subject,
    signatureAlgorithm,
    publicKey,
    publicKeyInfo,
    names: serverNames(extensions.altNames, subject),
  });
}

function readValidity(validity: Element): Pick<Certificate, 'notBefore' | 'notAfter'> {
  const notBefore = readElement(validity.bytes, validity.start, validity.end);
  const notAfter = readElement(validity.bytes, notBefore.end, validity.end);
  expectEnd(validity.end, notAfter.end, 'a validity');
  return {
    notBefore: readTime(notBefore, 'notBefore'),
    notAfter: readTime(notAfter, 'notAfter'),
  };
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
 * The server names that a certificate covers: the dNSNames of its subjectAltName; where it has none, the common names that look
 * like a server name, as in OpenSSL's X509_check_host.
 */
function serverNames(altNames: Element | null, subject: Element): string[] {
  const names = dnsNames({ altNames });
  if (names.length > 0) return names.map(canonicalName);
  return commonNames(subject)
    .map(canonicalName)
    .filter((name) => name.length <= LONGEST_NAME && SERVER_NAME.test(name));
}

/** The dNSNames of the subjectAltName (RFC 5280, 4.2.1.6) as they are written. */
export function dnsNames({ altNames }: Pick<Certificate, 'altNames'>): string[] {
  if (altNames === null) return [];
  return children(altNames)
    .filter((name) => name.tag === DNS_NAME)
    .map(utf8Of);
}

function commonNames(subject: Element): string[] {
  const names: string[] = [];
  children(subject).forEach((set) => {
    children(set).forEach((attribute) => {
      const type = readTagged(attribute, attribute.start, OBJECT_IDENTIFIER, 'an attribute');
      const value = readElement(attribute.bytes, type.end, attribute.end);
      if (hexOf(type) === COMMON_NAME) names.push(textOf(value) || '');
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

/**
 * Whether a certificate is valid.
 *
 * @param nowSeconds seconds since 1970
 */
export function isValidAt({ notBefore, notAfter }: Certificate, nowSeconds: number): boolean {
  return notBefore <= nowSeconds && nowSeconds <= notAfter;
}
