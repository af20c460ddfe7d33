import { randomBytes, type webcrypto } from 'node:crypto';
import { createAuthority, makeKeys, type Authority, type Pair } from '../support/certificates.js';
import type { Identity } from './history.js';
import { identityOf, serialOf } from './serial_number.js';

/** Signing is cheaper than making a key, and two versions that follow each other have different ones all the same. */
const KEYS = 16;

/** Issues the certificates of a run and knows them again. */
export interface Issuer {
  issue: (identity: Identity, servername: string) => Promise<Pair>;
  /** @returns undefined where the serial number is none of this run's */
  identify: (serial: string) => Identity | undefined;
  authority: Authority;
}

export async function createIssuer(): Promise<Issuer> {
  const authority = await createAuthority();
  const run = randomBytes(4).toString('hex').toUpperCase();
  const keys: webcrypto.CryptoKeyPair[] = [];
  while (keys.length < KEYS) keys.push(await makeKeys());
  return {
    authority,
    issue: (identity, servername) =>
      authority.issue({
        names: [servername],
        serial: serialOf(run, identity),
        keys: keys[(identity.name + identity.version) % KEYS]!,
      }),
    identify: (serial) => identityOf(run, serial),
  };
}
