import { readBytes } from '../disk/fs';
import { refuse } from '../engine/refusal';
import type { Etcd } from './client';

// Values that only who has the key can read or make: AES-256-GCM (NIST SP 800-38D) with what follows the prefix in the value's
// key as associated data, so that a value opens under its own name and no other.
//
//   sealed:1: base64 of a random nonce of 12 bytes, the text encrypted, and a tag of 16

const PREFIX = 'sealed:1:';
const KEY_BYTES = 32;
const NONCE_BYTES = 12;

const GCM = 'AES-GCM';

/** What is used here of WebCrypto: njs's typings lack GCM. */
interface Subtle {
  importKey(
    format: 'raw',
    key: Buffer,
    algorithm: { name: string },
    extractable: boolean,
    usages: string[],
  ): Promise<object>;
  encrypt(algorithm: object, key: object, data: Buffer): Promise<ArrayBuffer>;
  decrypt(algorithm: object, key: object, data: Buffer): Promise<ArrayBuffer>;
}

/**
 * A text as etcd is to have it: sealed where `$cert_seal_key_file` is set.
 *
 * @param slot whose value it is
 * @throws (rejects with) persist-failed: the key cannot be used
 */
export async function sealValue(
  { sealKeyFile }: Etcd,
  slot: string,
  text: string,
): Promise<string> {
  if (!sealKeyFile) return text;
  const nonce = Buffer.alloc(NONCE_BYTES);
  crypto.getRandomValues(nonce);
  const key = await keyOf(sealKeyFile, 'encrypt', 'persist-failed');
  const sealed = await subtle().encrypt(algorithm(nonce, slot), key, Buffer.from(text));
  return PREFIX + Buffer.concat([nonce, Buffer.from(sealed)]).toString('base64');
}

/**
 * The text of a value as etcd has it.
 *
 * @throws (rejects with) bad-seal: the value is not sealed, or not with this key for this slot; the key cannot be used
 */
export async function openValue(
  { sealKeyFile }: Etcd,
  slot: string,
  value: string,
): Promise<string> {
  if (!sealKeyFile) return value;
  const key = await keyOf(sealKeyFile, 'decrypt', 'bad-seal');
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

async function keyOf(
  path: string,
  usage: string,
  code: 'bad-seal' | 'persist-failed',
): Promise<object> {
  let key: Buffer;
  try {
    key = readBytes(path);
  } catch (e) {
    return refuse(code, (e as Error).message);
  }
  if (key.length !== KEY_BYTES) refuse(code, `${path}: not ${KEY_BYTES} bytes`);
  return subtle().importKey('raw', key, { name: GCM }, false, [usage]);
}

function subtle(): Subtle {
  return crypto.subtle as unknown as Subtle;
}
