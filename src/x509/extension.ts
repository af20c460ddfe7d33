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

// Checks the extensions that OpenSSL reads when a certificate is used (ossl_x509v3_cache_extensions in crypto/x509/v3_purp.c).
// OpenSSL accepts a certificate with a damaged one, but leaves an error in its queue. nginx 1.26 finds that error in the middle of
// a handshake, even one for another name, and ends the handshake. The shapes are those of RFC 5280, 4.2.1.

/** The name of an element in a refusal. */
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
  // Proxies, addresses and network numbers (RFC 3820, RFC 3779) are not in the certificates of servers.
  '2b0601050507010e': refuseExtension,
  '2b06010505070107': refuseExtension,
  '2b06010505070108': refuseExtension,
};

/**
 * Checks the content of an extension, if it is one that OpenSSL reads.
 *
 * @param type the object identifier in hex
 * @param content the extension's OCTET STRING
 * @throws malformed
 */
export function expectExtension(type: string, content: Element): void {
  const check = CHECKS[type];
  if (check !== undefined) check(content);
}

function refuseExtension(): never {
  return refuse('malformed', 'unreadable extension in a certificate');
}

function membersOf(content: Element): Element[] {
  return children(readOnly(content, SEQUENCE, WHAT));
}

/** Checks that the content is a BIT STRING with at least one bit set. */
function expectBits(content: Element): void {
  expectBitString(readOnly(content, BIT_STRING, WHAT));
}

function expectBitString({ bytes, start, end }: Element): void {
  const unused = end > start ? (bytes[start] as number) : 8;
  let bits = 0;
  for (let at = start + 1; at < end; at++) bits |= bytes[at] as number;
  if (unused > 7 || bits === 0) refuseExtension();
}

function expectBasicConstraints(content: Element): void {
  const members = membersOf(content);
  const first = members[0];
  if (first !== undefined && first.tag === BOOLEAN) {
    if (first.end - first.start !== 1) refuseExtension();
    members.shift();
  }
  const length = members.shift();
  if (members.length > 0) refuseExtension();
  if (length === undefined) return;
  expectInteger(length, WHAT);
  if (length.tag !== INTEGER || (length.bytes[length.start] as number) >= 0x80) refuseExtension();
}

function expectAuthorityKeyId(content: Element): void {
  let previous = -1;
  membersOf(content).forEach((part) => {
    const number = [contextTag(0), constructedTag(1), contextTag(2)].indexOf(part.tag);
    if (number <= previous) refuseExtension();
    previous = number;
    if (number === 1) children(part).forEach(expectGeneralName);
    if (number === 2) expectInteger(Object.assign({}, part, { tag: INTEGER }), WHAT);
  });
}

function expectGeneralNames(content: Element): void {
  membersOf(content).forEach(expectGeneralName);
}

/** Checks a GeneralName (RFC 5280, 4.2.1.6). */
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
      if (value.tag !== constructedTag(0) || children(value).length !== 1) refuseExtension();
      return;
    }
    case constructedTag(4): // directoryName
      expectName(readOnly(name, SEQUENCE, WHAT));
      return;
    default:
      // x400Address and ediPartyName are not in use.
      refuseExtension();
  }
}

/** Checks NameConstraints (RFC 5280, 4.2.1.10). The RFC forbids distances other than the defaults, which are left out in DER. */
function expectNameConstraints(content: Element): void {
  let previous = -1;
  membersOf(content).forEach((subtrees) => {
    const number = [constructedTag(0), constructedTag(1)].indexOf(subtrees.tag);
    if (number <= previous) refuseExtension();
    previous = number;
    children(subtrees).forEach((subtree) => {
      const parts = subtree.tag === SEQUENCE ? children(subtree) : [];
      if (parts.length !== 1) refuseExtension();
      parts.forEach(expectGeneralName);
    });
  });
}

/** Checks CRLDistributionPoints (RFC 5280, 4.2.1.13). A name that is relative to the issuer's is refused. */
function expectDistributionPoints(content: Element): void {
  membersOf(content).forEach((point) => {
    if (point.tag !== SEQUENCE) refuseExtension();
    let previous = -1;
    children(point).forEach((part) => {
      const number = [constructedTag(0), contextTag(1), constructedTag(2)].indexOf(part.tag);
      if (number <= previous) refuseExtension();
      previous = number;
      if (number === 1) {
        expectBitString(part);
        return;
      }
      const names = number === 0 ? readOnly(part, constructedTag(0), WHAT) : part;
      children(names).forEach(expectGeneralName);
    });
  });
}
