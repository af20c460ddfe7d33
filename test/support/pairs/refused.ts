import { createPrivateKey, createPublicKey, generateKeyPairSync } from 'node:crypto';
import { write } from '../../../src/x509/der.js';
import type { RefusalCode } from '../../../src/engine/refusal.js';
import { EC, type Made, RSA, authority, der, key, leaf, openssl, pem } from '../openssl.js';
import {
  COMPRESSED,
  type Ingredients,
  LEAF_NAMES,
  P384,
  P521,
  RSA_PSS,
  certified,
  pkcs1,
  pointless,
  sec1,
  withPublicKey,
} from './made.js';
import { type PairCase, refused } from './pair_case.js';

export function refusedCases(made: Ingredients): PairCase[] {
  return [
    ...incomplete(made),
    ...garbage(made),
    ...lyingKeys(made),
    ...mismatches(made),
    ...encrypted(made),
    ...weak(made),
    ...weakChains(made),
    ...unusable(made),
    ...badChains(made),
  ];
}

function incomplete({ usual, chain }: Ingredients): PairCase[] {
  const pair = chain + usual.key;
  const malformed = of('malformed');
  return [
    malformed('nothing', 'no certificate', ''),
    malformed('a key only', 'no certificate', usual.key),
    malformed('a chain only', 'no private key', chain),
    malformed('an empty key file beside a whole pair', 'no private key', pair, ''),
    malformed('an empty chain file beside a whole pair', 'no certificate', '', pair),
    malformed('no PEM at all', 'no certificate', 'Not PEM', '{}'),
    malformed('cut off in the key', 'is the file complete', pair.slice(0, -60)),
    malformed("cut off in the key's last line", 'is the file complete', pair.slice(0, -3)),
    malformed('cut off in the chain', 'is the file complete', chain.slice(0, 900), usual.key),
    malformed('cut off in a BEGIN line', 'not complete', pair.slice(0, chain.length + 18)),
  ];
}

/** What some reader stops at, and may hold for the end. */
function garbage({ usual, chain }: Ingredients): PairCase[] {
  const malformed = of('malformed');
  const longer = (text: string, label: string, more = [5, 0]): string =>
    pem(label, Buffer.concat([der(text), Buffer.from(more)]));
  const inKey = (change: (text: string) => string): string => chain + change(usual.key);
  const middle = /(?<=[^-]{80})\n/;
  return [
    malformed(
      'a PKCS#8 key followed by more',
      'follows',
      inKey((k) => longer(k, 'PRIVATE KEY')),
    ),
    malformed(
      'a SEC1 key followed by more',
      'follows',
      inKey((k) => longer(sec1(k), 'EC PRIVATE KEY')),
    ),
    malformed(
      'base64 after its end',
      'bad base64',
      inKey((k) => k.replace(middle, '=\n')),
    ),
    malformed(
      'no base64 in it',
      'bad base64',
      inKey((k) => k.replace(middle, '!\n')),
    ),
    malformed(
      'a hyphen in the base64',
      'bad base64',
      inKey((k) => k.replace(middle, '-----END\n')),
    ),
    malformed(
      'a comment in the base64',
      'bad base64',
      inKey((k) => k.replace(middle, '\na: b\n')),
    ),
    malformed(
      'text after the END line',
      'no line break',
      inKey((k) => k.replace(/\n$/, 'x\n')),
    ),
    malformed(
      'text after the BEGIN line',
      'no private key',
      inKey((k) => k.replace('\n', 'x\n')),
    ),
    malformed(
      'text before the BEGIN line',
      'no private key',
      inKey((k) => 'x' + k),
    ),
  ];
}

function lyingKeys({ usual, intermediate, chain }: Ingredients): PairCase[] {
  const malformed = of('malformed');
  const labelled = (text: string, label: string): string =>
    text.replace(/(?:EC )?PRIVATE KEY/g, label);
  const { d } = createPrivateKey(usual.key).export({ format: 'jwk' });
  const number = write(0x04, Buffer.from(d!, 'base64url').toString('hex'));
  const inner = write(0x30, '020101' + number + 'a00706052b81040022');
  const algorithm = write(0x30, '06072a8648ce3d020106082a8648ce3d030107');
  const bare = Buffer.from(write(0x30, '020101' + number), 'hex');
  const twoCurves = Buffer.from(write(0x30, '020100' + algorithm + write(0x04, inner)), 'hex');
  const offCurve = usual.pem + pem('CERTIFICATE', damagedPoint(intermediate.pem));
  const offLeaf = pem('CERTIFICATE', damagedPoint(usual.pem));
  return [
    malformed(
      'a key labelled as a certificate',
      '',
      labelled(usual.key, 'CERTIFICATE') + usual.key,
    ),
    of('unsupported-key')(
      'a PKCS#8 key as PKCS#1',
      '',
      chain + labelled(usual.key, 'RSA PRIVATE KEY'),
    ),
    malformed('a PKCS#8 key as SEC1', '', chain + labelled(usual.key, 'EC PRIVATE KEY')),
    malformed('a SEC1 key as PKCS#8', '', chain + labelled(sec1(usual.key), 'PRIVATE KEY')),
    malformed('an EC key without its curve', 'curve', chain + pem('EC PRIVATE KEY', bare)),
    malformed('an EC key with two curves', 'curve', chain + pem('PRIVATE KEY', twoCurves)),
    malformed('an intermediate off its curve', 'certificate 2: not a point', offCurve + usual.key),
    malformed(
      'a leaf off its curve, and a key without the point',
      'certificate 1: not a point',
      offLeaf + pointless.sec1(usual.key),
    ),
  ];
}

/** A certificate whose P-256 key is not on the curve. */
function damagedPoint(text: string): Buffer {
  const bytes = der(text);
  bytes[bytes.indexOf(Buffer.from('03420004', 'hex')) + 40]! ^= 1;
  return bytes;
}

function mismatches(made: Ingredients): PairCase[] {
  const { usual, other, compressed, intermediate, rsa, otherRsa, chain } = made;
  const mismatch = (title: string, cert: string, ownKey?: string): PairCase =>
    refused('key-mismatch', title, 'none of the certificates', cert, ownKey);
  const pss = leaf(LEAF_NAMES, { issuer: intermediate, key: key(RSA_PSS) });
  const p384 = leaf(LEAF_NAMES, { issuer: intermediate, key: key(P384) });
  const p521 = leaf(LEAF_NAMES, { issuer: intermediate, key: key(P521) });
  const near = Object.entries({
    'P-256': usual,
    'P-384': p384,
    'P-521': p521,
    RSA: rsa,
    'RSA-PSS': pss,
  }).map(([kind, made]) =>
    mismatch(`one bit of the public key off, ${kind}`, made.pem + withOtherPublicPart(made.key)),
  );
  const numbers = der(pkcs1(rsa.key)).toString('hex');
  const exponent = (value: string): string =>
    rsa.pem +
    pem('RSA PRIVATE KEY', Buffer.from(numbers.replace('0203010001', '0203' + value), 'hex'));
  const ed25519 = leaf(LEAF_NAMES, { issuer: intermediate, key: key('ED25519') });
  const otherCompressed = openssl(['ec', ...COMPRESSED], other.key);
  return [
    mismatch('the key of another certificate', chain + other.key),
    mismatch('the key of another certificate in its own file', chain, other.key),
    mismatch('the SEC1 key of another certificate', usual.pem + sec1(other.key)),
    mismatch('another key with a compressed point', usual.pem + otherCompressed),
    mismatch('another key, the point in the leaf compressed', compressed.pem + other.key),
    mismatch('another key, both points compressed', compressed.pem + otherCompressed),
    mismatch('another RSA key', rsa.pem + otherRsa.key),
    mismatch('another PKCS#1 key', rsa.pem, pkcs1(otherRsa.key)),
    ...near,
    mismatch('an RSA certificate, an EC key', rsa.pem + usual.key),
    mismatch('an EC certificate, an RSA key', usual.pem + rsa.key),
    mismatch('an EC certificate, a PKCS#1 key', usual.pem + pkcs1(rsa.key)),
    mismatch('an EC certificate, an Ed25519 key', usual.pem + key('ED25519')),
    mismatch('an RSA certificate, an Ed448 key', rsa.pem + key('ED448')),
    mismatch('an RSA certificate, an RSA-PSS key', rsa.pem + pss.key),
    mismatch('a public exponent of its own', exponent('010003')),
    mismatch('an even public exponent', exponent('010000')),
    mismatch('P-384, a P-256 key without the point', p384.pem + pointless.sec1(usual.key)),
    mismatch('RSA, an EC key without the point', rsa.pem + pointless.pkcs8(usual.key)),
    mismatch(
      'another Ed25519 key with its public key',
      ed25519.pem + withPublicKey(key('ED25519')),
    ),
  ];
}

/** A key with one bit of its public part changed, in the midst of it. */
function withOtherPublicPart(text: string): string {
  const bytes = der(text);
  const spki = createPublicKey(text).export({ type: 'spki', format: 'der' });
  bytes[bytes.lastIndexOf(spki.subarray(-30, -10))]! ^= 1;
  return pem('PRIVATE KEY', bytes);
}

function encrypted({ usual, rsa, chain }: Ingredients): PairCase[] {
  const pass = ['-passout', 'pass:secret'];
  const pkcs8 = openssl(['pkcs8', '-topk8', ...pass], usual.key);
  const asSec1 = openssl(['ec', '-aes256', ...pass], usual.key);
  const asPkcs1 = openssl(['rsa', '-aes256', '-traditional', ...pass], rsa.key);
  const refusedAs = of('encrypted-key');
  return [
    refusedAs('an encrypted PKCS#8 key', 'decrypt', chain + pkcs8),
    refusedAs('an encrypted PKCS#8 key in its own file', 'decrypt', chain, pkcs8),
    refusedAs('an encrypted SEC1 key', 'decrypt', chain + asSec1),
    refusedAs('an encrypted PKCS#1 key', 'decrypt', rsa.pem + asPkcs1),
  ];
}

function weak({ root, intermediate, rsa }: Ingredients): PairCase[] {
  const refusedAs = of('weak');
  const rsaRoot = authority('/CN=R', { key: rsa.key });
  const pair = (made: Made): string => made.pem + made.key;
  const signed = (issuer: Made, ...args: string[]): string =>
    pair(leaf(LEAF_NAMES, { issuer, args }));
  const sized = (bits: number): string =>
    pair(leaf(LEAF_NAMES, { issuer: root, key: key(`${RSA}${bits}`) }));
  return [
    refusedAs('RSA-1024', 'certificate 1 has an RSA key of 1024 bits', sized(1024)),
    // OpenSSL still rates it at 112 bits.
    tolerated(refusedAs('RSA-2046', 'certificate 1 has an RSA key of 2046 bits', sized(2046))),
    refusedAs('P-192', 'under 224 bits', pair(certified(root, key(EC + 'P-192')))),
    refusedAs('RSA with SHA-1', 'sha1WithRSA', signed(rsaRoot, '-sha1')),
    refusedAs('RSA with MD5', 'md5WithRSA', signed(rsaRoot, '-md5')),
    refusedAs('ECDSA with SHA-1', 'ecdsa-with-SHA1', signed(intermediate, '-sha1')),
    refusedAs(
      'RSA-PSS with SHA-1',
      'rsassaPss',
      signed(rsaRoot, '-sha1', '-sigopt', 'rsa_padding_mode:pss'),
    ),
  ];
}

function tolerated(made: PairCase): PairCase {
  return { ...made, isTolerated: true };
}

function weakChains({ root, rsa, otherRsa }: Ingredients): PairCase[] {
  const under = (title: string, detail: string, issuer: Made): PairCase => {
    const made = leaf(LEAF_NAMES, { issuer });
    return refused('weak', title, `certificate 2 ${detail}`, made.pem + issuer.pem + made.key);
  };
  const real = authority('/CN=Same', { key: rsa.key });
  const fake = authority('/CN=Same', { issuer: real, key: otherRsa.key, args: ['-sha1'] });
  const small = key(RSA + '1024');
  const bits = 'has an RSA key of 1024 bits';
  const signedBy = (issuer: Made, hash: string): Made =>
    authority('/CN=I', { issuer, args: [hash] });
  return [
    under('an intermediate with RSA-1024', bits, authority('/CN=I', { issuer: root, key: small })),
    under('a root with RSA-1024', bits, authority('/CN=I', { key: small })),
    under('an intermediate signed with SHA-1', 'is signed with ecdsa', signedBy(root, '-sha1')),
    under('an intermediate signed with MD5', 'is signed with md5', signedBy(real, '-md5')),
    under('an intermediate that only looks like a root', 'is signed with sha1', fake),
  ];
}

/** By title, the arguments of `openssl genpkey`. */
const UNUSABLE_KEYS: [string, string][] = [
  ['secp256k1', EC + 'secp256k1'],
  ['P-224', EC + 'P-224'],
  ['sect283r1', EC + 'sect283r1'],
  ['explicit parameters', `${EC}P-256 -pkeyopt ec_param_enc:explicit`],
  ['X25519', 'X25519'],
  ['X448', 'X448'],
];

function unusable({ root, intermediate, usual, chain }: Ingredients): PairCase[] {
  const unsupported = of('unsupported-key');
  const dsa = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
  const primes = openssl(['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_primes:3']);
  const odd = authority('/CN=I', { issuer: root, key: key(EC + 'secp256k1') });
  const underOdd = leaf(LEAF_NAMES, { issuer: odd });
  return [
    ...UNUSABLE_KEYS.flatMap(([title, algorithm]) => {
      const own = key(algorithm);
      const made = certified(intermediate, own);
      const cases = [
        unsupported(title, 'private key', made.pem + own),
        unsupported(`${title}, the key only`, 'private key', chain + own),
        unsupported(`${title}, the certificate only`, 'certificate 1', made.pem + usual.key),
      ];
      if (algorithm.startsWith('EC'))
        cases.push(unsupported(`${title}, SEC1`, 'private key', chain + sec1(own)));
      return cases;
    }),
    unsupported('DSA', 'private key', certified(intermediate, dsa).pem + dsa),
    unsupported('a DSA certificate', 'certificate 1', certified(intermediate, dsa).pem + usual.key),
    unsupported(
      'an old DSA key',
      'is not for TLS servers',
      chain + dsa.replace(/ PRIV/g, ' DSA PRIV'),
    ),
    unsupported(
      'an OpenSSH key',
      'is not for TLS servers',
      chain + dsa.replace(/ PRIV/g, ' OPENSSH PRIV'),
    ),
    unsupported(
      'RSA with three primes',
      'two primes',
      certified(intermediate, primes).pem + primes,
    ),
    unsupported('PKCS#1 with three primes', 'two primes', chain + pkcs1(primes)),
    unsupported('an issuer on another curve', 'certificate 2', pairUnder(underOdd, odd)),
  ];
}

function pairUnder(made: Made, issuer: Made): string {
  return made.pem + issuer.pem + made.key;
}

function badChains({ root, intermediate, usual, other, chain }: Ingredients): PairCase[] {
  const second = authority('/CN=I2', { issuer: intermediate });
  const deep = leaf(LEAF_NAMES, { issuer: second });
  const foreign = authority('/CN=Foreign');
  const renewed = authority('/O=Example/CN=E1', { issuer: root });
  const manyNames = Array.from({ length: 8000 }, (_, i) => `host-${i}.a.example`);
  const large = leaf(manyNames, { subject: '/CN=a' });
  const bad = (title: string, detail: string, certificates: string[], own = usual.key): PairCase =>
    refused('bad-chain', title, detail, certificates.join('') + own);
  const noIssuer = 'none of the other certificates is the issuer, CN=E1,O=Example';
  return [
    bad('an intermediate left out', 'CN=I2', [deep.pem, intermediate.pem], deep.key),
    bad('a foreign root', noIssuer, [usual.pem, foreign.pem]),
    bad('another leaf', noIssuer, [usual.pem, other.pem]),
    bad('the root without the intermediate', noIssuer, [root.pem, usual.pem]),
    bad("the issuer's name with another key", 'not the key that signed', [usual.pem, renewed.pem]),
    bad('over a hundred certificates', 'over 100', [chain, root.pem.repeat(99)]),
    bad('eleven certificates in a row', 'over 10', ...longChain()),
    bad('over 100 KiB', '100 KiB', [large.pem], large.key),
  ];
}

/** Eleven certificates, each of which is the issuer of the one before it, and the key of the first. */
function longChain(): [string[], string] {
  const authorities = [authority('/CN=A0')];
  for (let i = 1; i < 10; i++)
    authorities.unshift(authority(`/CN=A${i}`, { issuer: authorities[0]! }));
  const made = leaf(LEAF_NAMES, { issuer: authorities[0]! });
  return [[made, ...authorities].map(({ pem: text }) => text), made.key];
}

/** Makes cases with one code. */
function of(
  code: RefusalCode,
): (title: string, detail: string, cert: string, key?: string) => PairCase {
  return (title, detail, cert, ownKey) => refused(code, title, detail, cert, ownKey);
}
