import { refuse } from '../engine/refusal';
import { subtle } from '../engine/webcrypto';
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
import { isNist } from './ec_point';
import type { Pair } from './pair';
import { pkcs8Of } from './private_key';
import { RSA_ENCRYPTION } from './public_key';

/** The text that a key signs to prove itself. */
const PROBE = 'njs-cert-rotation';

/**
 * Proves that the key belongs to the leaf: signs with the key, and verifies the signature with the leaf. This also finds a key
 * whose public part is right and whose private part is not. It takes as long as two signatures, too long for a handshake.
 *
 * njs's WebCrypto has RSA and NIST's curves, Ed25519 from njs 0.9.7 on, and neither Ed448, ML-DSA nor the curves of RFC 5639.
 *
 * @returns false where this engine cannot use keys of the kind
 * @throws (rejects with) key-mismatch, malformed
 */
export async function proveKey(pair: Pair): Promise<boolean> {
  const { kind, curve } = pair.privateKey;
  if (curve !== null && !isNist(curve)) return false;
  const algorithm =
    curve !== null
      ? { name: 'ECDSA', namedCurve: curve, hash: 'SHA-256' }
      : { name: kind.slice(0, 3) === 'RSA' ? 'RSASSA-PKCS1-v1_5' : kind, hash: 'SHA-256' };
  const publicKey = await importOrNull('spki', publicKeyInfo(pair.leaf), algorithm, 'verify');
  if (publicKey === null) {
    if (pair.keyProven) refuse('malformed', "the certificate's public key cannot be used");
    return false;
  }
  const privateKey = await importOrNull('pkcs8', pkcs8Of(pair.privateKey), algorithm, 'sign');
  if (privateKey === null) return refuse('malformed', 'the private key cannot be used');
  const probe = Buffer.from(PROBE);
  let isProven = false;
  try {
    const signature = await subtle().sign(algorithm, privateKey, probe);
    isProven = await subtle().verify(algorithm, publicKey, signature, probe);
  } catch {
    // The private key cannot sign, and so proves nothing.
  }
  if (isProven) return true;
  await clearOpenSslErrors(algorithm);
  return refuse('key-mismatch', "the private key is not the certificate's");
}

/**
 * Clears OpenSSL's error queue, by an import of an unreadable key: njs clears the queue when it makes the exception for that. When
 * a signature does not verify, njs leaves the error in the queue, and the worker's next handshake would log it as an alert.
 */
async function clearOpenSslErrors(algorithm: object): Promise<void> {
  await importOrNull('spki', Buffer.from('none'), algorithm, 'verify');
}

async function importOrNull(
  format: 'pkcs8' | 'spki',
  key: Buffer,
  algorithm: object,
  usage: string,
): Promise<object | null> {
  try {
    return await subtle().importKey(format, key, algorithm, false, [usage]);
  } catch {
    return null;
  }
}

/** The leaf's SubjectPublicKeyInfo. That of an RSA-PSS key becomes one of an RSA key, because WebCrypto reads no other. */
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
