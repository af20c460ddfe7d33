import { isRefusal, refuse } from '../engine/refusal';
import {
  type Certificate,
  certificateIn,
  comparableSubject,
  isValidAt,
  readCertificate,
} from './certificate';
import { nameText } from './description';
import { comparableName } from './names';
import type { Block } from './pem';
import { expectPoint } from './public_key';
import { expectStrength, hasKeyOf, isSelfSigned, namesSerialOf } from './signature';

// Builds the chain above a leaf, from the certificates that stand beside it in any order.
//
// Every certificate to which a path of issuers leads from the leaf is in the chain, and no other. Where an authority has several
// certificates, as a cross-signed one has, a client may trust the root of any of them, so that all are sent: clients sort them out
// (RFC 8446, 4.4.2). The first path is sent as a whole before the others, because clients of TLS 1.2 and before may expect each certificate to be
// the issuer of the one before it (RFC 5246, 7.4.2). Between certificates of one authority those that are valid now come first, then the order of
// the file decides: it is what nginx would send.
//
// A root is left where it is. Clients need none, but a client that looks its trust anchor up in DNS needs the server to send it (RFC 7671, 5.2).

/** The most certificates of a chain. OpenSSL takes more, but each is sent in every handshake, and public chains have four at most. */
export const LONGEST_CHAIN = 10;

/** The most bytes of a chain. Clients with OpenSSL take 100 KiB of certificates (SSL_MAX_CERT_LIST_DEFAULT), with the length of each. */
export const LARGEST_CHAIN = 102_300;

/** A certificate beside the leaf. */
export interface Candidate {
  block: Block;
  /** The number of the certificate in its file, from 1. */
  number: number;
}

export interface Chain {
  /** The leaf, and the certificates above it. */
  certificates: Certificate[];
  /** The numbers of these, without that of the leaf. */
  numbers: number[];
  /** The numbers of those that the chain does not need, in ascending order. */
  leftOut: number[];
  /** Why certificates that are on the way from the leaf to a root cannot be used. */
  faults: string[];
  /** Whether the leaf signed itself, or its issuer is in the chain. */
  hasIssuer: boolean;
}

/** A candidate whose subject is known. The rest is read when it may be an issuer. */
interface Pooled extends Candidate {
  der: Buffer;
  subject: string;
  /** Null where it cannot be used; undefined where it was not read yet. */
  certificate?: Certificate | null;
}

/** Why candidates cannot be used, by their numbers. */
type Faults = Record<number, Error | undefined>;

function faultsIn(faults: Faults): Error[] {
  return Object.keys(faults).map((number) => faults[+number] as Error);
}

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
 * Reads a certificate above the leaf, and checks that nginx can load it and clients can use it, unless it is remembered.
 *
 * @throws malformed, unsupported-key, weak
 */
function readIssuer({ block, number }: Candidate): Certificate {
  const known = issuers.filter(
    (issuer) => issuer.block.body === block.body && issuer.block.label === block.label,
  )[0];
  if (known) return known.certificate;
  const whose = `certificate ${number}`;
  const certificate = readCertificate(block, whose);
  expectStrength(certificate, whose);
  expectPoint(certificate.publicKey, whose);
  issuers = [{ block, certificate }].concat(issuers).slice(0, MOST_ISSUERS);
  return certificate;
}

/**
 * Builds the chain above a leaf. Signatures are not checked.
 *
 * @param candidates the other certificates, in the order of their file. The work grows with the square of their number
 * @param now the time by which valid ones come first, in seconds since 1970; undefined where the order of the file decides alone
 * @throws bad-chain where none of the candidates is the leaf's issuer; the reason where its only issuer cannot be used
 */
export function buildChain(leaf: Certificate, candidates: Candidate[], now?: number): Chain {
  const { pool, faults } = poolOf(leaf, candidates);
  const unusable: Faults = {};
  const certificates = [leaf];
  const numbers: number[] = [];
  let size = leaf.der.length;

  /** @param depth the number of certificates from the leaf to `issued` */
  function addIssuers(issued: Certificate, depth: number): void {
    inOrder(issued, issuersOf(issued, pool, unusable), now).forEach(({ number, certificate }) => {
      if (numbers.indexOf(number) >= 0) return;
      const isFull =
        certificates.length === LONGEST_CHAIN || size + certificate.der.length > LARGEST_CHAIN;
      // The first path is needed as a whole; of the others a part may help.
      if (isFull && depth === certificates.length) refuseLong();
      if (isFull) return;
      certificates.push(certificate);
      numbers.push(number);
      size += certificate.der.length;
      addIssuers(certificate, depth + 1);
    });
  }

  if (size > LARGEST_CHAIN) refuseLong();
  addIssuers(leaf, 1);
  const hasIssuer = numbers.length > 0 || isSelfSigned(leaf);
  if (!hasIssuer) expectAlone(leaf, pool, faultsIn(unusable).concat(faults));
  return {
    certificates,
    numbers,
    leftOut: candidates
      .map(({ number }) => number)
      .filter((number) => numbers.indexOf(number) < 0 && !unusable[number]),
    faults: faultsIn(unusable).map(({ message }) => message),
    hasIssuer,
  };
}

/** The candidates without repetitions, and the reasons why others cannot be read. */
function poolOf(leaf: Certificate, candidates: Candidate[]): { pool: Pooled[]; faults: Error[] } {
  const seen: Record<string, true | undefined> = { [leaf.der.toString('base64')]: true };
  const pool: Pooled[] = [];
  const faults: Error[] = [];
  candidates.forEach(({ block, number }) => {
    try {
      const der = certificateIn(block);
      const text = der.toString('base64');
      if (seen[text]) return;
      seen[text] = true;
      pool.push({ block, number, der, subject: comparableSubject(der) });
    } catch (e) {
      if (!isRefusal(e)) throw e;
      faults.push(e);
    }
  });
  return { pool, faults };
}

/**
 * The issuers of a certificate, by name and key identifier. A self-signed certificate needs none.
 *
 * @param unusable gets the reasons why candidates of that name cannot be used
 */
function issuersOf(issued: Certificate, pool: Pooled[], unusable: Faults): Found[] {
  if (isSelfSigned(issued)) return [];
  const name = comparableName(issued.issuer);
  const found: Found[] = [];
  pool.forEach((one) => {
    if (one.subject !== name || one.certificate === null) return;
    try {
      one.certificate = one.certificate || readIssuer(one);
    } catch (e) {
      if (!isRefusal(e)) throw e;
      one.certificate = null;
      unusable[one.number] = e;
      return;
    }
    if (hasKeyOf(issued, one.certificate)) {
      found.push({ number: one.number, certificate: one.certificate });
    }
  });
  return found;
}

interface Found {
  number: number;
  certificate: Certificate;
}

/** Issuers in the order in which they are sent. */
function inOrder(issued: Certificate, found: Found[], now: number | undefined): Found[] {
  const rankOf = ({ certificate }: Found): number => {
    const isUntimely = now !== undefined && !isValidAt(certificate, now);
    // OpenSSL takes no issuer with another serial number than the one that is named; other clients do.
    return (isUntimely ? 2 : 0) + (namesSerialOf(issued, certificate) ? 0 : 1);
  };
  return [0, 1, 2, 3].reduce<Found[]>(
    (all, rank) => all.concat(found.filter((one) => rankOf(one) === rank)),
    [],
  );
}

/**
 * Checks that nothing stands beside a leaf without an issuer: other certificates show that somebody meant to send the issuer.
 *
 * @throws bad-chain; the first of the faults where there are any
 */
function expectAlone(leaf: Certificate, pool: Pooled[], faults: Error[]): void {
  const fault = faults[0];
  if (fault) throw fault;
  if (pool.length === 0) return;
  const name = comparableName(leaf.issuer);
  const namesake = pool.filter(({ subject }) => subject === name)[0];
  if (namesake) {
    refuse(
      'bad-chain',
      `certificate ${namesake.number} has the issuer's name, but not the key that signed`,
    );
  }
  refuse('bad-chain', `none of the other certificates is the issuer, ${nameText(leaf.issuer)}`);
}

function refuseLong(): never {
  return refuse('bad-chain', `a chain of over ${LONGEST_CHAIN} certificates, or over 100 KiB`);
}
