import { type Certificate, isCertificateLabel, readCertificate } from './certificate';
import {
  BIT_STRING,
  NULL,
  OBJECT_IDENTIFIER,
  SEQUENCE,
  hexOfWhole,
  readTagged,
  write,
} from './der';
import { type Block, encode, readBlocks } from './pem';
import { type PrivateKey, isKeyLabel, pkcs8Of, readPrivateKey, servedForm } from './private_key';
import { RSA_ENCRYPTION, expectPoint, isSameKey } from './public_key';
import type { Pem } from './record';
import { refuse } from './refusal';
import { expectStrength } from './signature';

/** A chain and its key, checked, and nothing in them that was not read. */
export interface Pair {
  /** PEM: `CERTIFICATE` blocks in LF lines, the leaf first, the others as they came. */
  chain: string;
  /** PEM: one block, `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC1) as it came. */
  key: string;
  leaf: Certificate;
  privateKey: PrivateKey;
  /**
   * Whether the key carries its public part and that is the leaf's, which is all that OpenSSL compares. False where it
   * carries none (Ed25519 and Ed448 as OpenSSL writes them, EC with the point left out): then the kind of key, the
   * curve and the private key's length fit, and only `proveKey` tells whether it belongs.
   */
  keyProven: boolean;
}

/** Whether it is a pair for the RSA slot. One of RSA-PSS is not: only new clients can do anything with it. */
export function isRsa(pair: Pair): boolean {
  return pair.privateKey.kind === 'RSA';
}

// OpenSSL takes more, but each is sent in every handshake, and no public chain has over four.
const LONGEST_CHAIN = 10;
// In base64 with its line ends. Clients with OpenSSL take 100 KiB of certificates (SSL_MAX_CERT_LIST_DEFAULT).
const LARGEST_CHAIN = 140000;

/**
 * Reads a chain and its key, and checks that nginx can serve them, in this order:
 *
 * 1. PEM, keys: one unencrypted key of a usable type; a key that is there twice counts once.
 * 2. Every certificate, in full.
 * 3. The key is the first certificate's.
 * 4. None is too weak for OpenSSL at its default security level.
 * 5. Each certificate's issuer is the next one's subject. The root may be there, or not.
 *
 * Time is not looked at, nor any name, nor the signatures in the chain. Takes no longer than is linear in the input.
 *
 * @param pem the chain, the leaf first, and the key, before, in or after it where `keyPem` is not given
 * @param keyPem the key's own file. Keys in `pem` and certificates in `keyPem` are skipped then, as nginx does
 * @throws malformed, encrypted-key, unsupported-key, key-mismatch, weak, bad-chain
 */
export function readPair(pem: string, keyPem?: string): Pair {
  const blocks = readBlocks(pem);
  const certificateBlocks = blocks.filter((block) => isCertificateLabel(block.label));
  if (certificateBlocks.length === 0)
    refuse('malformed', 'no certificate: is it PEM, and complete?');
  const privateKey = readPrivateKey(onlyKey(keyPem === undefined ? blocks : readBlocks(keyPem)));
  const size = certificateBlocks.reduce((sum, block) => sum + block.body.length, 0);
  if (certificateBlocks.length > LONGEST_CHAIN || size > LARGEST_CHAIN) {
    refuse('bad-chain', `a chain of over ${LONGEST_CHAIN} certificates, or over 100 KiB`);
  }
  const chain = certificateBlocks.map((block, i) =>
    i === 0 ? readCertificate(block, 'certificate 1') : readIssuer(block, i),
  );
  const leaf = chain[0] as Certificate;

  expectKeyOf(chain, privateKey);
  const keyProven = privateKey.value !== '';
  if (!keyProven) expectPoint(leaf.publicKey, 'certificate 1');
  chain.forEach(expectStrength);
  for (let i = 1; i < chain.length; i++) {
    expectIssuer(chain[i - 1] as Certificate, chain[i] as Certificate, i);
  }
  return {
    chain: chain.map((certificate) => encode('CERTIFICATE', certificate.der)).join(''),
    key: encode(privateKey.label, privateKey.der),
    leaf,
    privateKey,
    keyProven,
  };
}

interface Issuer {
  block: Block;
  certificate: Certificate;
}

/** As many as a few authorities have. */
const MOST_ISSUERS = 8;

// A scan reads hundreds of chains in one call, and most end in the same certificates, which take half of its time and memory.
let issuers: Issuer[] = [];

function readIssuer(block: Block, position: number): Certificate {
  const known = issuers.filter(
    (issuer) => issuer.block.body === block.body && issuer.block.label === block.label,
  )[0];
  if (known) return known.certificate;
  const certificate = readCertificate(block, `certificate ${position + 1}`);
  issuers = [{ block, certificate }].concat(issuers).slice(0, MOST_ISSUERS);
  return certificate;
}

/** What nginx gets of a pair. */
export function servedPem(pair: Pair): Pem {
  return { chain: pair.chain, key: servedForm(pair.privateKey) };
}

function onlyKey(blocks: Block[]): Block {
  const keys = blocks.filter((block) => isKeyLabel(block.label));
  const first = keys[0];
  if (first === undefined) return refuse('malformed', 'no private key: is it PEM, and complete?');
  for (let i = 1; i < keys.length; i++) {
    const other = keys[i] as Block;
    if (other.label !== first.label || other.body.trim() !== first.body.trim()) {
      refuse('malformed', 'two different private keys');
    }
  }
  return first;
}

/** Checks that the key is the first certificate's, as far as its public part tells. */
function expectKeyOf(chain: Certificate[], key: PrivateKey): void {
  const fits = (certificate: Certificate): boolean => {
    const { publicKey } = certificate;
    return key.value === ''
      ? publicKey.kind === key.kind && publicKey.curve === key.curve
      : isSameKey(publicKey, key);
  };
  if (fits(chain[0] as Certificate)) return;
  for (let i = 1; i < chain.length; i++) {
    if (key.value !== '' && fits(chain[i] as Certificate)) {
      refuse('bad-chain', `the key belongs to certificate ${i + 1}, which must come first`);
    }
  }
  refuse('key-mismatch', "the private key is not the first certificate's");
}

/** Checks that `issuer`, at `position`, can have issued the certificate before it, and that its own key can be used. */
function expectIssuer(issued: Certificate, issuer: Certificate, position: number): void {
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

/** What is used here of WebCrypto: njs's typings lack Ed25519. */
interface Subtle {
  importKey(
    format: 'pkcs8' | 'spki',
    key: Buffer,
    algorithm: object,
    extractable: boolean,
    usages: string[],
  ): Promise<object>;
  sign(algorithm: object, key: object, data: Buffer): Promise<ArrayBuffer>;
  verify(algorithm: object, key: object, signature: ArrayBuffer, data: Buffer): Promise<boolean>;
}

const PROBE = 'njs-cert-rotation';

/**
 * Proves that the key is the leaf's: signs with the one and verifies with the other. This also finds a key whose public
 * part is right and whose private part is not. Asynchronous, and as slow as two signatures: not for handshakes.
 *
 * WebCrypto does Ed25519 from njs 0.9.7 on, and Ed448 not in njs at all. Where `keyProven` is set, a kind of key that
 * the engine does not know is let pass.
 *
 * @throws (rejects with) key-mismatch, malformed, unsupported-key: this engine can not tell
 */
export async function proveKey(pair: Pair): Promise<void> {
  const { kind, curve } = pair.privateKey;
  const algorithm =
    curve !== null
      ? { name: 'ECDSA', namedCurve: curve, hash: 'SHA-256' }
      : { name: kind.slice(0, 3) === 'RSA' ? 'RSASSA-PKCS1-v1_5' : kind, hash: 'SHA-256' };
  const publicKey = await importOrNull('spki', publicKeyInfo(pair.leaf), algorithm, 'verify');
  if (publicKey === null) {
    const isOptional = kind === 'Ed25519' || kind === 'Ed448';
    if (!isOptional) refuse('malformed', "the certificate's public key cannot be used");
    if (pair.keyProven) return;
    refuse(
      'unsupported-key',
      `this njs cannot tell whether an ${kind} key belongs to a certificate; use ECDSA or RSA`,
    );
  }
  const privateKey = await importOrNull('pkcs8', pkcs8Of(pair.privateKey), algorithm, 'sign');
  if (privateKey === null) return refuse('malformed', 'the private key cannot be used');
  const subtle = crypto.subtle as unknown as Subtle;
  const probe = Buffer.from(PROBE);
  let isProven = false;
  try {
    const signature = await subtle.sign(algorithm, privateKey, probe);
    isProven = await subtle.verify(algorithm, publicKey, signature, probe);
  } catch {
    // A private key that makes no signature at all.
  }
  if (isProven) return;
  await forgetErrors(algorithm);
  refuse('key-mismatch', "the private key is not the first certificate's");
}

/**
 * Empties OpenSSL's list of errors. njs leaves there why a signature does not verify, and the worker's next handshake
 * would log that as an alert. A key that cannot be read empties it when njs makes its exception.
 */
async function forgetErrors(algorithm: object): Promise<void> {
  await importOrNull('spki', Buffer.from('none'), algorithm, 'verify');
}

async function importOrNull(
  format: 'pkcs8' | 'spki',
  key: Buffer,
  algorithm: object,
  usage: string,
): Promise<object | null> {
  try {
    const subtle = crypto.subtle as unknown as Subtle;
    return await subtle.importKey(format, key, algorithm, false, [usage]);
  } catch {
    return null;
  }
}

/** The leaf's SubjectPublicKeyInfo; of an RSA-PSS key as one of RSA, the only one WebCrypto can read. */
function publicKeyInfo(leaf: Certificate): Buffer {
  const info = leaf.publicKeyInfo;
  if (leaf.publicKey.kind !== 'RSA-PSS') return Buffer.from(hexOfWhole(info), 'hex');
  const key = readTagged(
    info,
    readTagged(info, info.start, SEQUENCE, 'a key algorithm').end,
    BIT_STRING,
    'a public key',
  );
  const algorithm = write(OBJECT_IDENTIFIER, RSA_ENCRYPTION) + write(NULL, '');
  return Buffer.from(write(SEQUENCE, write(SEQUENCE, algorithm) + hexOfWhole(key)), 'hex');
}
