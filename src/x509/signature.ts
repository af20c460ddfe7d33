import { refuse } from '../engine/refusal';
import type { Certificate } from './certificate';
import { OBJECT_IDENTIFIER, hexOf, readElement, readTagged } from './der';
import { comparableName } from './names';
import { type KeyKind, RSASSA_PSS, WEAKEST_RSA_BITS, readPss } from './public_key';

// The strength that OpenSSL wants of certificates at security level 2, the default of OpenSSL 3.2 and of Debian: 112 bits of
// security for each key and each signature's hash, in the leaf and in the chain (ssl_security_cert in ssl/t1_lib.c).

/** The names of strong algorithms by object identifier in hex: RFC 8017 (A.2.4), RFC 5758, RFC 8410, RFC 9881. */
const SIGNATURES: Record<string, string | undefined> = {
  '2a864886f70d01010b': 'sha256WithRSAEncryption',
  '2a864886f70d01010c': 'sha384WithRSAEncryption',
  '2a864886f70d01010d': 'sha512WithRSAEncryption',
  '2a864886f70d01010e': 'sha224WithRSAEncryption',
  '2a8648ce3d040301': 'ecdsa-with-SHA224',
  '2a8648ce3d040302': 'ecdsa-with-SHA256',
  '2a8648ce3d040303': 'ecdsa-with-SHA384',
  '2a8648ce3d040304': 'ecdsa-with-SHA512',
  '2b6570': 'ED25519',
  '2b6571': 'ED448',
  '2a864886f70d01010f': 'sha512-224WithRSAEncryption',
  '2a864886f70d010110': 'sha512-256WithRSAEncryption',
  '608648016503040309': 'ecdsa_with_SHA3-224',
  '60864801650304030a': 'ecdsa_with_SHA3-256',
  '60864801650304030b': 'ecdsa_with_SHA3-384',
  '60864801650304030c': 'ecdsa_with_SHA3-512',
  '60864801650304030d': 'RSA-SHA3-224',
  '60864801650304030e': 'RSA-SHA3-256',
  '60864801650304030f': 'RSA-SHA3-384',
  '608648016503040310': 'RSA-SHA3-512',
  '608648016503040311': 'ML-DSA-44',
  '608648016503040312': 'ML-DSA-65',
  '608648016503040313': 'ML-DSA-87',
};

/** The names of weak algorithms, likewise. */
const WEAK_SIGNATURES: Record<string, string | undefined> = {
  '2a864886f70d010102': 'md2WithRSAEncryption',
  '2a864886f70d010103': 'md4WithRSAEncryption',
  '2a864886f70d010104': 'md5WithRSAEncryption',
  '2a864886f70d010105': 'sha1WithRSAEncryption',
  '2a8648ce3d0401': 'ecdsa-with-SHA1',
};

/**
 * Names a certificate's signature algorithm as OpenSSL prints it, and tells whether OpenSSL accepts it at security level 2. An
 * unknown algorithm is named by its identifier in hex, and counts as weak: OpenSSL cannot rate it either.
 *
 * @throws malformed: the parameters of RSA-PSS are unreadable
 */
export function signatureOf(certificate: Certificate): { name: string; isStrong: boolean } {
  const algorithm = certificate.signatureAlgorithm;
  const type = readTagged(algorithm, algorithm.start, OBJECT_IDENTIFIER, 'an algorithm');
  const identifier = hexOf(type);
  if (identifier === RSASSA_PSS) {
    const isStrong =
      type.end < algorithm.end &&
      readPss(readElement(algorithm.bytes, type.end, algorithm.end)) !== null;
    return { name: 'rsassaPss', isStrong };
  }
  const name = SIGNATURES[identifier];
  if (name !== undefined) return { name, isStrong: true };
  return { name: WEAK_SIGNATURES[identifier] || identifier, isStrong: false };
}

/**
 * Refuses a certificate that is too weak for OpenSSL. The signature of a self-signed certificate does not count: no client checks it.
 *
 * @param whose the name of the certificate in a refusal, such as "certificate 2"
 * @throws weak
 */
export function expectStrength(certificate: Certificate, whose: string): void {
  const { kind, bits } = certificate.publicKey;
  if ((kind === 'RSA' || kind === 'RSA-PSS') && bits < WEAKEST_RSA_BITS) {
    refuse('weak', `${whose} has an RSA key of ${bits} bits; ${WEAKEST_RSA_BITS} are needed`);
  }
  const { name, isStrong } = signatureOf(certificate);
  if (!isStrong && !(isSelfSigned(certificate) && isByKind(name, kind))) {
    refuse('weak', `${whose} is signed with ${name}, which clients refuse; have it issued again`);
  }
}

/** Whether keys of a kind make such signatures: else OpenSSL does not take a certificate for self-signed (EXFLAG_SS). */
function isByKind(signature: string, kind: KeyKind): boolean {
  if (/WithRSA/.test(signature)) return kind === 'RSA';
  if (signature === 'rsassaPss') return kind === 'RSA' || kind === 'RSA-PSS';
  return signature === 'ecdsa-with-SHA1' && kind === 'EC';
}

/**
 * Whether a certificate is its own issuer, by its names and its authority key identifier, as OpenSSL has it (X509_check_akid). The signature
 * is not checked.
 */
export function isSelfSigned(certificate: Certificate): boolean {
  return (
    comparableName(certificate.issuer) === comparableName(certificate.subject) &&
    hasKeyOf(certificate, certificate) &&
    namesSerialOf(certificate, certificate)
  );
}

/**
 * Whether the key identifiers of a certificate and of an issuer agree, or one is missing. They tell which key signed where an authority has
 * several under one name.
 */
export function hasKeyOf({ authorityKeyId }: Certificate, { subjectKeyId }: Certificate): boolean {
  return authorityKeyId === '' || subjectKeyId === '' || authorityKeyId === subjectKeyId;
}

/** Whether the serial number and the issuer in a certificate's authority key identifier are those of an issuer, or are left out. */
export function namesSerialOf(issued: Certificate, issuer: Certificate): boolean {
  const { authoritySerial, authorityIssuer } = issued;
  return (
    (authoritySerial === '' || authoritySerial === hexOf(issuer.serial)) &&
    (authorityIssuer === null || comparableName(authorityIssuer) === comparableName(issuer.issuer))
  );
}
