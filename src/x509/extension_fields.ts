import { refuse } from '../engine/refusal';
import {
  type Element,
  BOOLEAN,
  OCTET_STRING,
  SEQUENCE,
  bitString,
  children,
  constructedTag,
  contextTag,
  expectEnd,
  hexOf,
  objectIdentifier,
  readElement,
  readOnly,
  readTagged,
} from './der';
import { expectExtension, isRead } from './extension';

// Reads what the extensions of a certificate (RFC 5280, 4.2) say that the chain and the names need.

export interface ExtensionFields {
  /** The subject key identifier (RFC 5280, 4.2.1.2) in hex; empty where there is none. */
  subjectKeyId: string;
  /** The authority key identifier (RFC 5280, 4.2.1.1) in hex; empty where there is none. */
  authorityKeyId: string;
  /** The Name of the issuer's issuer in the authority key identifier; null where there is none. */
  authorityIssuer: Element | null;
  /** The issuer's serial number in the authority key identifier, in hex; empty where there is none. */
  authoritySerial: string;
  /** Whether basicConstraints mark it as a certificate authority's (RFC 5280, 4.2.1.9). */
  isAuthority: boolean;
  /** The subjectAltName's GeneralNames; null where there are none. */
  altNames: Element | null;
}

const SUBJECT_KEY_ID = '551d0e';
const SUBJECT_ALT_NAME = '551d11';
const BASIC_CONSTRAINTS = '551d13';
const AUTHORITY_KEY_ID = '551d23';

const FALSE = '00';

/**
 * Reads the fields after the public key: two unique identifiers, which are obsolete, and the extensions (RFC 5280, 4.1.2.8 and
 * 4.1.2.9).
 *
 * @param from the offset after the public key
 * @throws malformed
 */
export function readExtensionFields(inner: Element, from: number): ExtensionFields {
  const fields: ExtensionFields = {
    subjectKeyId: '',
    authorityKeyId: '',
    authorityIssuer: null,
    authoritySerial: '',
    isAuthority: false,
    altNames: null,
  };
  const at = afterIdentifiers(inner, from);
  if (at === inner.end) return fields;
  const wrapper = readTagged(inner, at, constructedTag(3), 'extensions');
  expectEnd(inner.end, wrapper.end, 'extensions');
  const seen: Record<string, true | undefined> = {};
  children(readOnly(wrapper, SEQUENCE, 'extensions')).forEach((extension) => {
    const { type, content } = contentOf(extension);
    // RFC 5280, 4.2, forbids it for all. OpenSSL refuses it for those that it reads.
    if (seen[type] && isRead(type)) refuse('malformed', 'a certificate with one extension twice');
    seen[type] = true;
    expectExtension(type, content);
    readInto(fields, type, content);
  });
  return fields;
}

function afterIdentifiers(inner: Element, from: number): number {
  let at = from;
  for (let number = 1; number <= 2; number++) {
    if (at < inner.end && inner.bytes[at] === contextTag(number)) {
      const identifier = readElement(inner.bytes, at, inner.end);
      bitString(identifier, 'a unique identifier');
      at = identifier.end;
    }
  }
  return at;
}

/** The object identifier of an extension in hex, and its OCTET STRING. */
function contentOf(extension: Element): { type: string; content: Element } {
  if (extension.tag !== SEQUENCE) refuse('malformed', 'unreadable DER: an extension expected');
  const bytes = extension.bytes;
  const type = readElement(bytes, extension.start, extension.end);
  let content = readElement(bytes, type.end, extension.end);
  if (content.tag === BOOLEAN && content.end - content.start === 1) {
    content = readElement(bytes, content.end, extension.end);
  }
  if (content.tag !== OCTET_STRING) refuse('malformed', 'unreadable extension in a certificate');
  expectEnd(extension.end, content.end, 'an extension');
  return { type: objectIdentifier(type), content };
}

function readInto(fields: ExtensionFields, type: string, content: Element): void {
  switch (type) {
    case SUBJECT_ALT_NAME:
      fields.altNames = readOnly(content, SEQUENCE, 'subjectAltName');
      return;
    case SUBJECT_KEY_ID:
      fields.subjectKeyId = hexOf(readOnly(content, OCTET_STRING, 'a key identifier'));
      return;
    case BASIC_CONSTRAINTS: {
      const first = children(readOnly(content, SEQUENCE, 'basicConstraints'))[0];
      fields.isAuthority = first !== undefined && first.tag === BOOLEAN && hexOf(first) !== FALSE;
      return;
    }
    case AUTHORITY_KEY_ID:
      children(readOnly(content, SEQUENCE, 'an authority key identifier')).forEach((part) => {
        if (part.tag === contextTag(0)) fields.authorityKeyId = hexOf(part);
        else if (part.tag === contextTag(2)) fields.authoritySerial = hexOf(part);
        else fields.authorityIssuer = directoryNameIn(part);
      });
  }
}

/** The Name of the first directoryName in GeneralNames; null where there is none. */
function directoryNameIn(names: Element): Element | null {
  const name = children(names).filter(({ tag }) => tag === constructedTag(4))[0];
  return name ? readOnly(name, SEQUENCE, 'a name') : null;
}
