import { createPublicKey } from 'node:crypto';
import { children, hexOf, readWhole, write } from '../../../src/x509/der.js';
import { EC, type Made, RSA, authority, der, key, leaf, openssl, pem } from '../openssl.js';

/** The names of every leaf here: one for all cases, so that each case may have a name of its own. */
export const LEAF_NAMES = ['a.example', '*.a.example'];

/** What most cases are made of. */
export interface Ingredients {
  root: Made;
  intermediate: Made;
  /** A P-256 leaf of the intermediate. */
  usual: Made;
  /** Another one. */
  other: Made;
  /** A leaf for the usual key, its point compressed. */
  compressed: Made;
  /** RSA with 2048 bits. */
  rsa: Made;
  otherRsa: Made;
  /** The usual leaf and its intermediate. */
  chain: string;
}

export function makeIngredients(): Ingredients {
  const root = authority('/O=Example/CN=Root');
  const intermediate = authority('/O=Example/CN=E1', { issuer: root });
  const usual = leaf(LEAF_NAMES, { issuer: intermediate });
  const other = leaf(LEAF_NAMES, { issuer: intermediate });
  const publicKey = openssl(['ec', '-pubout', ...COMPRESSED], usual.key);
  const compressed = { ...leaf(LEAF_NAMES, { issuer: intermediate, publicKey }), key: usual.key };
  const [rsa, otherRsa] = [0, 0].map(() =>
    leaf(LEAF_NAMES, { issuer: intermediate, key: key(RSA + '2048') }),
  ) as [Made, Made];
  return {
    root,
    intermediate,
    usual,
    other,
    compressed,
    rsa,
    otherRsa,
    chain: usual.pem + intermediate.pem,
  };
}

/** Arguments of `openssl ec`. */
export const COMPRESSED = ['-conv_form', 'compressed'];

export const P384 = EC + 'P-384';
export const P521 = EC + 'P-521';
export const RSA_PSS = 'RSA-PSS -pkeyopt rsa_keygen_bits:2048';

/** The key in the form that was usual before PKCS#8. */
export const sec1 = (text: string): string => openssl(['ec'], text);
export const pkcs1 = (text: string): string => openssl(['rsa', '-traditional'], text);

/** An EC key without its point. */
export const pointless = {
  sec1: (text: string): string => openssl(['ec', '-no_public'], text),
  pkcs8: (text: string): string =>
    openssl(['pkcs8', '-topk8', '-nocrypt'], openssl(['ec', '-no_public'], text)),
};

/** A leaf for a key that could not sign a request of its own. */
export function certified(issuer: Made, privateKey: string): Made {
  const publicKey = openssl(['pkey', '-pubout'], privateKey);
  return { ...leaf(LEAF_NAMES, { issuer, publicKey }), key: privateKey };
}

/**
 * An Ed25519 or Ed448 key in the form of RFC 5958.
 *
 * @param whose the key whose public key is attached
 */
export function withPublicKey(text: string, whose = text): string {
  const info = hexOf(readWhole(der(text), 0x30, 'it'));
  const spki = readWhole(
    createPublicKey(whose).export({ type: 'spki', format: 'der' }),
    0x30,
    'it',
  );
  const value = write(0x81, hexOf(children(spki)[1]!));
  return pem('PRIVATE KEY', Buffer.from(write(0x30, '020101' + info.slice(6) + value), 'hex'));
}
