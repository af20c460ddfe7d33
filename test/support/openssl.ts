import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { type SecureContext, createSecureContext } from 'node:tls';

import { children, hexOf, hexOfWhole, readElement, write } from '../../src/x509/der.js';

// Keys and certificates made by the openssl command, in a directory of its own per test file.

const directory = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-openssl-'));
// vitest ends its workers without an exit event.
afterAll(() => {
  rmSync(directory, { recursive: true, force: true });
});

let files = 0;

/** A new file in the directory; with text, holding it. */
function file(text?: string | Buffer): string {
  const path = join(directory, String(++files));
  if (text !== undefined) writeFileSync(path, text);
  return path;
}

/** Runs openssl; `input` is its standard input. Returns its standard output. */
export function openssl(args: string[], input?: string | Buffer): string {
  return execFileSync('openssl', args, { input, stdio: ['pipe', 'pipe', 'pipe'] }).toString();
}

/** A PKCS#8 key from `openssl genpkey` arguments, as in `EC -pkeyopt ec_paramgen_curve:P-256`. */
export function key(algorithm: string): string {
  return openssl(['genpkey', '-algorithm', ...algorithm.split(' ')]);
}

export const EC = 'EC -pkeyopt ec_paramgen_curve:';
export const RSA = 'RSA -pkeyopt rsa_keygen_bits:';

export interface Made {
  pem: string;
  key: string;
}

export interface Options {
  key?: string;
  /** Default: itself. */
  issuer?: Made;
  /** As in `/CN=a.example`. */
  subject?: string;
  /** A public key in PEM to certify instead of the key's. */
  publicKey?: string;
  /** Lines of an extension file. */
  extensions?: string[];
  /** More arguments of `openssl x509 -req`, as `-sha1`. */
  args?: string[];
}

/** A certificate; valid for 30 days from now, for a new P-256 key and without extensions if not told otherwise. */
export function certificate(options: Options = {}): Made {
  const own = options.key ?? key(EC + 'P-256');
  const ownFile = file(own);
  const request = openssl([
    ...['req', '-new', '-key', ownFile, '-utf8', '-subj', options.subject ?? '/CN=a.example'],
    ...['-config', file('[req]\ndistinguished_name=dn\n[dn]\n')],
  ]);
  const signer = options.issuer
    ? ['-CA', file(options.issuer.pem), '-CAkey', file(options.issuer.key), '-CAcreateserial']
    : ['-key', ownFile];
  const forced = options.publicKey ? ['-force_pubkey', file(options.publicKey)] : [];
  const pem = openssl(
    [
      ...['x509', '-req', '-days', '30', ...signer, ...forced],
      ...['-extfile', file((options.extensions ?? []).join('\n') + '\n'), ...(options.args ?? [])],
    ],
    request,
  );
  return { pem, key: own };
}

/** A certification authority, with key identifiers as real ones have. */
export function authority(subject: string, options: Options = {}): Made {
  return certificate({
    subject,
    extensions: [
      'basicConstraints=critical,CA:TRUE',
      'keyUsage=critical,keyCertSign,cRLSign',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
    ],
    ...options,
  });
}

/** A leaf as public authorities make them. */
export function leaf(names: string[], options: Options = {}): Made {
  return certificate({
    subject: `/CN=${names[0] ?? ''}`,
    extensions: [
      'basicConstraints=critical,CA:FALSE',
      'keyUsage=critical,digitalSignature',
      'extendedKeyUsage=serverAuth',
      'subjectKeyIdentifier=hash',
      'authorityKeyIdentifier=keyid',
      `subjectAltName=${names.map((name) => 'DNS:' + name).join(',')}`,
    ],
    ...options,
  });
}

/** What nginx does with a pair, at the security level that is OpenSSL's default. Throws what OpenSSL throws. */
export function load(chain: string, privateKey: string): SecureContext {
  return createSecureContext({ cert: chain, key: privateKey, ciphers: 'DEFAULT@SECLEVEL=2' });
}

/** The bytes of the first PEM block. */
export function der(pem: string): Buffer {
  const body = /-----BEGIN [^-]+-----([^-]+)-----END/.exec(pem);
  return Buffer.from(body![1]!, 'base64');
}

/** A PEM block. */
export function pem(label: string, bytes: Buffer): string {
  const lines = bytes.toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}

/**
 * Every way to append `0500`, an element that belongs nowhere, to one of the constructed elements in DER, which stays
 * well formed. Octet and bit strings are not looked into.
 */
export function withIntruder(bytes: Buffer): Buffer[] {
  return grown(bytes.toString('hex')).map((hex) => Buffer.from(hex, 'hex'));
}

function grown(hex: string): string[] {
  const bytes = Buffer.from(hex, 'hex');
  const element = readElement(bytes, 0, bytes.length);
  const content = hexOf(element);
  if ((element.tag & 0x20) === 0) return [];
  const parts = children(element).map(hexOfWhole);
  const inside = parts.flatMap((part, i) =>
    grown(part).map((changed) => parts.map((same, j) => (i === j ? changed : same)).join('')),
  );
  return [...inside, content + '0500'].map((changed) => write(element.tag, changed));
}
