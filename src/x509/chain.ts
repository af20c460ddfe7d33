import { refuse } from '../engine/refusal';
import { type Certificate, readCertificate } from './certificate';
import type { Block } from './pem';
import { expectPoint } from './public_key';

// The certificates above the leaf: their limits, and whether each has issued the one before it.

/** The most certificates of a chain. OpenSSL takes more, but each is sent in every handshake, and public chains have four at most. */
export const LONGEST_CHAIN = 10;

/**
 * The most characters of a chain's base64, with its line ends. Clients with OpenSSL take 100 KiB of certificates
 * (SSL_MAX_CERT_LIST_DEFAULT).
 */
export const LARGEST_CHAIN = 140000;

interface Issuer {
  block: Block;
  certificate: Certificate;
}

/** The number of issuers that are remembered: enough for the intermediates of a few authorities. */
const MOST_ISSUERS = 8;

/**
 * The issuers that were read last. A scan reads hundreds of chains in one call, and most end in the same certificates, which would
 * take half of its time and memory.
 */
let issuers: Issuer[] = [];

/**
 * Reads a certificate above the leaf, unless it is remembered.
 *
 * @param position in the chain; 1 for the leaf's issuer
 * @throws malformed, unsupported-key, weak (an EC key on a short curve)
 */
export function readIssuer(block: Block, position: number): Certificate {
  const known = issuers.filter(
    (issuer) => issuer.block.body === block.body && issuer.block.label === block.label,
  )[0];
  if (known) return known.certificate;
  const certificate = readCertificate(block, `certificate ${position + 1}`);
  issuers = [{ block, certificate }].concat(issuers).slice(0, MOST_ISSUERS);
  return certificate;
}

/**
 * Checks that a certificate can have issued the one before it in the chain, by names and key identifiers, and that its own key is
 * usable. The signature is not checked.
 *
 * @param position of the issuer in the chain; 1 for the leaf's issuer
 * @throws bad-chain, malformed, unsupported-key
 */
export function expectIssuer(issued: Certificate, issuer: Certificate, position: number): void {
  const whose = `certificate ${position + 1}`;
  if (issued.der.equals(issuer.der)) refuse('bad-chain', `${whose} is the one before it again`);
  if (issued.issuerHex !== issuer.subjectHex) {
    refuse('bad-chain', `${whose} is not the issuer of the one before it`);
  }
  // The identifier tells which key signed where an authority has several under one name. Clients use it too.
  const { authorityKeyId } = issued;
  const { subjectKeyId } = issuer;
  if (authorityKeyId !== '' && subjectKeyId !== '' && authorityKeyId !== subjectKeyId) {
    refuse('bad-chain', `${whose} has the issuer's name, but not the key that signed`);
  }
  expectPoint(issuer.publicKey, whose);
}
