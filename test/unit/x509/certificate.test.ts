import { X509Certificate } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type Certificate, covers, isExpired, readLeaf } from '../../../src/x509/certificate.js';
import { children, hexOfWhole, readWhole, write } from '../../../src/x509/der.js';
import { describe as describeCertificate } from '../../../src/x509/description.js';
import {
  EC,
  RSA,
  authority,
  certificate,
  der,
  key,
  leaf,
  openssl,
  pem,
  withIntruder,
} from '../../support/openssl.js';

const malformed: unknown = expect.objectContaining({ code: 'malformed' });

/** A certificate with this subjectAltName, as in `DNS:a.example,IP:10.0.0.1`. */
function named(altNames: string, subject = '/CN=common.example'): string {
  return certificate({ subject, extensions: [`subjectAltName=${altNames}`] }).pem;
}

/** The certificate with some bytes replaced by as many others. */
function patched(text: string, from: Buffer | string, to: Buffer | string): string {
  const hex = der(text).toString('hex');
  const a = Buffer.from(from).toString('hex');
  expect(hex).toContain(a);
  return pem('CERTIFICATE', Buffer.from(hex.replaceAll(a, Buffer.from(to).toString('hex')), 'hex'));
}

test.each([
  [['basicConstraints=critical,CA:TRUE'], true],
  [['basicConstraints=CA:TRUE,pathlen:0'], true],
  [['basicConstraints=CA:FALSE'], false],
  [['subjectAltName=DNS:a.example'], false],
])('whether it is an authority: %s', (extensions, isAuthority) => {
  expect(readLeaf(certificate({ extensions }).pem).isAuthority).toBe(isAuthority);
});

describe('covers', () => {
  const usual = named('DNS:a.example,DNS:*.a.example,DNS:xn--gre-6ka8i.example,DNS:UPPER.Example');

  test.each<[string, string, boolean]>([
    [usual, 'a.example', true],
    [usual, 'b.a.example', true],
    [usual, 'c.b.a.example', false],
    [usual, 'ba.example', false],
    [usual, 'example', false],
    [usual, '', false],
    [usual, 'xn--gre-6ka8i.example', true],
    [usual, 'upper.example', true],
    [usual, 'common.example', false],
    [named('DNS:f*.a.example,DNS:*b.a.example,DNS:x.*.example'), 'foo.a.example', false],
    [named('DNS:f*.a.example,DNS:*b.a.example,DNS:x.*.example'), 'ab.a.example', false],
    [named('DNS:f*.a.example,DNS:*b.a.example,DNS:x.*.example'), 'x.a.example', false],
    [named('DNS:*.example'), 'a.example', false],
    [named('DNS:*'), 'example', false],
    [named('DNS:*'), 'a.example', false],
    [named('IP:10.0.0.1,URI:https://uri.example,email:me@mail.example'), 'common.example', true],
    [named('IP:10.0.0.1,URI:https://uri.example,email:me@mail.example'), '10.0.0.1', false],
    [named('IP:10.0.0.1,URI:https://uri.example,email:me@mail.example'), 'uri.example', false],
    [certificate({ subject: '/CN=Common.Example' }).pem, 'common.example', true],
    [certificate({ subject: '/CN=*.a.example' }).pem, 'b.a.example', true],
    [certificate({ subject: '/O=x/CN=a.example/CN=b.example' }).pem, 'a.example', true],
    [certificate({ subject: '/O=x/CN=a.example/CN=b.example' }).pem, 'b.example', true],
    [certificate({ subject: '/O=a.example' }).pem, 'a.example', false],
  ])('as OpenSSL: %#', (text, name, expected) => {
    expect(covers(readLeaf(text), name)).toBe(expected);
    const answer = new X509Certificate(text).checkHost(name, { partialWildcards: false });
    expect(answer !== undefined).toBe(expected);
  });

  test('as OpenSSL, whatever the names', () => {
    const label = fc.constantFrom('a', 'b', 'xn--c', '*');
    const name = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join('.'));
    const certificates = [
      ...['DNS:*.a', 'DNS:*.b.a', 'DNS:b.a,DNS:*.a.b', 'DNS:*.*.a,DNS:a.*.b', 'DNS:*.xn--c.a'],
      ...['DNS:a', 'DNS:xn--c.b.a', 'IP:1.2.3.4'],
    ].map((names) => named(names, '/CN=*.a.a'));
    fc.assert(
      fc.property(fc.constantFrom(...certificates), name, (text, asked) => {
        fc.pre(!asked.includes('*'));
        const answer = new X509Certificate(text).checkHost(asked, { partialWildcards: false });
        expect(covers(readLeaf(text), asked)).toBe(answer !== undefined);
      }),
      { numRuns: 1000, seed: 1 },
    );
  });

  test('a wildcard is asked for: only the same one will do', () => {
    const read = readLeaf(named('DNS:*.a.example,DNS:b.example,DNS:*.local'));
    expect(covers(read, '*.a.example')).toBe(true);
    expect(covers(read, '*.b.example')).toBe(false);
    expect(covers(read, '*.b.a.example')).toBe(false);
    expect(covers(read, '*.local')).toBe(true);
    expect(covers(readLeaf(named('DNS:*.example')), '*.a.example')).toBe(false);
    expect(covers(readLeaf(named('DNS:*.*.example')), '*.a.example')).toBe(false);
  });

  test('a name with an empty first label is none', () => {
    expect(covers(readLeaf(usual), '.a.example')).toBe(false);
  });

  test('a trailing dot in the certificate', () => {
    const read = readLeaf(named('DNS:a.example.,DNS:*.b.example.'));
    expect(covers(read, 'a.example')).toBe(true);
    expect(covers(read, 'x.b.example')).toBe(true);
    expect(read.names).toEqual(['a.example', '*.b.example']);
  });

  test('common names that are no server names are none', () => {
    expect(readLeaf(certificate({ subject: '/CN=Example Root CA' }).pem).names).toEqual([]);
    expect(readLeaf(certificate({ subject: '/CN=größe.example' }).pem).names).toEqual([]);
  });
});

describe('validity', () => {
  const until = (day: string): Certificate => {
    // `openssl x509` of 3.0 takes no dates, but days.
    const days = Math.round((Date.parse(day) - Date.now()) / 86400000);
    return readLeaf(certificate({ args: ['-days', String(days)] }).pem);
  };

  test.each(['2030-06-01', '2049-12-30', '2050-01-03', '2120-02-29', '9990-01-01'])('%s', (day) => {
    const read = until(day);
    const oracle = new X509Certificate(read.der);
    expect(read.notAfter).toBe(Date.parse(oracle.validTo) / 1000);
    expect(read.notBefore).toBe(Date.parse(oracle.validFrom) / 1000);
    const asGeneralized = Date.parse(oracle.validTo) >= Date.UTC(2050, 0, 1);
    expect(read.der.includes(Buffer.from([0x18, 0x0f]))).toBe(asGeneralized);
  });

  test('the last second belongs to it', () => {
    const read = readLeaf(certificate().pem);
    expect(isExpired(read, read.notAfter)).toBe(false);
    expect(isExpired(read, read.notAfter + 1)).toBe(true);
    expect(isExpired(read, read.notBefore)).toBe(false);
  });

  test('no time', () => {
    const text = certificate().pem;
    const from = '\x17\x0d' + /\d{12}Z/.exec(der(text).toString('latin1'))![0];
    expect(() => readLeaf(patched(text, from, '\x17\x0d991332000000Z'))).toThrow(malformed);
    expect(() => readLeaf(patched(text, from, '\x17\x0d9901010000+0100'.slice(0, 15)))).toThrow(
      malformed,
    );
    expect(() => readLeaf(patched(text, from, '\x18' + from.slice(1)))).toThrow(malformed);
  });
});

describe('describe', () => {
  const issuer = authority(
    '/C=DE/ST=Berlin/L=Berlin/O=Beispiel, Größe & Söhne+Co/OU= x /CN=Root "1" #2;<3>',
  );

  test('agrees with OpenSSL', () => {
    const made = certificate({
      issuer,
      subject: '/DC=example/DC=a/UID=u/serialNumber=1/emailAddress=me@a.example/CN=#a\\\\b',
      extensions: [
        'subjectAltName=DNS:A.example,DNS:*.b.example.,URI:https://c.example,IP:10.1.2.3,' +
          'IP:2001:db8:0:0:1:0:0:1,IP:::1,IP:2001:db8:0:1:1:1:1:1,IP:::',
      ],
    });
    const said = describeCertificate(readLeaf(made.pem));
    const oracle = new X509Certificate(made.pem);
    const print = (what: string): string =>
      openssl(['x509', '-noout', what, '-nameopt', 'RFC2253,-esc_msb,utf8'], made.pem)
        .trim()
        .replace(/^\w+=/, '');
    expect(said).toEqual({
      subject: print('-subject'),
      issuer: print('-issuer'),
      serial: oracle.serialNumber,
      dns_names: ['A.example', '*.b.example.'],
      ip_addresses: ['10.1.2.3', '2001:db8::1:0:0:1', '::1', '2001:db8:0:1:1:1:1:1', '::'],
      fingerprint_sha256: oracle.fingerprint256.replace(/:/g, '').toLowerCase(),
      not_before: new Date(oracle.validFrom).toISOString().replace('.000', ''),
      not_after: new Date(oracle.validTo).toISOString().replace('.000', ''),
      key_type: 'ECDSA-P256',
      signature_algorithm: 'ecdsa-with-SHA256',
    });
  });

  test.each([
    '/CN=a/O=b+OU=c',
    '/CN=a\nb\u007f',
    '/1.2.3.4.5=x',
    '/O= /CN=  a  ',
    '/CN=名前 😀',
    '/',
  ])('subject %s', (subject) => {
    const made = certificate({ subject });
    const print = openssl(
      ['x509', '-noout', '-subject', '-nameopt', 'RFC2253,-esc_msb,utf8'],
      made.pem,
    );
    const said = describeCertificate(readLeaf(made.pem));
    expect(`subject=${said.subject}\n`).toBe(print);
  });

  test('other strings: T61String and BMPString', () => {
    const text = certificate({ subject: '/CN=ab' }).pem;
    expect(
      describeCertificate(readLeaf(patched(text, '\x0c\x02ab', Buffer.from('14026ae4', 'hex'))))
        .subject,
    ).toBe('CN=jä');
    expect(
      describeCertificate(readLeaf(patched(text, '\x0c\x02ab', Buffer.from('1e0220ac', 'hex'))))
        .subject,
    ).toBe('CN=€');
  });

  test.each(['1', '0x7f', '0x80', '0xff00', '0', '0x0123456789abcdef'])('serial %s', (serial) => {
    const made = certificate({ args: ['-set_serial', serial] });
    const said = describeCertificate(readLeaf(made.pem));
    expect(`serial=${said.serial}\n`).toBe(openssl(['x509', '-noout', '-serial'], made.pem));
  });

  test.each([
    [RSA + '2048', '-sha256', 'RSA-2048', 'sha256WithRSAEncryption'],
    [RSA + '3072', '-sha512', 'RSA-3072', 'sha512WithRSAEncryption'],
    [RSA + '1024', '-sha1', 'RSA-1024', 'sha1WithRSAEncryption'],
    [RSA + '1023', '-md5', 'RSA-1023', 'md5WithRSAEncryption'],
    ['RSA-PSS -pkeyopt rsa_keygen_bits:2048', '-sha256', 'RSA-PSS-2048', 'rsassaPss'],
    [EC + 'P-384', '-sha384', 'ECDSA-P384', 'ecdsa-with-SHA384'],
    [EC + 'P-521', '-sha512', 'ECDSA-P521', 'ecdsa-with-SHA512'],
    ['ED25519', '-sha256', 'Ed25519', 'ED25519'],
    ['ED448', '-sha256', 'Ed448', 'ED448'],
  ])('key %s, %s', (algorithm, digest, type, signature) => {
    const made = certificate({ key: key(algorithm), args: [digest] });
    const said = describeCertificate(readLeaf(made.pem));
    expect([said.key_type, said.signature_algorithm]).toEqual([type, signature]);
    const print = openssl(['x509', '-noout', '-text'], made.pem);
    expect(print).toContain(`Signature Algorithm: ${signature}`);
  });
});

describe('readLeaf', () => {
  const usual = leaf(['a.example'], { subject: '/CN=ab' });

  test('takes the first certificate, wherever it is', () => {
    expect(readLeaf(usual.key + 'text\n' + usual.pem + named('DNS:b.example')).names).toEqual([
      'a.example',
    ]);
    expect(() => readLeaf(usual.key)).toThrow(malformed);
  });

  const bytes = der(usual.pem);
  test.each<[string, Buffer]>([
    ['cut off', bytes.subarray(0, -1)],
    ['a key instead', der(usual.key)],
  ])('%s', (_, changed) => {
    expect(() => readLeaf(pem('CERTIFICATE', changed))).toThrow(malformed);
  });

  test('something after it is cut off, as OpenSSL ignores it in a chain', () => {
    const longer = Buffer.concat([bytes, Buffer.from([5, 0])]);
    expect(readLeaf(pem('CERTIFICATE', longer)).der.equals(bytes)).toBe(true);
  });

  test.each<[string, string, string]>([
    ['an unknown version', 'a003020102', 'a003020103'],
    ['a negative unused bit count in the key', '034200', '034201'],
    ['two signature algorithms', '06082a8648ce3d040302' + '3', '06082a8648ce3d040303' + '3'],
    ['an identifier with padding', '0603551d0e', '060380010e'],
    ['an identifier cut off', '0603551d0e', '0603551d8e'],
    ['UTF8String that is not', '0c026162', '0c02c361'],
    ['UTF8String with a surrogate', '0c026162', '0c02eda0'],
    ['BMPString of half a character', '0c026162', '1e016100'],
    ['BMPString with a surrogate', '0c026162', '1e02d800'],
    ['UniversalString of half a character', '0c026162', '1c026162'],
    ['an OCTET STRING for a name', '0c026162', '04026162'],
    ['two lists of names', '0603551d0e', '0603551d11'],
    ['an extension that is no OCTET STRING', '0603551d0e04', '0603551d0e03'],
  ])('%s', (_, from, to) => {
    const hex = bytes.toString('hex');
    expect(hex).toContain(from);
    // Only the first: the second of the signature algorithms stays.
    const changed = Buffer.from(hex.replace(from, to), 'hex');
    expect(() => readLeaf(pem('CERTIFICATE', changed))).toThrow(malformed);
  });

  test('an element too many, wherever it is', () => {
    const changed = withIntruder(bytes);
    expect(changed.length).toBeGreaterThan(15);
    for (const each of changed) {
      expect(() => readLeaf(pem('CERTIFICATE', each)), each.toString('hex')).toThrow(malformed);
    }
  });

  // The parts of a certificate, in hex, to put together otherwise.
  const [inner, algorithm, signature] = children(readWhole(bytes, 0x30, 'it')).map(hexOfWhole);
  const fields = children(readWhole(Buffer.from(inner!, 'hex'), 0x30, 'it')).map(hexOfWhole);
  const made = (changes: Record<number, string>, end = algorithm! + signature!): string =>
    write(0x30, write(0x30, fields.map((field, i) => changes[i] ?? field).join('')) + end);
  const extension = (value: string): string => write(0xa3, write(0x30, value));
  const name = write(0x30, write(0x31, write(0x30, '0603550403' + '0c026162')));

  test('put together as it was, and of version 1, and with unique identifiers', () => {
    expect(made({})).toBe(bytes.toString('hex'));
    for (const taken of [
      made({}),
      made({ 0: '', 7: '' }),
      made({ 7: '81020001' + '82020002' + fields[7]! }),
      made({ 3: name, 5: name }),
      made({ 1: '0201ff' }),
      made({ 7: extension(write(0x30, '06022a03' + '0101ff' + '0400')) }),
    ]) {
      readLeaf(pem('CERTIFICATE', Buffer.from(taken, 'hex')));
    }
  });

  test.each<[string, string]>([
    ['no signature', made({}, algorithm)],
    ['a signature of bits', made({}, algorithm! + '03020780')],
    ['an empty signature', made({}, algorithm! + '0300')],
    ['an empty serial number', made({ 1: '0200' })],
    ['a padded serial number', made({ 1: '02020001' })],
    ['no identifier in the algorithms', made({ 2: '30020500' }, '30020500' + signature!)],
    ['an identifier cut off in them', made({ 2: '30030601aa' }, '30030601aa' + signature!)],
    [
      'two parameters in them',
      made({ 2: '30070601' + '2a05000500' }, '30070601' + '2a05000500' + signature!),
    ],
    ['a subject that is not text', made({ 5: name.replace('0c026162', '0401ff' + '00') })],
    ['a subject alone that is not text', made({ 5: name.replace('0c02', '0402') })],
    ['an empty relative name', made({ 5: '30023100' })],
    ['a third time', made({ 4: write(0x30, '170d3236303130313030303030305a'.repeat(3)) })],
    ['a unique identifier that is empty', made({ 7: '8100' + fields[7]! })],
    ['two extensions fields', made({ 7: fields[7]! + fields[7]! })],
    [
      'two lists of names',
      made({ 7: extension(write(0x30, '0603551d11' + '04023000').repeat(2)) }),
    ],
    [
      'a list of names that is none',
      made({ 7: extension(write(0x30, '0603551d11' + '04020500')) }),
    ],
    [
      'an extension whose criticality is no boolean',
      made({ 7: extension(write(0x30, '06022a03' + '0102ffff' + '0400')) }),
    ],
  ])('%s', (_, hex) => {
    expect(() => readLeaf(pem('CERTIFICATE', Buffer.from(hex, 'hex')))).toThrow(malformed);
  });
});
