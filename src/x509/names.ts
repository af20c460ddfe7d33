import { refuse } from '../engine/refusal';
import {
  type Element,
  BMP_STRING,
  SEQUENCE,
  SET,
  UTF8_STRING,
  expectEnd,
  objectIdentifier,
  readElement,
  readTagged,
  utf8Of,
} from './der';

// Checks the Names of certificates: subject, issuer, and those in extensions.

/**
 * The string types of a Name (RFC 5280, 4.1.2.4) other than UTF8String: Printable, T61 and BMPString, and the Numeric and IA5String
 * of old certificates. UniversalString, which is not in use, is refused.
 */
const OTHER_STRINGS = [0x13, 0x14, BMP_STRING, 0x12, 0x16];

/**
 * Checks a Name (RFC 5280, 4.1.2.4) down to the encoding of its strings, as OpenSSL does.
 *
 * @throws malformed
 */
export function expectName(name: Element): void {
  const bytes = name.bytes;
  let at = name.start;
  while (at < name.end) {
    const set = readTagged(name, at, SET, 'a relative name');
    at = set.start;
    do {
      const attribute = readTagged(set, at, SEQUENCE, 'an attribute');
      const type = readElement(bytes, attribute.start, attribute.end);
      objectIdentifier(type);
      const value = readElement(bytes, type.end, attribute.end);
      expectEnd(attribute.end, value.end, 'an attribute');
      expectText(value);
      at = attribute.end;
    } while (at < set.end);
  }
}

function expectText(value: Element): void {
  if (!isText(value)) refuse('malformed', 'a name in a certificate is not text');
}

function isText(value: Element): boolean {
  if (value.tag === UTF8_STRING) {
    const text = utf8Of(value);
    return text.indexOf('\ufffd') < 0 && Buffer.byteLength(text) === value.end - value.start;
  }
  if (value.tag !== BMP_STRING) return OTHER_STRINGS.indexOf(value.tag) >= 0;
  // BMPString has two bytes for each character, and no surrogates.
  for (let at = value.start; at < value.end; at += 2) {
    if (at + 1 === value.end || ((value.bytes[at] as number) & 0xf8) === 0xd8) return false;
  }
  return true;
}
