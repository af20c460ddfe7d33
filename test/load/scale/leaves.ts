import { createPublicKey, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { BIT_STRING, children, readWhole, SEQUENCE, write } from '../../../src/x509/der.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { nameOf } from './names.js';

/**
 * How long an extension makes a leaf whose chain and key are as long as those of a public authority: some 3.2 kB of PEM
 * with P-256, some 5.3 kB with RSA-2048.
 */
const PADDING = { ec: 1400, rsa: 1680 };

const SERIAL_BYTES = 16;

/** An uncompressed point of P-256, at the end of a SubjectPublicKeyInfo. */
const POINT_BYTES = 65;

export type KeyType = 'ec' | 'rsa';

/** Issues pairs by the hundred thousand. */
export interface Leaves {
  /** @param name of `nameOf` */
  issue: (name: string) => Pick<Pair, 'chainPem' | 'keyPem' | 'serial'>;
}

/**
 * Makes an authority, and one leaf the usual way, which takes some milliseconds. Each further one is a copy of it with
 * another name and serial number, signed anew. With P-256 each has a key of its own; with RSA all have the same.
 */
export async function createLeaves(keyType: KeyType): Promise<Leaves> {
  const authority = await createAuthority();
  const model = await authority.issue({
    names: [nameOf(0)],
    keyType,
    serial: newSerial(),
    padding: PADDING[keyType],
  });
  const { tbs, algorithm } = takeApart(derOf(model.certPem));
  const intermediate = model.chainPem.slice(model.certPem.length);
  const names = placesOf(tbs, Buffer.from(nameOf(0)));
  const serials = placesOf(tbs, Buffer.from(model.serial, 'hex'));
  const points = keyType === 'ec' ? placesOf(tbs, pointOf(publicKeyOf(model.certPem))) : [];

  return {
    issue: (name) => {
      const serial = newSerial();
      let { keyPem } = model;
      fill(tbs, names, Buffer.from(name));
      fill(tbs, serials, Buffer.from(serial, 'hex'));
      if (keyType === 'ec') {
        const { privateKey, publicKey } = newKeys();
        keyPem = privateKey;
        fill(tbs, points, pointOf(publicKey));
      }
      const signature = sign('sha256', tbs, authority.signingKey).toString('hex');
      const content = tbs.toString('hex') + algorithm + write(BIT_STRING, '00' + signature);
      const chainPem = pemOf(Buffer.from(write(SEQUENCE, content), 'hex')) + intermediate;
      return { chainPem, keyPem, serial };
    },
  };
}

/** Upper-case hexadecimal; the first byte is neither 0 nor 80 or more, with which DER would have another length. */
function newSerial(): string {
  return (
    '4C' +
    randomBytes(SERIAL_BYTES - 1)
      .toString('hex')
      .toUpperCase()
  );
}

function newKeys(): { privateKey: string; publicKey: Buffer } {
  return generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    privateKeyEncoding: { format: 'pem', type: 'pkcs8' },
    publicKeyEncoding: { format: 'der', type: 'spki' },
  });
}

/** A Certificate (RFC 5280, 4.1) less its signature; the algorithm with which that was made is hexadecimal. */
function takeApart(certificate: Buffer): { tbs: Buffer; algorithm: string } {
  const [tbs, algorithm] = children(readWhole(certificate, SEQUENCE, 'a certificate'));
  return {
    tbs: certificate.subarray(tbs!.at, tbs!.end),
    algorithm: certificate.toString('hex', algorithm!.at, algorithm!.end),
  };
}

function publicKeyOf(certPem: string): Buffer {
  return createPublicKey(certPem).export({ format: 'der', type: 'spki' });
}

function pointOf(publicKey: Buffer): Buffer {
  return publicKey.subarray(-POINT_BYTES);
}

/** Where a part is found. Throws where it is not. */
function placesOf(whole: Buffer, part: Buffer): number[] {
  const places: number[] = [];
  for (let at = whole.indexOf(part); at >= 0; at = whole.indexOf(part, at + 1)) places.push(at);
  if (places.length === 0) throw new Error('The certificate has nothing of that kind');
  return places;
}

function fill(whole: Buffer, places: number[], part: Buffer): void {
  for (const at of places) part.copy(whole, at);
}

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
}

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN CERTIFICATE-----', ...lines, '-----END CERTIFICATE-----', ''].join('\n');
}
