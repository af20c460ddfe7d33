import { refuse } from '../engine/refusal';
import {
  type Element,
  BIT_STRING,
  BMP_STRING,
  SEQUENCE,
  SET,
  UTF8_STRING,
  children,
  expectBitString,
  expectEnd,
  hexOf,
  hexOfWhole,
  objectIdentifier,
  readElement,
  readTagged,
  utf8Of,
} from './der';

// Checks and compares the Names of certificates: subject, issuer, and those in extensions.

/** The string types of one byte for each character: Printable, T61, Numeric and IA5String. */
const BYTE_STRINGS = [0x13, 0x14, 0x12, 0x16];
const UNIVERSAL_STRING = 0x1c;

/**
 * Checks a Name (RFC 5280, 4.1.2.4) down to the encoding of its strings, as OpenSSL does.
 *
 * @throws malformed
 */
export function expectName(name: Element): void {
  let at = name.start;
  while (at < name.end) {
    const set = readTagged(name, at, SET, 'a relative name');
    expectRelativeName(set);
    at = set.end;
  }
}

/**
 * Checks a RelativeDistinguishedName, whatever its tag.
 *
 * @throws malformed
 */
export function expectRelativeName(set: Element): void {
  let at = set.start;
  do {
    const attribute = readTagged(set, at, SEQUENCE, 'an attribute');
    const type = readElement(attribute.bytes, attribute.start, attribute.end);
    objectIdentifier(type);
    const value = readElement(attribute.bytes, type.end, attribute.end);
    expectEnd(attribute.end, value.end, 'an attribute');
    expectValue(value);
    at = attribute.end;
  } while (at < set.end);
}

/**
 * Checks the value of an attribute. Apart from text, OpenSSL takes a BIT STRING, as of x500UniqueIdentifier, and a SEQUENCE, as of
 * postalAddress, into which it does not look (ASN1_PRINTABLE in crypto/x509/x_name.c).
 */
function expectValue(value: Element): void {
  if (value.tag === SEQUENCE) return;
  if (value.tag === BIT_STRING) expectBitString(value);
  else if (!isText(value)) refuse('malformed', 'a name in a certificate is not text');
}

/** Checks that a DirectoryString or an attribute's value is text, in the encoding of its type. */
export function isText(value: Element): boolean {
  const { bytes, tag, start, end } = value;
  if (tag === UTF8_STRING) {
    const text = utf8Of(value);
    return text.indexOf('\ufffd') < 0 && Buffer.byteLength(text) === end - start;
  }
  const width = widthOf(tag);
  if (width < 2) return width === 1;
  if ((end - start) % width !== 0) return false;
  for (let at = start; at < end; at += width) {
    const char = bytes.readUIntBE(at, width);
    // Surrogates are no characters, and Unicode ends at U+10FFFF.
    if ((char >= 0xd800 && char < 0xe000) || char > 0x10ffff) return false;
  }
  return true;
}

/** The bytes for each character of a string type; 0 where the type is UTF8String, or none of text. */
function widthOf(tag: number): number {
  if (tag === BMP_STRING) return 2;
  if (tag === UNIVERSAL_STRING) return 4;
  return BYTE_STRINGS.indexOf(tag) >= 0 ? 1 : 0;
}

/** The text of an attribute's value that was checked. It is null where the value is no text. */
export function textOf(value: Element): string | null {
  const width = widthOf(value.tag);
  if (width === 0 && value.tag !== UTF8_STRING) return null;
  if (width < 2) {
    const text = utf8Of(value);
    if (width === 0 || !/[\u0080-\uffff]/.test(text)) return text;
  }
  let text = '';
  for (let at = value.start; at < value.end; at += width) {
    const char = value.bytes.readUIntBE(at, width);
    // Above U+FFFF a character is two units of a string.
    const high = char - 0x10000;
    text +=
      high < 0
        ? String.fromCharCode(char)
        : String.fromCharCode(0xd800 + (high >> 10), 0xdc00 + (high & 0x3ff));
  }
  return text;
}

/**
 * A Name in a form in which names that RFC 5280, 7.1, has as equal are equal: whatever their string types, letter case and blanks,
 * and the order of attributes in one relative name. OpenSSL compares so (x509_name_canon in crypto/x509/x_name.c), but for the
 * letter case outside ASCII.
 */
export function comparableName(name: Element): string {
  return children(name)
    .map((set) => children(set).map(comparableAttribute).sort().join('\n'))
    .join('\n\n');
}

function comparableAttribute(attribute: Element): string {
  const [type, value] = children(attribute) as [Element, Element];
  const text = textOf(value);
  // White space becomes one blank, so that a line feed is in no text.
  const comparable =
    text === null
      ? hexOfWhole(value)
      : text
          .replace(/[ \t\n\v\f\r]+/g, ' ')
          .replace(/^ | $/g, '')
          .toLowerCase();
  return `${hexOf(type)}=${comparable}`;
}
