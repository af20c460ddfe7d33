import { refuse } from '../engine/refusal';
import { isUtf8 } from './utf8';

// Reads the DER (ITU-T X.690) of certificates and keys. It is stricter than OpenSSL, which also takes BER: lengths must be definite
// and minimal, and tags must fit one byte. Nothing is copied: an element is a place in `bytes`.

/** An element: tag, length and value. */
export interface Element {
  bytes: Buffer;
  tag: number;
  /** The offset of the tag. */
  at: number;
  /** The offset of the value. */
  start: number;
  /** The offset after the value. */
  end: number;
}

export const BOOLEAN = 0x01;
export const INTEGER = 0x02;
export const BIT_STRING = 0x03;
export const OCTET_STRING = 0x04;
export const NULL = 0x05;
export const OBJECT_IDENTIFIER = 0x06;
export const UTF8_STRING = 0x0c;
export const UTC_TIME = 0x17;
export const GENERALIZED_TIME = 0x18;
export const BMP_STRING = 0x1e;
export const SEQUENCE = 0x30;
export const SET = 0x31;

/** The tag of `[number]`, primitive: an IMPLICIT string or integer. */
export function contextTag(number: number): number {
  return 0x80 + number;
}

/** The tag of `[number]`, constructed: EXPLICIT, or an IMPLICIT SEQUENCE or SET. */
export function constructedTag(number: number): number {
  return 0xa0 + number;
}

/**
 * Reads the element at an offset.
 *
 * @param at offset of its tag
 * @param limit the largest offset at which it may end
 * @throws malformed: it is not DER, or ends after `limit`
 */
export function readElement(bytes: Buffer, at: number, limit: number): Element {
  let start = at + 2;
  if (start > limit) refuse('malformed', 'unreadable DER: an element is cut off');
  const tag = bytes[at] as number;
  let length = bytes[at + 1] as number;
  if (length >= 0x80) {
    const lengthBytes = length - 0x80;
    start += lengthBytes;
    // Three bytes of length suffice for 16 MiB, far more than any input here.
    if (lengthBytes === 0 || lengthBytes > 3 || start > limit) {
      refuse('malformed', 'unreadable DER: not a definite length');
    }
    length = bytes.readUIntBE(at + 2, lengthBytes);
    if (length < 0x80 || length < Math.pow(256, lengthBytes - 1)) {
      refuse('malformed', 'unreadable DER: a length is not minimal');
    }
  }
  const end = start + length;
  if (end > limit) refuse('malformed', 'unreadable DER: an element is cut off');
  if ((tag & 0x1f) === 0x1f) refuse('malformed', 'unreadable DER: a tag of several bytes');
  return { bytes, tag, at, start, end };
}

/**
 * Reads an element inside `parent`.
 *
 * @param at offset of the element in `parent.bytes`
 * @param tag that it must have
 * @param what the name of the element in a refusal, such as "a signature"
 * @throws malformed
 */
export function readTagged(parent: Element, at: number, tag: number, what: string): Element {
  const element = readElement(parent.bytes, at, parent.end);
  if (element.tag !== tag) refuse('malformed', `unreadable DER: ${what} expected`);
  return element;
}

/**
 * Reads an element that fills `bytes`.
 *
 * @throws malformed: it is not such an element, or something follows it
 */
export function readWhole(bytes: Buffer, tag: number, what: string): Element {
  const element = readElement(bytes, 0, bytes.length);
  if (element.tag !== tag) refuse('malformed', `unreadable DER: ${what} expected`);
  expectEnd(bytes.length, element.end, what);
  return element;
}

/**
 * Reads an element that fills `parent`.
 *
 * @throws malformed: it is not such an element, or something follows it
 */
export function readOnly(parent: Element, tag: number, what: string): Element {
  const element = readTagged(parent, parent.start, tag, what);
  expectEnd(parent.end, element.end, what);
  return element;
}

/**
 * Checks that nothing follows an element.
 *
 * @param end the offset at which it has to end
 * @param at the offset at which it ends
 * @throws malformed
 */
export function expectEnd(end: number, at: number, what: string): void {
  if (at !== end) refuse('malformed', `unreadable DER: something follows ${what}`);
}

/**
 * Reads the elements that fill `parent`.
 *
 * @throws malformed
 */
export function children(parent: Element): Element[] {
  const found: Element[] = [];
  let at = parent.start;
  while (at < parent.end) {
    const child = readElement(parent.bytes, at, parent.end);
    found.push(child);
    at = child.end;
  }
  return found;
}

/** The value of an element, without tag and length, in lower-case hex. */
export function hexOf(element: Element): string {
  return element.bytes.toString('hex', element.start, element.end);
}

/** The whole element, with tag and length, in lower-case hex. */
export function hexOfWhole(element: Element): string {
  return element.bytes.toString('hex', element.at, element.end);
}

/** The value of an element as UTF-8. Where it is none, there is a U+FFFD in the text, which no server name contains. */
export function utf8Of({ bytes, start, end }: Element): string {
  const text = bytes.toString('utf8', start, end);
  // A text of one character for each byte is ASCII, or holds a U+FFFD for each other byte.
  return text.length === end - start || isUtf8(bytes, start, end) ? text : '\ufffd';
}

/**
 * Checks an INTEGER of any sign: it must have at least one byte, and no padding (X.690, 8.3).
 *
 * @throws malformed
 */
export function expectInteger(element: Element, what: string): void {
  const first = element.bytes[element.start] as number;
  const second = element.bytes[element.start + 1] as number;
  const length = element.end - element.start;
  const padded =
    length > 1 && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80));
  if (element.tag !== INTEGER || length === 0 || padded) {
    refuse('malformed', `unreadable DER: ${what} is not an integer`);
  }
}

/**
 * Reads a positive INTEGER.
 *
 * @returns the number in lower-case hex, without a sign byte
 * @throws malformed
 */
export function positiveInteger(element: Element, what: string): string {
  expectInteger(element, what);
  const first = element.bytes[element.start] as number;
  if (first >= 0x80 || (first === 0 && element.end - element.start === 1)) {
    refuse('malformed', `unreadable DER: ${what} is not positive`);
  }
  return element.bytes.toString('hex', element.start + (first === 0 ? 1 : 0), element.end);
}

/**
 * Reads the value of a BIT STRING of whole bytes. The tag is not checked.
 *
 * @returns the bytes in lower-case hex
 * @throws malformed
 */
export function bitString(element: Element, what: string): string {
  if (element.end === element.start || element.bytes[element.start] !== 0) {
    refuse('malformed', `unreadable DER: ${what} is not of whole bytes`);
  }
  return element.bytes.toString('hex', element.start + 1, element.end);
}

/**
 * Checks the value of a BIT STRING. The tag is not checked.
 *
 * @throws malformed
 */
export function expectBitString({ bytes, start, end }: Element): void {
  if (start === end || (bytes[start] as number) > 7) {
    refuse('malformed', 'unreadable DER: not a string of bits');
  }
}

/**
 * Reads an OBJECT IDENTIFIER (X.690, 8.19).
 *
 * @returns its value in lower-case hex, which is cheaper to compare than the dotted form
 * @throws malformed
 */
export function objectIdentifier(element: Element): string {
  const bytes = element.bytes;
  if (element.tag !== OBJECT_IDENTIFIER || element.end === element.start) {
    refuse('malformed', 'unreadable DER: an object identifier expected');
  }
  let startsArc = true;
  for (let i = element.start; i < element.end; i++) {
    const byte = bytes[i] as number;
    if (startsArc && byte === 0x80) refuse('malformed', 'unreadable DER: a padded identifier');
    startsArc = byte < 0x80;
  }
  if (!startsArc) refuse('malformed', 'unreadable DER: an identifier is cut off');
  return hexOf(element);
}

/**
 * The dotted form of an object identifier.
 *
 * @param hex as `objectIdentifier` returns it
 */
export function dottedForm(hex: string): string {
  const arcs: number[] = [];
  let arc = 0;
  for (let i = 0; i < hex.length; i += 2) {
    const byte = parseInt(hex.slice(i, i + 2), 16);
    arc = arc * 128 + (byte & 0x7f);
    if (byte < 0x80) {
      if (arcs.length === 0) {
        const root = Math.min(Math.floor(arc / 40), 2);
        arcs.push(root, arc - 40 * root);
      } else {
        arcs.push(arc);
      }
      arc = 0;
    }
  }
  return arcs.join('.');
}

/**
 * Reads a time of RFC 5280, section 4.1.2.5: UTCTime `YYMMDDHHMMSSZ` or GeneralizedTime `YYYYMMDDHHMMSSZ`.
 *
 * @returns seconds since 1970
 * @throws malformed: the form is another one, or there is no such day
 */
export function readTime(element: Element, what: string): number {
  let digits = utf8Of(element).slice(0, -1);
  if (element.tag === UTC_TIME) {
    digits = (digits < '50' ? '20' : '19') + digits;
  } else if (element.tag !== GENERALIZED_TIME) {
    refuse('malformed', `${what} is not a time`);
  }
  const part = (at: number): number => Number(digits.slice(at, at + 2));
  const millis = Date.UTC(
    Number(digits.slice(0, 4)),
    part(4) - 1,
    part(6),
    part(8),
    part(10),
    part(12),
  );
  // Date.UTC turns the 31st of February into a day in March. The comparison finds that, and anything but 14 digits.
  const isDate =
    !isNaN(millis) && new Date(millis).toISOString().replace(/\D/g, '') === digits + '000';
  if (!isDate || element.bytes[element.end - 1] !== 0x5a) {
    refuse('malformed', `${what} is not a time in UTC, to the second`);
  }
  return millis / 1000;
}

/**
 * Writes an element, to wrap a key.
 *
 * @param content the value in hex
 * @returns the whole element in hex
 */
export function write(tag: number, content: string): string {
  let length = (content.length / 2).toString(16);
  if (length.length % 2 === 1) length = '0' + length;
  if (content.length / 2 >= 0x80) length = (0x80 + length.length / 2).toString(16) + length;
  return (tag < 16 ? '0' : '') + tag.toString(16) + length + content;
}
