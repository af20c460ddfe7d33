import { isRefusal, refuse } from '../engine/refusal';
import { type Certificate, isCertificateLabel, isValidAt, readCertificate } from './certificate';
import { type Candidate, buildChain } from './chain';
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
import { warningsOf } from './warnings';

// Reads a pair, which is a chain and its key, repairs what can be repaired, and refuses what nginx or clients cannot use.

/** A chain and its key, checked and written anew, so that both contain nothing that was not read. */
export interface Pair {
  /** PEM: `CERTIFICATE` blocks with LF line ends, the leaf first, then the others as in chain.ts. */
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
  /** What was repaired, and what clients may refuse: sentences for an operator. */
  warnings: string[];
}

/** The most certificates of an input. No chain has a tenth of them, and the work grows with their number. */
const MOST_CERTIFICATES = 100;

/** The most different private keys of an input. */
const MOST_KEYS = 20;

/** Whether a pair belongs in the RSA slot. An RSA-PSS pair does not, because older clients cannot use it. */
export function isRsa(pair: Pair): boolean {
  return pair.privateKey.kind === 'RSA';
}

/**
 * Reads a chain and its key, and checks that nginx can serve them, in this order:
 *
 * 1. The text is PEM with an unencrypted key of a usable type. Blocks of other kinds are skipped.
 * 2. The leaf is the first certificate that belongs to one of the keys, as far as their public parts tell, and is valid now; the first, where none
 *    is valid. nginx takes the first certificate and the first key.
 * 3. The numbers of an RSA key are those of one key, and an EC point is on its curve.
 * 4. The chain is built from the leaf upwards, whatever the order of the other certificates; what is not part of it is left out: see
 *    `buildChain`.
 * 5. No certificate of the chain is malformed, or too weak for OpenSSL at its default security level.
 *
 * Validity, names and the signatures in the chain are not checked.
 *
 * @param pem the certificates in any order; also the keys, anywhere among them, where `keyPem` is not given
 * @param keyPem the text of the key's own file. Keys in `pem` and certificates in `keyPem` are then skipped, as nginx does
 * @param now the time by which a certificate is valid, in seconds since 1970; undefined where the order decides alone
 * @throws malformed, encrypted-key, unsupported-key, key-mismatch, weak, bad-chain
 */
export function readPair(pem: string, keyPem?: string, now?: number): Pair {
  const blocks = readBlocks(pem);
  const candidates = blocks
    .filter((block) => isCertificateLabel(block.label))
    .map<Candidate>((block, i) => ({ block, number: i + 1 }));
  if (candidates.length === 0) refuse('malformed', 'no certificate: is it PEM, and complete?');
  if (candidates.length > MOST_CERTIFICATES) {
    refuse('bad-chain', `over ${MOST_CERTIFICATES} certificates; send the leaf and its issuers`);
  }
  const keys = readKeys(keyPem === undefined ? blocks : readBlocks(keyPem));
  const { leaf, number, key } = findLeaf(candidates, keys, now);
  expectSound(key);
  expectPoint(leaf.publicKey, `certificate ${number}`);
  expectStrength(leaf, `certificate ${number}`);
  const chain = buildChain(
    leaf,
    candidates.filter((candidate) => candidate.number !== number),
    now,
  );
  return {
    chain: chain.certificates.map(({ der }) => encodeBlock('CERTIFICATE', der)).join(''),
    key: encodeBlock(key.label, key.der),
    leaf,
    privateKey: key,
    keyProven: provesItself(key),
    warnings: warningsOf(chain, number, keys.count),
  };
}

/** The PEM of a pair that nginx gets: see `servedForm`. */
export function servedPem(pair: Pair): Pem {
  return { chain: pair.chain, key: servedForm(pair.privateKey) };
}

interface Keys {
  usable: PrivateKey[];
  /** The number of different keys, usable or not. */
  count: number;
  /** The reason why the first of the others cannot be used. */
  fault: Error | undefined;
}

/**
 * Reads the private keys, without repetitions.
 *
 * @throws malformed, encrypted-key, unsupported-key, weak: the reason of the first, where none can be used
 */
function readKeys(blocks: Block[]): Keys {
  const seen: Record<string, true | undefined> = {};
  const distinct = blocks.filter(({ label, body }) => {
    const text = `${label}\n${body.trim()}`;
    const isNew = isKeyLabel(label) && !seen[text];
    seen[text] = true;
    return isNew;
  });
  if (distinct.length === 0) refuse('malformed', 'no private key: is it PEM, and complete?');
  if (distinct.length > MOST_KEYS) refuse('malformed', `over ${MOST_KEYS} private keys`);
  const usable: PrivateKey[] = [];
  const faults: Error[] = [];
  distinct.forEach((block) => {
    try {
      usable.push(readPrivateKey(block));
    } catch (e) {
      if (!isRefusal(e)) throw e;
      faults.push(e);
    }
  });
  if (usable.length === 0) throw faults[0] as Error;
  return { usable, count: distinct.length, fault: faults[0] };
}

interface Leaf {
  leaf: Certificate;
  /** The number of the certificate in its file, from 1. */
  number: number;
  key: PrivateKey;
}

/**
 * Finds the certificate that belongs to one of the keys: the first that is valid now, or the first.
 *
 * @throws key-mismatch; the reason why the first certificate, or a key, cannot be read, where none belongs to another one
 */
function findLeaf(candidates: Candidate[], { usable, fault }: Keys, now?: number): Leaf {
  let first: Leaf | undefined;
  let reason = fault;
  for (let i = 0; i < candidates.length; i++) {
    const { block, number } = candidates[i] as Candidate;
    let leaf: Certificate;
    try {
      leaf = readCertificate(block, `certificate ${number}`);
    } catch (e) {
      if (!isRefusal(e)) throw e;
      if (i === 0) reason = e;
      continue;
    }
    const key = usable.filter((one) => fits(one, leaf))[0];
    if (!key) continue;
    // A key that does not prove itself may fit every certificate of its kind, and an issuer may have one of that kind.
    const isSure = provesItself(key) || !leaf.isAuthority;
    const found = { leaf, number, key };
    if (isSure && (now === undefined || isValidAt(leaf, now))) return found;
    first = first || found;
  }
  if (first) return first;
  if (reason) throw reason;
  return refuse('key-mismatch', 'the private key belongs to none of the certificates');
}

/** Whether a key belongs to a certificate, as far as its public part tells. */
function fits(key: PrivateKey, { publicKey }: Certificate): boolean {
  return key.value === ''
    ? publicKey.kind === key.kind && publicKey.curve === key.curve
    : isSameKey(publicKey, key);
}
