import { refuse } from '../engine/refusal';
import {
  type Element,
  BIT_STRING,
  BOOLEAN,
  INTEGER,
  OCTET_STRING,
  SEQUENCE,
  children,
  constructedTag,
  contextTag,
  expectEnd,
  expectInteger,
  objectIdentifier,
  readElement,
  readOnly,
} from './der';
import { expectName } from './names';

// The extensions that OpenSSL reads when a certificate is used (ossl_x509v3_cache_extensions in crypto/x509/v3_purp.c).
// It takes a certificate where one of them is damaged, and leaves an error behind that nginx 1.26 finds in the middle of
// a handshake, be it another name's, and fails it. Shapes are those of RFC 5280, 4.2.1.

const WHAT = 'an extension';

const CHECKS: Record<string, ((content: Element) => void) | undefined> = {
  '551d0e': (content) => void readOnly(content, OCTET_STRING, WHAT), // subjectKeyIdentifier
  '551d0f': expectBits, // keyUsage
  '551d11': expectGeneralNames, // subjectAltName
  '551d12': expectGeneralNames, // issuerAltName
  '551d13': expectBasicConstraints,
  '551d1e': expectNameConstraints,
  '551d1f': expectDistributionPoints, // cRLDistributionPoints
  '551d23': expectAuthorityKeyId,
  '551d25': (content) => {
    membersOf(content).forEach(objectIdentifier);
  }, // extKeyUsage
  '6086480186f8420101': expectBits, // Netscape's certificate type
  // Proxies, addresses, and numbers of networks (RFC 3820, RFC 3779): no server's certificate has them.
  '2b0601050507010e': unknown,
  '2b06010505070107': unknown,
  '2b06010505070108': unknown,
};

/**
 * Checks what an extension holds, where OpenSSL would.
 *
 * @param type its identifier, in hex
 * @param content its OCTET STRING
 * @throws malformed
 */
export function expectExtension(type: string, content: Element): void {
  const check = CHECKS[type];
  if (check !== undefined) check(content);
}

function unknown(): never {
  return refuse('malformed', 'unreadable extension in a certificate');
}

function membersOf(content: Element): Element[] {
  return children(readOnly(content, SEQUENCE, WHAT));
}

/** A BIT STRING with at least one bit set. */
function expectBits(content: Element): void {
  expectBitString(readOnly(content, BIT_STRING, WHAT));
}

function expectBitString({ bytes, start, end }: Element): void {
  const unused = end > start ? (bytes[start] as number) : 8;
  let any = 0;
  for (let at = start + 1; at < end; at++) any |= bytes[at] as number;
  if (unused > 7 || any === 0) unknown();
}

function expectBasicConstraints(content: Element): void {
  const members = membersOf(content);
  const first = members[0];
  if (first !== undefined && first.tag === BOOLEAN) {
    if (first.end - first.start !== 1) unknown();
    members.shift();
  }
  const length = members.shift();
  if (members.length > 0) unknown();
  if (length === undefined) return;
  expectInteger(length, WHAT);
  if (length.tag !== INTEGER || (length.bytes[length.start] as number) >= 0x80) unknown();
}

function expectAuthorityKeyId(content: Element): void {
  let last = -1;
  membersOf(content).forEach((part) => {
    const number = [contextTag(0), constructedTag(1), contextTag(2)].indexOf(part.tag);
    if (number <= last) unknown();
    last = number;
    if (number === 1) children(part).forEach(expectGeneralName);
    if (number === 2) expectInteger(Object.assign({}, part, { tag: INTEGER }), WHAT);
  });
}

function expectGeneralNames(content: Element): void {
  membersOf(content).forEach(expectGeneralName);
}

/** RFC 5280, 4.2.1.6. */
function expectGeneralName(name: Element): void {
  switch (name.tag) {
    case contextTag(1): // rfc822Name, dNSName, URI: ASCII
    case contextTag(2):
    case contextTag(6):
    case contextTag(7): // iPAddress
      return;
    case contextTag(8): // registeredID
      objectIdentifier(Object.assign({}, name, { tag: 6 }));
      return;
    case constructedTag(0): {
      // otherName
      const type = readElement(name.bytes, name.start, name.end);
      objectIdentifier(type);
      const value = readElement(name.bytes, type.end, name.end);
      expectEnd(name.end, value.end, WHAT);
      if (value.tag !== constructedTag(0) || children(value).length !== 1) unknown();
      return;
    }
    case constructedTag(4): // directoryName
      expectName(readOnly(name, SEQUENCE, WHAT));
      return;
    default:
      // x400Address, ediPartyName: nobody uses them.
      unknown();
  }
}

/** RFC 5280, 4.2.1.10. Distances, which it forbids other than as their defaults, are not there. */
function expectNameConstraints(content: Element): void {
  let last = -1;
  membersOf(content).forEach((subtrees) => {
    const number = [constructedTag(0), constructedTag(1)].indexOf(subtrees.tag);
    if (number <= last) unknown();
    last = number;
    children(subtrees).forEach((subtree) => {
      const parts = subtree.tag === SEQUENCE ? children(subtree) : [];
      if (parts.length !== 1) unknown();
      parts.forEach(expectGeneralName);
    });
  });
}

/** RFC 5280, 4.2.1.13, with names in full: one relative to the issuer's is not taken. */
function expectDistributionPoints(content: Element): void {
  membersOf(content).forEach((point) => {
    if (point.tag !== SEQUENCE) unknown();
    let last = -1;
    children(point).forEach((part) => {
      const number = [constructedTag(0), contextTag(1), constructedTag(2)].indexOf(part.tag);
      if (number <= last) unknown();
      last = number;
      if (number === 1) {
        expectBitString(part);
        return;
      }
      const names = number === 0 ? readOnly(part, constructedTag(0), WHAT) : part;
      children(names).forEach(expectGeneralName);
    });
  });
}
