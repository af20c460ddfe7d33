import { refuse } from '../engine/refusal';
import type { Certificate } from './certificate';
import {
  BIT_STRING,
  NULL,
  OBJECT_IDENTIFIER,
  SEQUENCE,
  hexOfWhole,
  readTagged,
  write,
} from './der';
import type { Pair } from './pair';
import { pkcs8Of } from './private_key';
import { RSA_ENCRYPTION } from './public_key';

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

/** What is used here of WebCrypto: njs's typings lack Ed25519. */
export interface Subtle {
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
