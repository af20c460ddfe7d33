import { refuse } from '../engine/refusal';
import {
  type Element,
  BIT_STRING,
  BOOLEAN,
  INTEGER,
  NULL,
  OBJECT_IDENTIFIER,
  OCTET_STRING,
  SEQUENCE,
  children,
  constructedTag,
  contextTag,
  expectBitString,
  expectInteger,
  objectIdentifier,
  readElement,
  readOnly,
} from './der';
import { expectName, expectRelativeName, isText } from './names';

// Checks the extensions that OpenSSL reads when a certificate is used (ossl_x509v3_cache_extensions in crypto/x509/v3_purp.c), as
// far as it reads them. OpenSSL accepts a certificate with a damaged one, but leaves an error in its queue. nginx 1.26 finds that
// error in the middle of a handshake, even one for another name, and ends the handshake. Other extensions matter to nobody here.

/** The name of an element in a refusal. */
const WHAT = 'an extension';

/** Checks an element. Its tag was checked before. */
type Check = (element: Element) => void;

/** The shapes of RFC 5280, 4.2.1, and of RFC 3779 and RFC 3820, by object identifier in hex. */
const CHECKS: Record<string, Check | undefined> = {
  '551d0e': (content) => void readOnly(content, OCTET_STRING, WHAT), // subjectKeyIdentifier
  '551d0f': expectKeyUsage,
  '551d11': (content) => {
    expectGeneralNames(sequenceIn(content));
  }, // subjectAltName
  '551d13': expectBasicConstraints,
  '551d1e': (content) => {
    expectFields(sequenceIn(content), [
      [constructedTag(0), expectSubtrees],
      [constructedTag(1), expectSubtrees],
    ]);
  }, // nameConstraints
  '551d1f': (content) => {
    children(sequenceIn(content)).forEach(expectDistributionPoint);
  }, // cRLDistributionPoints
  '551d23': (content) => {
    expectFields(sequenceIn(content), [
      [contextTag(0), anything],
      [constructedTag(1), expectGeneralNames],
      [contextTag(2), expectNumber],
    ]);
  }, // authorityKeyIdentifier
  '551d25': (content) => {
    children(sequenceIn(content)).forEach(objectIdentifier);
  }, // extKeyUsage
  '6086480186f8420101': (content) => {
    expectBitString(readOnly(content, BIT_STRING, WHAT));
  }, // Netscape's certificate type
  '2b06010505070107': expectAddressBlocks,
  '2b06010505070108': (content) => {
    expectFields(sequenceIn(content), [
      [constructedTag(0), expectSystemNumbers],
      [constructedTag(1), expectSystemNumbers],
    ]);
  }, // autonomousSysIds
  // A proxy certificate (RFC 3820) is no server's: OpenSSL refuses one that has a subjectAltName, and clients refuse the others.
  '2b0601050507010e': refuseExtension,
};

/** Whether OpenSSL reads an extension when a certificate is used. It may then not be there twice. */
export function isRead(type: string): boolean {
  return CHECKS[type] !== undefined;
}

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

function sequenceIn(content: Element): Element {
  return readOnly(content, SEQUENCE, WHAT);
}

/** Nothing to check, as in an OCTET STRING. */
function anything(): void {
  // Every content is right.
}

/**
 * Checks the elements of a SEQUENCE against its fields. Each field may be left out, and none may be out of order.
 *
 * @param fields their tags and checks
 */
function expectFields(parent: Element, fields: [number, Check][]): void {
  let next = 0;
  children(parent).forEach((part) => {
    while (next < fields.length && (fields[next] as [number, Check])[0] !== part.tag) next++;
    const field = fields[next++] || refuseExtension();
    field[1](part);
  });
}

function expectNumber(integer: Element): void {
  expectInteger(Object.assign({}, integer, { tag: INTEGER }), WHAT);
}

/** Checks that the content is a BIT STRING with one of its first 16 bits set. */
function expectKeyUsage(content: Element): void {
  const usage = readOnly(content, BIT_STRING, WHAT);
  expectBitString(usage);
  const { bytes, start, end } = usage;
  let bits = 0;
  for (let at = start + 1; at < Math.min(end, start + 3); at++) {
    const unused = at === end - 1 ? (bytes[start] as number) : 0;
    bits |= (bytes[at] as number) >> unused;
  }
  if (bits === 0) refuseExtension();
}

function expectBasicConstraints(content: Element): void {
  expectFields(sequenceIn(content), [
    [
      BOOLEAN,
      ({ start, end }) => {
        if (end - start !== 1) refuseExtension();
      },
    ],
    [
      INTEGER,
      (length) => {
        expectInteger(length, WHAT);
        if ((length.bytes[length.start] as number) >= 0x80) refuseExtension();
      },
    ],
  ]);
}

function expectGeneralNames(names: Element): void {
  children(names).forEach(expectGeneralName);
}

/** The forms of a GeneralName (RFC 5280, 4.2.1.6), by tag. */
const NAME_FORMS: Record<number, Check | undefined> = {
  [constructedTag(0)]: expectOtherName,
  [contextTag(1)]: anything, // rfc822Name, dNSName: ASCII
  [contextTag(2)]: anything,
  [constructedTag(3)]: anything, // x400Address, into which OpenSSL does not look
  [constructedTag(4)]: (name) => {
    expectName(readOnly(name, SEQUENCE, WHAT));
  }, // directoryName
  [constructedTag(5)]: expectPartyName,
  [contextTag(6)]: anything, // URI
  [contextTag(7)]: anything, // iPAddress
  [contextTag(8)]: (name) => {
    objectIdentifier(Object.assign({}, name, { tag: OBJECT_IDENTIFIER }));
  }, // registeredID
};

function expectGeneralName(name: Element): void {
  const check = NAME_FORMS[name.tag] || refuseExtension();
  check(name);
}

function expectOtherName(name: Element): void {
  const type = readElement(name.bytes, name.start, name.end);
  objectIdentifier(type);
  const value = readElement(name.bytes, type.end, name.end);
  if (value.end !== name.end || value.tag !== constructedTag(0) || children(value).length !== 1) {
    refuseExtension();
  }
}

/** Checks an EDIPartyName, which has [0] an assigner or none, and [1] a party. */
function expectPartyName(name: Element): void {
  expectFields(name, [
    [constructedTag(0), expectDirectoryString],
    [constructedTag(1), expectDirectoryString],
  ]);
  if (!children(name).some(({ tag }) => tag === constructedTag(1))) refuseExtension();
}

/** Checks a DirectoryString (RFC 5280, 4.1.2.4) in its explicit tag. Numeric and IA5String are none. */
function expectDirectoryString(wrapper: Element): void {
  const text = readElement(wrapper.bytes, wrapper.start, wrapper.end);
  const isOne = text.tag !== 0x12 && text.tag !== 0x16 && isText(text);
  if (text.end !== wrapper.end || !isOne) refuseExtension();
}

/** Checks GeneralSubtrees (RFC 5280, 4.2.1.10). */
function expectSubtrees(subtrees: Element): void {
  children(subtrees).forEach((subtree) => {
    const parts = subtree.tag === SEQUENCE ? children(subtree) : [];
    const base = parts[0] || refuseExtension();
    expectGeneralName(base);
    const distances = Object.assign({}, subtree, { start: base.end });
    expectFields(distances, [
      [contextTag(0), expectNumber],
      [contextTag(1), expectNumber],
    ]);
  });
}

/** Checks a DistributionPoint (RFC 5280, 4.2.1.13). OpenSSL wants it to have a name or an issuer (setup_dp in crypto/x509/v3_purp.c). */
function expectDistributionPoint(point: Element): void {
  if (point.tag !== SEQUENCE) refuseExtension();
  expectFields(point, [
    [constructedTag(0), expectPointName],
    [contextTag(1), expectBitString],
    [constructedTag(2), expectGeneralNames],
  ]);
  const isNamed = children(point).some(
    ({ tag, start, end }) =>
      tag === constructedTag(0) || (tag === constructedTag(2) && end > start),
  );
  if (!isNamed) refuseExtension();
}

/** Checks a DistributionPointName, which is [0] full, or [1] relative to the issuer's name. */
function expectPointName(wrapper: Element): void {
  const name = readElement(wrapper.bytes, wrapper.start, wrapper.end);
  if (name.end !== wrapper.end) refuseExtension();
  if (name.tag === constructedTag(1)) expectRelativeName(name);
  else expectGeneralNames(readOnly(wrapper, constructedTag(0), WHAT));
}

/** Checks what is inherited, as NULL says, or listed. */
function expectInheritedOr(choice: Element, item: Check): void {
  if (choice.tag === SEQUENCE) children(choice).forEach(item);
  else if (choice.tag !== NULL || choice.end !== choice.start) refuseExtension();
}

/** Checks IPAddrBlocks (RFC 3779, 2.2.3). */
function expectAddressBlocks(content: Element): void {
  children(sequenceIn(content)).forEach((family) => {
    const parts = family.tag === SEQUENCE ? children(family) : [];
    const [name, addresses] = parts;
    if (parts.length !== 2 || name?.tag !== OCTET_STRING) refuseExtension();
    expectInheritedOr(addresses as Element, (block) => {
      if (block.tag === BIT_STRING) expectBitString(block);
      else expectRange(block, BIT_STRING, expectBitString);
    });
  });
}

/** Checks a list of autonomous systems (RFC 3779, 3.2.3) in its explicit tag. */
function expectSystemNumbers(wrapper: Element): void {
  const numbers = readElement(wrapper.bytes, wrapper.start, wrapper.end);
  if (numbers.end !== wrapper.end) refuseExtension();
  expectInheritedOr(numbers, (one) => {
    if (one.tag === INTEGER) expectNumber(one);
    else expectRange(one, INTEGER, expectNumber);
  });
}

/** Checks a SEQUENCE of a lowest and a highest member. */
function expectRange(range: Element, tag: number, member: Check): void {
  const members = range.tag === SEQUENCE ? children(range) : [];
  if (members.length !== 2 || members.some((one) => one.tag !== tag)) refuseExtension();
  members.forEach(member);
}
