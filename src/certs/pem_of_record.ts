import { readFile } from '../disk/fs';
import { type Certificate, readLeaf } from '../x509/certificate';
import { holdsPair, isVersion, pathOf, pemOf } from '../zone/record';

// Reads the PEM of a record, which is in the record itself or in the file of its version.

const CERTIFICATE = '-----BEGIN CERTIFICATE-----';

/** The key and the chain of a record, in one PEM; '' where there are none, or they cannot be read. */
export function pemIn(record: string): string {
  if (!isVersion(record)) return holdsPair(record) ? pemOf(record) : '';
  try {
    return readFile(pathOf(record));
  } catch {
    return '';
  }
}

/** The chain alone of a record with a pair. */
export function chainIn(record: string): string {
  const pem = pemIn(record);
  return pem.slice(Math.max(pem.indexOf(CERTIFICATE), 0));
}

/**
 * The leaf of a record with a pair.
 *
 * @throws malformed where the file of its version is damaged, or gone by now
 */
export function leafOf(record: string): Certificate {
  return readLeaf(chainIn(record));
}

/** Whether a record's pair is one for the RSA slot. */
export function holdsRsa(record: string): boolean {
  return leafOf(record).publicKey.kind === 'RSA';
}

/** The name of a record's version; '' where the record has none. */
export function versionIn(record: string): string {
  const path = isVersion(record) ? pathOf(record) : '';
  return path.slice(path.lastIndexOf('/') + 1);
}
