import { refuse } from '../engine/refusal';
import { type Certificate, isCertificateLabel, readCertificate } from './certificate';
import { LARGEST_CHAIN, LONGEST_CHAIN, expectIssuer, readIssuer } from './chain';
import { type Block, type Pem, encode, readBlocks } from './pem';
import { type PrivateKey, isKeyLabel, readPrivateKey, servedForm } from './private_key';
import { expectPoint, isSameKey } from './public_key';
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
// In base64 with its line ends. Clients with OpenSSL take 100 KiB of certificates (SSL_MAX_CERT_LIST_DEFAULT).

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

// A scan reads hundreds of chains in one call, and most end in the same certificates, which take half of its time and memory.

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
