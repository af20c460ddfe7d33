import { readBytes } from '../disk/fs';
import { refuse } from '../engine/refusal';
import { subtle } from '../engine/webcrypto';
import type { Etcd } from './client';

// Seals values, so that only a holder of the key can read or make them: AES-256-GCM (NIST SP 800-38D). The associated data is the
// value's etcd key without the prefix, so that a value opens under its own name and no other.
//
// The format is `sealed:1:`, followed by the base64 of a random nonce of 12 bytes, the encrypted text, and a tag of 16 bytes.

const PREFIX = 'sealed:1:';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

const GCM = 'AES-GCM';

/**
 * Seals a text for etcd, where `$cert_seal_key_file` is set; otherwise leaves it as it is.
 *
 * @param slot the key of the slot that the value is for
 * @throws (rejects with) store-unavailable: the seal key cannot be used
 */
export async function sealValue(
  { sealKeyFile }: Etcd,
  slot: string,
  text: string,
): Promise<string> {
  if (!sealKeyFile) return text;
  const nonce = Buffer.alloc(NONCE_BYTES);
  crypto.getRandomValues(nonce);
  const key = await importSealKey(sealKeyFile, 'encrypt', 'store-unavailable');
  const sealed = await subtle().encrypt(algorithm(nonce, slot), key, Buffer.from(text));
  return PREFIX + Buffer.concat([nonce, Buffer.from(sealed)]).toString('base64');
}

/**
 * Opens a value from etcd, where `$cert_seal_key_file` is set; otherwise returns it as it is.
 *
 * @param slot the key of the slot that the value is for
 * @throws (rejects with) bad-seal: the value is not sealed, or not with this key for this slot; the seal key cannot be used
 */
export async function openValue(
  { sealKeyFile }: Etcd,
  slot: string,
  value: string,
): Promise<string> {
  if (!sealKeyFile) return value;
  const key = await importSealKey(sealKeyFile, 'decrypt', 'bad-seal');
  if (!value.startsWith(PREFIX)) refuse('bad-seal', 'the value is not sealed');
  const bytes = Buffer.from(value.slice(PREFIX.length).trim(), 'base64');
  const nonce = bytes.slice(0, NONCE_BYTES);
  try {
    const text = await subtle().decrypt(algorithm(nonce, slot), key, bytes.slice(NONCE_BYTES));
    return Buffer.from(text).toString();
  } catch {
    return refuse('bad-seal', 'the value was sealed with another key, or for another name');
  }
}

function algorithm(nonce: Buffer, slot: string): object {
  return { name: GCM, iv: nonce, additionalData: Buffer.from(slot) };
}

async function importSealKey(
  path: string,
  usage: string,
  code: 'bad-seal' | 'store-unavailable',
): Promise<object> {
  let key: Buffer;
  try {
    key = readBytes(path);
  } catch (e) {
    return refuse(code, (e as Error).message);
  }
  if (key.length !== KEY_BYTES) refuse(code, `${path}: the seal key must have ${KEY_BYTES} bytes`);
  return subtle().importKey('raw', key, { name: GCM }, false, [usage]);
}
