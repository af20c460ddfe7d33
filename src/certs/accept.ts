import { isFileKey, isRsaKey, nameOf } from '../config/slot';
import { refuse } from '../engine/refusal';
import { covers, isExpired } from '../x509/certificate';
import { type Pair, isRsa } from '../x509/pair';
import { serverNamesOf } from '../x509/server_name';
import type { Context } from './context';

/** Where a pair comes from: files say nothing about what they replace, so that an old one must not replace a good one. */
export type Origin =
  | {
      from: 'files';
      /** When the pair that is held expires, in seconds since 1970; 0 where none is held. */
      heldUntil: number;
    }
  /** A request, or etcd. */
  | { from: 'sender' };

/**
 * Checks that a pair may be in a slot, whatever brings it: files, a scan, a put or etcd. `readPair` has checked the pair
 * itself.
 *
 * @param slot its key
 * @throws unsupported-key, name-not-covered, expired
 */
export function expectAcceptable(context: Context, slot: string, pair: Pair, origin: Origin): void {
  // With a store nginx is given a path, and its log shows nothing of a key that OpenSSL refuses.
  if (origin.from === 'files' && !pair.keyProven && !context.store) {
    refuse(
      'unsupported-key',
      'the key file has no public part that tells whose key it is: set $cert_store, or for an EC key write one with "openssl ec"',
    );
  }
  // In a TLS context one pair of a kind takes the place of another: it would be served instead of the first slot's.
  if (isRsaKey(slot) && !isRsa(pair)) {
    refuse(
      'unsupported-key',
      `the RSA slot, $cert_file_rsa, is for RSA keys, and this one is ${pair.privateKey.kind}`,
    );
  }
  expectNames(context, slot, pair);
  expectValid(pair, origin);
}

function expectNames({ fallback }: Context, slot: string, pair: Pair): void {
  if (isFileKey(slot)) {
    if (serverNamesOf(pair.leaf).length === 0) {
      refuse('name-not-covered', 'the certificate is for no DNS name');
    }
    return;
  }
  const name = nameOf(slot);
  if (name !== fallback && !covers(pair.leaf, name)) {
    refuse('name-not-covered', `the certificate is not for ${name}`);
  }
}

function expectValid({ leaf }: Pair, origin: Origin): void {
  const now = Date.now() / 1000;
  if (!isExpired(leaf, now)) return;
  if (origin.from === 'sender') {
    const since = new Date(leaf.notAfter * 1000).toISOString();
    refuse('expired', `the certificate has expired at ${since}`);
  }
  if (origin.heldUntil >= now) {
    refuse('expired', 'the certificate has expired, and the one that is held has not');
  }
}
