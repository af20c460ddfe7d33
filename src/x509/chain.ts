import { refuse } from '../engine/refusal';
import { type Certificate, readCertificate } from './certificate';
import type { Block } from './pem';
import { expectPoint } from './public_key';

// OpenSSL takes more, but each is sent in every handshake, and no public chain has over four.
export const LONGEST_CHAIN = 10;

// In base64 with its line ends. Clients with OpenSSL take 100 KiB of certificates (SSL_MAX_CERT_LIST_DEFAULT).
export const LARGEST_CHAIN = 140000;

interface Issuer {
  block: Block;
  certificate: Certificate;
}

/** As many as a few authorities have. */
const MOST_ISSUERS = 8;

// A scan reads hundreds of chains in one call, and most end in the same certificates, which take half of its time and memory.
let issuers: Issuer[] = [];

export function readIssuer(block: Block, position: number): Certificate {
  const known = issuers.filter(
    (issuer) => issuer.block.body === block.body && issuer.block.label === block.label,
  )[0];
  if (known) return known.certificate;
  const certificate = readCertificate(block, `certificate ${position + 1}`);
  issuers = [{ block, certificate }].concat(issuers).slice(0, MOST_ISSUERS);
  return certificate;
}

/** Checks that `issuer`, at `position`, can have issued the certificate before it, and that its own key can be used. */
export function expectIssuer(issued: Certificate, issuer: Certificate, position: number): void {
  const whose = `certificate ${position + 1}`;
  if (issued.der.equals(issuer.der)) refuse('bad-chain', `${whose} is the one before it again`);
  if (issued.issuerHex !== issuer.subjectHex) {
    refuse('bad-chain', `${whose} is not the issuer of the one before it`);
  }
  // Of several keys under one name, the identifier tells which signed. Clients go by it too.
  const { authorityKeyId } = issued;
  const { subjectKeyId } = issuer;
  if (authorityKeyId !== '' && subjectKeyId !== '' && authorityKeyId !== subjectKeyId) {
    refuse('bad-chain', `${whose} has the issuer's name, but another key than signed`);
  }
  expectPoint(issuer.publicKey, whose);
}
