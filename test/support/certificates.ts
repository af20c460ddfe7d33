import { createPrivateKey, KeyObject, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import './reflect.js';
import * as x509 from '@peculiar/x509';

/** Below the enterprise number for documentation (RFC 5612). */
const UNKNOWN_EXTENSION = '1.3.6.1.4.1.32473.1';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

const EC = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const RSA = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};

export interface IssueOptions {
  /** DNS names of the leaf, wildcards included; the first is the common name too. */
  names: string[];
  /** Default: an hour ago, so that a clock that is a little off does not matter. */
  notBefore?: Date;
  /** Default: 90 days after `notBefore`. */
  notAfter?: Date;
  /** `ec` is P-256 and the default; `rsa` has 2048 bits and takes some 100 ms to make. */
  keyType?: 'ec' | 'rsa';
  /** The key pair to certify, of `makeKeys`; default: a new one. */
  keys?: webcrypto.CryptoKeyPair;
  /** The leaf's serial number in hexadecimal; default: a random one. */
  serial?: string;
  /** How many bytes the leaf has in an extension that nobody knows: public authorities' leaves are longer. */
  padding?: number;
}

export interface Pair {
  /** The leaf alone. */
  certPem: string;
  /** The leaf and the intermediate that signed it: what a server sends. */
  chainPem: string;
  /** The key, PKCS #8. */
  keyPem: string;
  /** Chain and key in one file. */
  pairPem: string;
  /** The leaf's serial number as Node's X509Certificate prints it: upper-case hexadecimal. */
  serial: string;
}

export interface Authority {
  /** What a client trusts. */
  rootPem: string;
  issue: (options: IssueOptions) => Promise<Pair>;
  /** The intermediate's P-256 key, for who signs more leaves than `issue` has time for. */
  signingKey: KeyObject;
}

/** Makes a throw-away certificate authority: a root, and an intermediate that signs the leaves. */
export async function createAuthority(): Promise<Authority> {
  const rootKeys = await generateKeys(EC);
  const root = await certify({
    subject: 'Test root',
    publicKey: rootKeys.publicKey,
    issuer: 'Test root',
    signingKey: rootKeys.privateKey,
    isAuthority: true,
  });
  const intermediateKeys = await generateKeys(EC);
  const intermediate = await certify({
    subject: 'Test intermediate',
    publicKey: intermediateKeys.publicKey,
    issuer: 'Test root',
    signingKey: rootKeys.privateKey,
    isAuthority: true,
  });

  async function issue(options: IssueOptions): Promise<Pair> {
    const keys = options.keys ?? (await generateKeys(options.keyType === 'rsa' ? RSA : EC));
    const certPem = await certify({
      subject: options.names[0] ?? '',
      names: options.names,
      publicKey: keys.publicKey,
      issuer: 'Test intermediate',
      signingKey: intermediateKeys.privateKey,
      isAuthority: false,
      notBefore: options.notBefore,
      notAfter: options.notAfter,
      serial: options.serial,
      padding: options.padding,
    });
    const chainPem = certPem + intermediate;
    const keyPem = await exportKey(keys.privateKey);
    const { serialNumber: serial } = new X509Certificate(certPem);
    return { certPem, chainPem, keyPem, pairPem: chainPem + keyPem, serial };
  }

  return { rootPem: root, issue, signingKey: KeyObject.from(intermediateKeys.privateKey) };
}

/**
 * Writes a pair as NAME.cert.pem (the chain) and NAME.key.pem, each replaced at once by a rename.
 *
 * @param directory where to
 * @param name the name as it stands in the file names: `_.example.com` for a wildcard
 * @param first the file that is replaced first
 */
export async function writePair(
  directory: string,
  name: string,
  pair: Pick<Pair, 'chainPem' | 'keyPem'>,
  first: 'cert' | 'key' = 'key',
): Promise<void> {
  const writes = [
    { path: join(directory, `${name}.key.pem`), text: pair.keyPem },
    { path: join(directory, `${name}.cert.pem`), text: pair.chainPem },
  ];
  if (first === 'cert') writes.reverse();
  for (const { path, text } of writes) await replaceFile(path, text);
}

/** Writes a file beside `path` and renames it over `path`: readers see the old text or the new one. */
export async function replaceFile(path: string, text: string): Promise<void> {
  const temporary = `${path}.new`;
  // Readable by all: nginx's workers run as another user, whose number depends on the image.
  await writeFile(temporary, text, { mode: 0o644 });
  await rename(temporary, path);
}

interface Certificate {
  subject: string;
  names?: string[];
  publicKey: webcrypto.CryptoKey;
  issuer: string;
  signingKey: webcrypto.CryptoKey;
  isAuthority: boolean;
  notBefore?: Date | undefined;
  notAfter?: Date | undefined;
  serial?: string | undefined;
  padding?: number | undefined;
}

/** Signs a certificate and returns it as PEM that ends in a line feed. */
async function certify(wanted: Certificate): Promise<string> {
  const { notBefore = new Date(Date.now() - HOUR_MS) } = wanted;
  const { notAfter = new Date(notBefore.getTime() + 90 * DAY_MS) } = wanted;
  const { digitalSignature, keyCertSign } = x509.KeyUsageFlags;
  const extensions: x509.Extension[] = [
    new x509.BasicConstraintsExtension(wanted.isAuthority, undefined, true),
    new x509.KeyUsagesExtension(wanted.isAuthority ? keyCertSign : digitalSignature, true),
  ];
  if (wanted.names) {
    const names = wanted.names.map((value) => ({ type: 'dns' as const, value }));
    extensions.push(new x509.SubjectAlternativeNameExtension(names));
  }
  if (wanted.padding !== undefined) {
    extensions.push(new x509.Extension(UNKNOWN_EXTENSION, false, randomBytes(wanted.padding)));
  }
  const certificate = await x509.X509CertificateGenerator.create({
    subject: [{ CN: [wanted.subject] }],
    issuer: [{ CN: [wanted.issuer] }],
    notBefore,
    notAfter,
    publicKey: wanted.publicKey,
    signingKey: wanted.signingKey,
    signingAlgorithm: EC,
    extensions,
    ...(wanted.serial === undefined ? {} : { serialNumber: wanted.serial }),
  });
  return certificate.toString('pem') + '\n';
}

/** Makes a P-256 key pair. */
export async function makeKeys(): Promise<webcrypto.CryptoKeyPair> {
  return generateKeys(EC);
}

async function generateKeys(algorithm: typeof EC | typeof RSA): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key));
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
    .export({ format: 'pem', type: 'pkcs8' })
    .toString();
}
