/** The part of WebCrypto that the bundle needs: njs's typings lack Ed25519 and GCM. */
export interface Subtle {
  importKey(
    format: 'pkcs8' | 'raw' | 'spki',
    key: Buffer,
    algorithm: object,
    extractable: boolean,
    usages: string[],
  ): Promise<object>;
  sign(algorithm: object, key: object, data: Buffer): Promise<ArrayBuffer>;
  verify(algorithm: object, key: object, signature: ArrayBuffer, data: Buffer): Promise<boolean>;
  encrypt(algorithm: object, key: object, data: Buffer): Promise<ArrayBuffer>;
  decrypt(algorithm: object, key: object, data: Buffer): Promise<ArrayBuffer>;
}

/** The WebCrypto of the engine. */
export function subtle(): Subtle {
  return crypto.subtle as unknown as Subtle;
}
