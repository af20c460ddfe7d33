import { refuse } from '../engine/refusal';
import { type Certificate, isCertificateLabel, readCertificate } from './certificate';
import { LARGEST_CHAIN, LONGEST_CHAIN, expectIssuer, readIssuer } from './chain';
import { type Block, type Pem, encodeBlock, readBlocks } from './pem';
import {
  type PrivateKey,
  expectSound,
  isKeyLabel,
  provesItself,
  readPrivateKey,
  servedForm,
} from './private_key';
import { expectPoint, isSameKey } from './public_key';
import { expectStrength } from './signature';

// Reads a pair, which is a chain and its key, and refuses what nginx cannot serve.

/** A chain and its key, checked and written anew, so that both contain nothing that was not read. */
export interface Pair {
  /** PEM: `CERTIFICATE` blocks with LF line ends, the leaf first, then the others in their order. */
  chain: string;
  /** PEM: one block, `PRIVATE KEY` (PKCS#8), `RSA PRIVATE KEY` (PKCS#1) or `EC PRIVATE KEY` (SEC1) as in the input. */
  key: string;
  leaf: Certificate;
  privateKey: PrivateKey;
  /**
   * Whether the key is known to be the leaf's: see `provesItself`. Otherwise only its kind, its curve and its length fit, and `proveKey`
   * may tell more.
   */
  keyProven: boolean;
}

/** Whether a pair belongs in the RSA slot. An RSA-PSS pair does not, because older clients cannot use it. */
export function isRsa(pair: Pair): boolean {
  return pair.privateKey.kind === 'RSA';
}

/**
 * Reads a chain and its key, and checks that nginx can serve them, in this order:
 *
 * 1. The text is PEM with one unencrypted key of a usable type. A repeated key counts once.
 * 2. Every certificate is well formed.
 * 3. The key belongs to the first certificate, as far as its public part tells; the numbers of an RSA key are those of one key, and
 *    an EC point is on its curve.
 * 4. No certificate is too weak for OpenSSL at its default security level.
 * 5. Each certificate's issuer is the next one's subject. The chain may include the root.
 *
 * Validity, names and the signatures in the chain are not checked. The time is linear in the length of the input.
 *
 * @param pem the chain, the leaf first; also the key, anywhere in it, where `keyPem` is not given
 * @param keyPem the text of the key's own file. Keys in `pem` and certificates in `keyPem` are then skipped, as nginx does
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
  expectSound(privateKey);
  expectPoint(leaf.publicKey, 'certificate 1');
  chain.forEach(expectStrength);
  for (let i = 1; i < chain.length; i++) {
    expectIssuer(chain[i - 1] as Certificate, chain[i] as Certificate, i);
  }
  return {
    chain: chain.map((certificate) => encodeBlock('CERTIFICATE', certificate.der)).join(''),
    key: encodeBlock(privateKey.label, privateKey.der),
    leaf,
    privateKey,
    keyProven: provesItself(privateKey),
  };
}

/** The PEM of a pair that nginx gets: see `servedForm`. */
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

/** Checks that the key belongs to the first certificate, as far as its public part tells. */
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
