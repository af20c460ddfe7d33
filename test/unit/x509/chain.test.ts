import { X509Certificate, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, expect, test } from 'vitest';

import { readLeaf } from '../../../src/x509/certificate.js';
import { comparableName } from '../../../src/x509/names.js';
import { type Pair, readPair } from '../../../src/x509/pair.js';
import {
  type Issuer,
  type Wanted,
  authorityPem,
  certificatePem,
  commonName,
  extensions,
  issuerCalled,
  keyId,
  nameHex,
  newEcKey,
} from '../../support/certificate_writer.js';

const NAMES = extensions.dnsNames('a.example');

const leafKey = newEcKey();
const KEY = leafKey.export({ format: 'pem', type: 'pkcs8' }).toString();

function leaf(by: Issuer, more: Partial<Wanted> = {}): string {
  return certificatePem({
    subject: commonName('a.example'),
    issuer: by.name,
    key: leafKey,
    signingKey: by.key,
    extensions: [extensions.leaf, NAMES, extensions.authorityKeyId(keyId(by.key))],
    ...more,
  });
}

const now = Date.now() / 1000;
const read = (...certificates: string[]): Pair => readPair(certificates.join(''), KEY, now);
const chainOf = (...certificates: string[]): string => read(...certificates).chain;
const day = (days: number): Date => new Date(Date.now() + days * 86_400_000);

const rootA = issuerCalled('Root A');
const rootB = issuerCalled('Root B');
const middle = issuerCalled('Middle');
const low = issuerCalled('Low');
const [a, b] = [authorityPem(rootA, rootA), authorityPem(rootB, rootB)];
const [middleByA, middleByB] = [authorityPem(middle, rootA), authorityPem(middle, rootB)];
const lowByMiddle = authorityPem(low, middle);
const foreign = authorityPem(issuerCalled('Foreign'), rootB);

describe('several certificates of one authority', () => {
  const own = leaf(middle);

  test('are all sent where each leads on, as clients may trust the root of any of them', () => {
    expect(chainOf(own, middleByA, middleByB)).toBe(own + middleByA + middleByB);
    expect(chainOf(own, middleByB, middleByA)).toBe(own + middleByB + middleByA);
  });

  test('come after the whole first path, each with what is above it', () => {
    expect(chainOf(own, middleByA, middleByB, b, a)).toBe(own + middleByA + a + middleByB + b);
    const deep = leaf(low);
    expect(chainOf(deep, b, middleByB, a, middleByA, lowByMiddle)).toBe(
      deep + lowByMiddle + middleByB + b + middleByA + a,
    );
  });

  test('a root and its cross-certificate stay in their order', () => {
    const crossed = authorityPem(rootA, rootB);
    expect(chainOf(own, middleByA, a, crossed, b)).toBe(own + middleByA + a + crossed + b);
    expect(chainOf(own, middleByA, crossed, a)).toBe(own + middleByA + crossed + a);
  });

  test('those that are valid now come first', () => {
    const late = authorityPem(middle, rootA, { notBefore: day(-9), notAfter: day(-1) });
    const early = authorityPem(middle, rootA, { notBefore: day(1) });
    expect(chainOf(own, late, early, middleByB)).toBe(own + middleByB + late + early);
  });

  test('cross each other without end', () => {
    const [x, y] = [issuerCalled('X'), issuerCalled('Y')];
    const made = leaf(x);
    const [xByY, yByX] = [authorityPem(x, y), authorityPem(y, x)];
    expect(chainOf(made, xByY, yByX)).toBe(made + xByY + yByX);
  });

  test('are no more than ten certificates in all', () => {
    const crossed = Array.from({ length: 15 }, (_, i) =>
      authorityPem(middle, issuerCalled(`Root ${i}`)),
    );
    const { chain, warnings } = read(own, ...crossed);
    expect(chain).toBe(own + crossed.slice(0, 9).join(''));
    expect(warnings).toEqual([
      'Certificates 11, 12, 13, 14, 15 and 1 more were left out: the chain does not need them.',
    ]);
  });

  test('read again, the chain stays as it is', () => {
    const crossed = authorityPem(rootA, rootB);
    const once = read(own, foreign, b, crossed, middleByB, a, middleByA, middleByA);
    const twice = readPair(once.chain + once.key);
    expect([twice.chain, twice.warnings]).toEqual([once.chain, []]);
  });
});

describe('the issuer', () => {
  test('has the key identifier that the certificate names', () => {
    const other = authorityPem({ name: middle.name, key: newEcKey() }, rootA);
    const made = leaf(middle);
    expect(chainOf(made, other, middleByA)).toBe(made + middleByA);
    expect(() => read(made, other)).toThrow("certificate 2 has the issuer's name, but not the key");
  });

  test('may have no key identifier, as may the certificate', () => {
    const bare = { extensions: [extensions.authority] };
    const quiet = authorityPem(middle, rootA, bare);
    const made = leaf(middle);
    expect(chainOf(made, quiet)).toBe(made + quiet);
    const nameless = leaf(middle, { extensions: [extensions.leaf, NAMES] });
    expect(chainOf(nameless, middleByA)).toBe(nameless + middleByA);
  });

  test('with the serial number that the certificate names comes before one without', () => {
    const [first, second] = ['51aa', '51bb'].map((serial) =>
      authorityPem(middle, rootA, { serial }),
    );
    const named = { issuer: rootA.name, serial: '51bb' };
    const made = leaf(middle, { extensions: [NAMES, extensions.authorityKeyId('', named)] });
    expect(chainOf(made, first!, second!)).toBe(made + second! + first!);
    expect(chainOf(made, first!)).toBe(made + first!);
  });

  test.each<[string, string]>([
    ['another string type', nameHex([{ type: 'O', text: 'Größe GmbH', as: 't61' }])],
    ['a string of two bytes', nameHex([{ type: 'O', text: 'Größe GmbH', as: 'bmp' }])],
    ['a string of four bytes', nameHex([{ type: 'O', text: 'Größe GmbH', as: 'universal' }])],
    ['another letter case', nameHex([{ type: 'O', text: 'GRößE gmbh' }])],
    ['other blanks', nameHex([{ type: 'O', text: '  Größe \t  GmbH ' }])],
  ])('may be named in %s', (_, name) => {
    const subject = { name: nameHex([{ type: 'O', text: 'Größe GmbH' }]), key: newEcKey() };
    const certificate = authorityPem(subject, rootA);
    const made = leaf({ ...subject, name });
    expect(chainOf(made, certificate)).toBe(made + certificate);
    // OpenSSL as a client has it so as well.
    expect(new X509Certificate(made).checkIssued(new X509Certificate(certificate))).toBe(true);
  });

  test('is not one whose name only looks alike', () => {
    const names = [
      nameHex([{ type: 'O', text: 'A B' }]),
      nameHex([{ type: 'O', text: 'AB' }]),
      nameHex([{ type: 'OU', text: 'A B' }]),
      nameHex([{ type: 'O', text: 'A' }], [{ type: 'O', text: 'B' }]),
      nameHex([
        { type: 'O', text: 'A' },
        { type: 'O', text: 'B' },
      ]),
      nameHex(),
    ];
    const compared = names.map((name) =>
      comparableName(readLeaf(leaf(middle, { subject: name })).subject),
    );
    expect(new Set(compared).size).toBe(names.length);
  });

  test('may have the attributes of one relative name in another order', () => {
    const parts = [
      { type: 'O', text: 'A' },
      { type: 'CN', text: 'B' },
    ] as const;
    const subject = { name: nameHex([...parts]), key: newEcKey() };
    const certificate = authorityPem(subject, rootA);
    const made = leaf({ ...subject, name: nameHex([...parts].reverse()) });
    expect(chainOf(made, certificate)).toBe(made + certificate);
  });

  test('is looked for once, however many certificates have its name', () => {
    const others = Array.from({ length: 98 }, () =>
      authorityPem({ name: middle.name, key: newEcKey() }, rootA),
    );
    const made = leaf(middle);
    const began = performance.now();
    expect(chainOf(made, ...others, middleByA)).toBe(made + middleByA);
    expect(performance.now() - began).toBeLessThan(500);
  });
});

describe('a root that signed itself with SHA-1', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const old = { name: commonName('Old root'), key: rsa };
  const id = 'ab'.repeat(20);
  const root = (authorityKeyId: string): string =>
    authorityPem(old, old, {
      hash: 'sha1',
      serial: '5101',
      extensions: [extensions.authority, extensions.subjectKeyId(id), authorityKeyId],
    });

  test.each([
    ['by its key identifier', extensions.authorityKeyId(id)],
    [
      'by its name and serial number',
      extensions.authorityKeyId('', { issuer: old.name, serial: '5101' }),
    ],
    ['by all of them', extensions.authorityKeyId(id, { issuer: old.name, serial: '5101' })],
  ])('is taken where it names itself %s', (_, authorityKeyId) => {
    const certificate = root(authorityKeyId);
    const plain = leaf(old, { extensions: [NAMES] });
    expect(chainOf(plain, certificate)).toBe(plain + certificate);
  });

  test.each([
    ['key', extensions.authorityKeyId('cd'.repeat(20))],
    ['serial number', extensions.authorityKeyId(id, { issuer: old.name, serial: '5102' })],
    ['issuer', extensions.authorityKeyId(id, { issuer: rootA.name, serial: '5101' })],
  ])('is weak where it names another %s', (_, authorityKeyId) => {
    const plain = leaf(old, { extensions: [NAMES] });
    expect(() => read(plain, root(authorityKeyId))).toThrow('is signed with sha1WithRSA');
  });

  test('is left out above an intermediate that is enough', () => {
    const under = authorityPem(middle, old, { extensions: [extensions.authority] });
    const weak = root(extensions.authorityKeyId('cd'.repeat(20)));
    const own = leaf(middle, { extensions: [NAMES] });
    const { chain, warnings } = read(own, under, weak);
    expect(chain).toBe(own + under);
    expect(warnings).toEqual([
      'A certificate was left out: certificate 3 is signed with sha1WithRSAEncryption, which clients refuse; have it issued again.',
    ]);
  });
});

describe('the leaf', () => {
  const key = newEcKey();
  const text = (own: KeyObject): string => own.export({ format: 'pem', type: 'pkcs8' }).toString();

  test('is the one that is valid, of two for one key', () => {
    const late = leaf(middle, { notBefore: day(-9), notAfter: day(-1) });
    const early = leaf(middle, { notBefore: day(1) });
    const good = leaf(middle);
    expect(chainOf(late, early, good, middleByA)).toBe(good + middleByA);
    expect(chainOf(late, early, middleByA)).toBe(late + middleByA);
    // Without a time the order decides: what was stored stays.
    expect(readPair(late + good + middleByA, KEY).chain).toBe(late + middleByA);
  });

  test('is the first one that has a key, as for nginx', () => {
    const other = leaf(middle, { key });
    const made = leaf(middle);
    const pairOf = (...keys: KeyObject[]): Pair =>
      readPair(other + made + middleByA, keys.map(text).join(''), now);
    expect(pairOf(leafKey, key).chain).toBe(other + middleByA);
    expect(pairOf(leafKey).chain).toBe(made + middleByA);
    expect(pairOf(leafKey, key).key).toBe(text(key));
  });

  test('is not an issuer that has a key of the same kind, where the key does not prove itself', () => {
    const pair = generateKeyPairSync('ed25519');
    const edwards = { name: commonName('Edwards'), key: generateKeyPairSync('ed25519').privateKey };
    const above = authorityPem(edwards, middle, {
      key: edwards.key,
      extensions: [extensions.authority],
    });
    const own = leaf(middle, { key: pair.privateKey, issuer: edwards.name, extensions: [NAMES] });
    const read = readPair(above + own, text(pair.privateKey), now);
    expect(read.chain).toBe(own + above);
  });
});

describe('warnings', () => {
  const made = leaf(middle);
  const tell = (certificates: string[], keys = KEY): string[] =>
    readPair(certificates.join(''), keys, now).warnings;

  test.each<[string, string[], string[]]>([
    ['none about a chain without its root', [made, middleByA], []],
    ['none about a chain with its root', [made, middleByA, a], []],
    [
      'what was left out',
      [made, middleByA, foreign, made],
      ['Certificates 3, 4 were left out: the chain does not need them.'],
    ],
    [
      'another order',
      [middleByA, made],
      ['The certificates were put in order: the leaf, then the issuer of each.'],
    ],
    [
      'an issuer that is not there',
      [made],
      [
        'The certificate of the issuer, CN=Middle, is not there: clients that do not have it refuse the connection.',
      ],
    ],
    [
      'no name',
      [leaf(middle, { extensions: [extensions.leaf] }), middleByA],
      ['The certificate has no DNS name and no address as subjectAltName: browsers refuse it.'],
    ],
  ])('%s', (_, certificates, warnings) => {
    expect(tell(certificates)).toEqual(warnings);
  });

  test('several keys', () => {
    const other = newEcKey().export({ format: 'pem', type: 'pkcs8' }).toString();
    expect(tell([made, middleByA], other + KEY + KEY)).toEqual([
      "There are 2 private keys: the certificate's own was taken.",
    ]);
  });
});
