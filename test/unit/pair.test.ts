import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { beforeAll, describe, expect, test, vi } from 'vitest';

import { hexOf, readWhole, write } from '../../src/der';
import { proveKey, readPair } from '../../src/pair';
import type { RefusalCode } from '../../src/refusal';
import { type PairCase, makePairCases } from '../support/pairs';
import {
  EC,
  type Made,
  RSA,
  authority,
  der,
  key,
  leaf,
  load,
  openssl,
  pem,
} from '../support/openssl';

const refusal = (code: RefusalCode, detail: string | RegExp = ''): unknown =>
  expect.objectContaining({
    code,
    message: expect.stringMatching(detail) as unknown,
  });

/** Expects that a pair is taken, and by OpenSSL too. */
function taken(text: string, keyPem?: string): ReturnType<typeof readPair> {
  const pair = readPair(text, keyPem);
  load(pair.chain, pair.key);
  return pair;
}

function refused(code: RefusalCode, detail: string | RegExp, text: string, keyPem?: string): void {
  expect(() => readPair(text, keyPem)).toThrow(refusal(code, detail));
}

const sec1 = (text: string): string => openssl(['ec'], text);
const pkcs1 = (text: string): string => openssl(['rsa', '-traditional'], text);
const publicOf = (text: string): string => openssl(['pkey', '-pubout'], text);

/** A certificate for a key that could not sign a request of its own. */
const certified = (by: Made, privateKey: string): Made => ({
  ...leaf(['a.example'], { issuer: by, publicKey: publicOf(privateKey) }),
  key: privateKey,
});

let root: Made;
let intermediate: Made;
let usual: Made;
let other: Made;
let rsaKey: string;
let chain: string;

beforeAll(() => {
  root = authority('/O=Example/CN=Root');
  intermediate = authority('/O=Example/CN=E1', { issuer: root });
  usual = leaf(['a.example'], { issuer: intermediate });
  other = leaf(['b.example'], { issuer: intermediate });
  rsaKey = key(RSA + '2048');
  chain = usual.pem + intermediate.pem;
});

const cases = await makePairCases();
const inputOf = ({ cert, key: own }: PairCase): [string, string?] =>
  own === undefined ? [cert] : [cert, own];

describe('each pair that is taken', () => {
  test.each(cases.filter(({ read }) => read === 'taken'))('$title', async (offered) => {
    const pair = readPair(...inputOf(offered));
    expect({ chain: pair.chain, key: pair.key }).toEqual(offered.served);
    expect(pair.keyProven).toBe(offered.disk !== 'unsupported-key');
    const isForeign = offered.put === 'key-mismatch';
    if (pair.keyProven || !isForeign) load(pair.chain, pair.key);
    await (isForeign ? expect(proveKey(pair)).rejects.toThrow() : proveKey(pair));
  });
});

describe('each pair that is refused', () => {
  test.each(cases.filter(({ read }) => read !== 'taken'))('$title: $read', (offered) => {
    const { read, detail = '' } = offered;
    refused(read as RefusalCode, detail, ...inputOf(offered));
    if (read !== 'weak') return;
    const loading = expect(() => load(offered.cert, offered.key ?? offered.cert));
    if (offered.isTolerated) loading.not.toThrow();
    else loading.toThrow(/too small|too weak/);
  });
});

describe('what is taken comes out normalised', () => {
  const shapes: [string, () => [string, string?]][] = [
    ['chain, key', () => [chain + usual.key]],
    ['key, chain', () => [usual.key + chain]],
    ['leaf, key, intermediate', () => [usual.pem + usual.key + intermediate.pem]],
    ['the key in a file of its own', () => [chain, usual.key]],
    ['CRLF', () => [(chain + usual.key).replace(/\n/g, '\r\n')]],
    ['no last newline', () => [(chain + usual.key).trimEnd()]],
    ['a byte order mark', () => ['\ufeff' + chain, '\ufeff' + usual.key]],
    ['-text output', () => [openssl(['x509', '-text'], usual.pem) + intermediate.pem + usual.key]],
    [
      'Bag Attributes',
      () => [`Bag Attributes\n  localKeyID: 01\n${chain}Key Attributes\n${usual.key}`],
    ],
    ['X509 CERTIFICATE', () => [(chain + usual.key).replace(/ CERT/g, ' X509 CERT')]],
    [
      'TRUSTED CERTIFICATE',
      () => [
        openssl(['x509', '-addtrust', 'serverAuth', '-setalias', 'a', '-trustout'], usual.pem) +
          intermediate.pem +
          usual.key,
      ],
    ],
    [
      'TRUSTED CERTIFICATE with nothing added',
      () => [(chain + usual.key).replace(/ CERT/g, ' TRUSTED CERT')],
    ],
    ['the key twice', () => [usual.key + chain + usual.key]],
    [
      'DH PARAMETERS',
      () => [chain + pem('DH PARAMETERS', Buffer.from('3006020117020102', 'hex')) + usual.key],
    ],
    ['another key beside the chain', () => [other.key + chain, usual.key]],
    ['another certificate beside the key', () => [chain, other.pem + usual.key]],
  ];

  test.each(shapes)('%s', (_, make) => {
    const [text, keyPem] = make();
    const pair = taken(text, keyPem);
    expect(pair.chain).toBe(chain);
    expect(pair.key).toBe(usual.key);
    expect(pair.keyProven).toBe(true);
    expect(pair.leaf.names).toEqual(['a.example']);
  });

  test('with the root, or alone', () => {
    expect(taken(chain + root.pem + usual.key).chain).toBe(chain + root.pem);
    expect(taken(usual.pem + usual.key).chain).toBe(usual.pem);
    const self = leaf(['self.example']);
    expect(taken(self.pem + self.key).chain).toBe(self.pem);
  });

  test('twice is once, however text is put between', () => {
    const line = fc.constantFrom(
      '',
      ' ',
      '\t',
      'Bag Attributes',
      '  a: b',
      '----',
      '-----END',
      'größe',
    );
    const junk = fc.array(line).map((lines) => lines.concat('').join('\n'));
    const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
    fc.assert(
      fc.property(junk, junk, order, fc.constantFrom('\n', '\r\n'), (a, b, places, lineEnd) => {
        const blocks = places.map((i) => [usual.pem, intermediate.pem, usual.key][i]!);
        fc.pre(blocks.indexOf(usual.pem) < blocks.indexOf(intermediate.pem));
        const once = readPair((a + blocks.join(b) + b).replace(/\n/g, lineEnd));
        const twice = readPair(once.chain + once.key);
        expect([once.chain, once.key]).toEqual([chain, usual.key]);
        expect([twice.chain, twice.key]).toEqual([once.chain, once.key]);
      }),
    );
  });
});

describe('malformed', () => {
  test('something is missing', () => {
    refused('malformed', 'no certificate', '');
    refused('malformed', 'no certificate', usual.key);
    refused('malformed', 'no private key', chain);
    refused('malformed', 'no private key', chain + usual.key, '');
    refused('malformed', 'no certificate', '', chain + usual.key);
    refused('malformed', 'no certificate', 'Not PEM', '{}');
  });

  test('two different keys', () => {
    refused('malformed', 'two different', chain + usual.key + other.key);
    refused('malformed', 'two different', chain + usual.key + sec1(usual.key));
  });

  test('cut off anywhere', () => {
    const text = chain + usual.key;
    for (let length = 0; length < text.length - 1; length += 7) {
      expect(() => readPair(text.slice(0, length))).toThrow(refusal('malformed'));
    }
  });

  test('something after the DER', () => {
    const longer = (text: string, label: string) =>
      pem(label, Buffer.concat([der(text), Buffer.from([5, 0])]));
    refused('malformed', 'follows', longer(usual.pem, 'CERTIFICATE') + usual.key);
    refused('malformed', 'follows', chain + longer(usual.key, 'PRIVATE KEY'));
    refused('malformed', 'follows', chain + longer(sec1(usual.key), 'EC PRIVATE KEY'));
    const twice = Buffer.concat([der(usual.pem), Buffer.from([0x30, 0, 0x30, 0])]);
    refused('malformed', 'follows', pem('TRUSTED CERTIFICATE', twice) + usual.key);
  });

  test('a label that lies', () => {
    refused('malformed', '', usual.key.replace(/PRIVATE KEY/g, 'CERTIFICATE') + usual.key);
    for (const label of ['RSA PRIVATE KEY', 'EC PRIVATE KEY']) {
      expect(() => readPair(chain + usual.key.replace(/PRIVATE KEY/g, label))).toThrow();
    }
    refused('malformed', '', chain + sec1(usual.key).replace(/EC PRIVATE KEY/g, 'PRIVATE KEY'));
  });

  test('an EC key that does not say its curve, or says another', () => {
    const d = createPrivateKey(usual.key).export({ format: 'jwk' }).d!;
    const number = write(0x04, Buffer.from(d, 'base64url').toString('hex'));
    const bare = Buffer.from(write(0x30, '020101' + number), 'hex');
    refused('malformed', 'curve', chain + pem('EC PRIVATE KEY', bare));
    const inner = write(0x30, '020101' + number + 'a00706052b81040022');
    const algorithm = write(0x30, '06072a8648ce3d020106082a8648ce3d030107');
    const both = Buffer.from(write(0x30, '020100' + algorithm + write(0x04, inner)), 'hex');
    refused('malformed', 'curve', chain + pem('PRIVATE KEY', both));
  });

  test("an intermediate's point that is not on its curve", () => {
    const bytes = der(intermediate.pem);
    const point = bytes.indexOf(Buffer.from('03420004', 'hex'));
    bytes[point + 40]! ^= 1;
    const text = usual.pem + pem('CERTIFICATE', bytes) + usual.key;
    refused('malformed', 'certificate 2: not a point of P-256', text);
    expect(() => load(text, usual.key)).toThrow();
  });
});

describe('keys', () => {
  const usable: [string, string, boolean][] = [
    ['RSA-2048', RSA + '2048', true],
    ['RSA-3072', RSA + '3072', true],
    ['RSA-4096', RSA + '4096', true],
    ['RSA-2049', RSA + '2049', true],
    ['P-256', EC + 'P-256', true],
    ['P-384', EC + 'P-384', true],
    ['P-521', EC + 'P-521', true],
    ['Ed25519', 'ED25519', false],
    ['Ed448', 'ED448', false],
    ['RSA-PSS', 'RSA-PSS -pkeyopt rsa_keygen_bits:2048', true],
    [
      'RSA-PSS restricted',
      'RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256 ' +
        '-pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32',
      true,
    ],
  ];

  test.each(usable)('%s', async (_, algorithm, keyProven) => {
    const own = key(algorithm);
    const made = leaf(['a.example'], { issuer: intermediate, key: own });
    const pair = taken(made.pem + intermediate.pem + own);
    expect([pair.key, pair.keyProven]).toEqual([own, keyProven]);
    await proveKey(pair);

    const another = key(algorithm);
    if (keyProven) {
      refused('key-mismatch', 'not the first', made.pem + another);
    } else {
      const mismatch = readPair(made.pem + another);
      await expect(proveKey(mismatch)).rejects.toEqual(refusal('key-mismatch'));
    }
  });

  test('PKCS#1 and SEC1 keep their form', async () => {
    const rsa = leaf(['a.example'], { issuer: intermediate, key: rsaKey });
    const made: [Made, string][] = [
      [rsa, pkcs1(rsaKey)],
      [usual, sec1(usual.key)],
      [usual, openssl(['ecparam', '-name', 'P-256']) + sec1(usual.key)],
    ];
    for (const [{ pem: text }, own] of made) {
      const pair = taken(text + own);
      expect(pair.key).toBe(own.replace(/-----BEGIN EC PARAM[^]+?END EC PARAM.*\n/, ''));
      expect(pair.keyProven).toBe(true);
      await proveKey(pair);
    }
    refused('key-mismatch', '', usual.pem + sec1(other.key));
    refused('key-mismatch', '', usual.pem + pkcs1(rsaKey));
  });

  test.each(['SEC1', 'PKCS#8'])('%s without the point: the curve and length only', async (form) => {
    const without = (text: string): string =>
      form === 'SEC1'
        ? openssl(['ec', '-no_public'], text)
        : openssl(['pkcs8', '-topk8', '-nocrypt'], openssl(['ec', '-no_public'], text));
    const own = without(usual.key);
    expect(der(own).length).toBeLessThan(70);
    const pair = taken(chain + own);
    expect([pair.key, pair.keyProven]).toEqual([own, false]);
    await proveKey(pair);
    refused('key-mismatch', '', leaf(['a.example'], { key: key(EC + 'P-384') }).pem + own);
    refused('key-mismatch', '', leaf(['a.example'], { key: rsaKey }).pem + own);
    const mismatch = readPair(chain + without(other.key));
    expect(mismatch.keyProven).toBe(false);
    await expect(proveKey(mismatch)).rejects.toEqual(refusal('key-mismatch'));
  });

  test('without the point, the certificate has to be on its curve', () => {
    const bytes = der(usual.pem);
    bytes[bytes.indexOf(Buffer.from('03420004', 'hex')) + 40]! ^= 1;
    const own = openssl(['ec', '-no_public'], usual.key);
    refused('malformed', 'certificate 1: not a point', pem('CERTIFICATE', bytes) + own);
  });

  test('PKCS#8 with the public key attached is written without', async () => {
    const pair = generateKeyPairSync('ed25519');
    const old = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    const raw = pair.publicKey
      .export({ type: 'spki', format: 'der' })
      .subarray(-32)
      .toString('hex');
    const made = leaf(['a.example'], { issuer: intermediate, key: old });
    const info = hexOf(readWhole(der(old), 0x30, 'it'));
    const attached = (value: string): string =>
      pem(
        'PRIVATE KEY',
        Buffer.from(write(0x30, '020101' + info.slice(6) + write(0x81, '00' + value)), 'hex'),
      );
    const read = taken(made.pem + attached(raw));
    expect([read.key, read.keyProven]).toEqual([old, true]);
    await proveKey(read);
    refused(
      'key-mismatch',
      '',
      made.pem + attached(raw.replace(/.$/, (c) => (c === '0' ? '1' : '0'))),
    );
  });

  test('PKCS#8 with attributes is written without', () => {
    const info = hexOf(readWhole(der(usual.key), 0x30, 'it'));
    const own = pem('PRIVATE KEY', Buffer.from(write(0x30, info + 'a000'), 'hex'));
    expect(taken(chain + own).key).toBe(usual.key);
  });

  test('a compressed point, in the certificate or the key or both', () => {
    const compressedKey = openssl(['ec', '-conv_form', 'compressed'], usual.key);
    const compressedPublic = openssl(['ec', '-pubout', '-conv_form', 'compressed'], usual.key);
    const made = leaf(['a.example'], { issuer: intermediate, publicKey: compressedPublic });
    for (const text of [usual.pem, made.pem]) {
      for (const own of [usual.key, compressedKey]) {
        expect(taken(text + own).keyProven).toBe(true);
        refused('key-mismatch', '', text + other.key);
      }
    }
    refused('key-mismatch', '', made.pem + openssl(['ec', '-conv_form', 'compressed'], other.key));
  });

  test('a private part that is not that of the public part', async () => {
    const ours = createPrivateKey(usual.key).export({ format: 'jwk' }).d!;
    const theirs = createPrivateKey(other.key).export({ format: 'jwk' }).d!;
    const hex = der(usual.key).toString('hex');
    const mixed = hex.replace(
      Buffer.from(ours, 'base64url').toString('hex'),
      Buffer.from(theirs, 'base64url').toString('hex'),
    );
    expect(mixed).not.toBe(hex);
    const pair = taken(usual.pem + pem('PRIVATE KEY', Buffer.from(mixed, 'hex')));
    await expect(proveKey(pair)).rejects.toThrow();
  });

  test('what the engine cannot prove', async () => {
    const subtle = globalThis.crypto.subtle;
    const fails = vi.spyOn(subtle, 'importKey').mockRejectedValue(new TypeError('unknown'));
    try {
      const made = leaf(['a.example'], { issuer: intermediate, key: key('ED25519') });
      const unproven = readPair(made.pem + made.key);
      await expect(proveKey(unproven)).rejects.toEqual(refusal('unsupported-key', 'this njs'));
      await proveKey({ ...unproven, keyProven: true });
      const proven = readPair(chain + usual.key);
      await expect(proveKey(proven)).rejects.toEqual(refusal('malformed', 'public key'));
    } finally {
      fails.mockRestore();
    }
  });

  test('encrypted', () => {
    const pass = ['-passout', 'pass:secret'];
    refused('encrypted-key', 'decrypt', chain + openssl(['pkcs8', '-topk8', ...pass], usual.key));
    refused('encrypted-key', '', chain + openssl(['ec', '-aes256', ...pass], usual.key));
    refused(
      'encrypted-key',
      '',
      chain + openssl(['rsa', '-aes256', '-traditional', ...pass], rsaKey),
    );
    refused('encrypted-key', '', chain, openssl(['pkcs8', '-topk8', ...pass], usual.key));
  });

  test.each([
    ['secp256k1', EC + 'secp256k1'],
    ['brainpoolP256r1', EC + 'brainpoolP256r1'],
    ['P-224', EC + 'P-224'],
    ['sect283r1', EC + 'sect283r1'],
    ['explicit parameters', `${EC}P-256 -pkeyopt ec_param_enc:explicit`],
    ['X25519', 'X25519'],
    ['X448', 'X448'],
  ])('not usable: %s', (_, algorithm) => {
    const own = key(algorithm);
    const made = certified(intermediate, own);
    refused('unsupported-key', /private key|certificate 1/, made.pem + own);
    refused('unsupported-key', 'private key', chain + own);
    refused('unsupported-key', 'certificate 1', made.pem + usual.key);
    if (algorithm.startsWith('EC')) refused('unsupported-key', 'private key', chain + sec1(own));
  });

  test('not usable: DSA, OpenSSH, three primes', () => {
    const dsa = openssl([
      'genpkey',
      '-genparam',
      '-algorithm',
      'DSA',
      '-pkeyopt',
      'dsa_paramgen_bits:1024',
    ]);
    const pair = generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 });
    expect(dsa).toContain('DSA PARAMETERS');
    const own = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    refused('unsupported-key', 'private key', chain + own);
    refused('unsupported-key', 'DSA PRIVATE KEY', chain + own.replace(/ PRIV/g, ' DSA PRIV'));
    refused('unsupported-key', 'OPENSSH', chain + own.replace(/ PRIV/g, ' OPENSSH PRIV'));
    refused('unsupported-key', 'certificate 1', certified(intermediate, own).pem + usual.key);
    const primes = openssl(['genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_primes:3']);
    refused('unsupported-key', 'two primes', chain + primes);
    refused('unsupported-key', 'two primes', chain + pkcs1(primes));
  });

  test('a mismatch between kinds', () => {
    const rsa = leaf(['a.example'], { key: rsaKey });
    refused('key-mismatch', '', rsa.pem + usual.key);
    refused('key-mismatch', '', usual.pem + rsaKey);
    refused('key-mismatch', '', usual.pem + key('ED25519'));
    refused('key-mismatch', '', rsa.pem + key('ED448'));
    refused('key-mismatch', '', usual.pem + intermediate.pem, other.key);
  });

  test('an RSA exponent of its own', () => {
    const made = leaf(['a.example'], { key: rsaKey });
    const numbers = der(pkcs1(rsaKey)).toString('hex');
    const changed = numbers.replace('0203010001', '0203010003');
    expect(changed).not.toBe(numbers);
    refused('key-mismatch', '', made.pem + pem('RSA PRIVATE KEY', Buffer.from(changed, 'hex')));
    const even = numbers.replace('0203010001', '0203010000');
    refused('key-mismatch', '', made.pem + pem('RSA PRIVATE KEY', Buffer.from(even, 'hex')));
  });

  test('nothing of a key is in a refusal', () => {
    const texts = [usual.key, sec1(usual.key), rsaKey, pkcs1(rsaKey)].flatMap((text) => {
      const lines = text.split('\n');
      return [text, ...lines.map((_, i) => lines.filter((__, j) => i !== j).join('\n'))];
    });
    for (const text of texts) {
      for (const input of [other.pem + text, text]) {
        try {
          readPair(input);
        } catch (e) {
          for (const line of text.split('\n').filter((each) => !each.startsWith('---'))) {
            if (line.length > 3) expect((e as Error).message).not.toContain(line.slice(0, 8));
          }
        }
      }
    }
  });
});

describe('weak', () => {
  test('what OpenSSL calls too small or too weak', () => {
    const small = key(RSA + '1024');
    const pairs: [string, Made, string][] = [
      [
        'certificate 1 has an RSA key of 1024 bits',
        leaf(['a.example'], { issuer: root, key: small }),
        '',
      ],
      [
        'sha1WithRSA',
        leaf(['a.example'], { issuer: authority('/CN=R', { key: rsaKey }), args: ['-sha1'] }),
        '',
      ],
      [
        'md5WithRSA',
        leaf(['a.example'], { issuer: authority('/CN=R', { key: rsaKey }), args: ['-md5'] }),
        '',
      ],
      ['ecdsa-with-SHA1', leaf(['a.example'], { issuer: intermediate, args: ['-sha1'] }), ''],
      ['under 224 bits', certified(root, key(EC + 'P-192')), ''],
    ];
    for (const [detail, made] of pairs) {
      refused('weak', detail, made.pem + made.key);
      expect(() => load(made.pem, made.key), detail).toThrow(/too small|too weak/);
    }
  });

  test('an RSA key of 2047 bits, which OpenSSL still takes', () => {
    const made = leaf(['a.example'], { issuer: root, key: key(RSA + '2047') });
    refused('weak', 'certificate 1 has an RSA key of 2047 bits', made.pem + made.key);
  });

  test('in the chain', () => {
    const chains: [string, Made][] = [
      [
        'certificate 2 has an RSA key of 1024',
        authority('/CN=I', { issuer: root, key: key(RSA + '1024') }),
      ],
      [
        'certificate 2 is signed with ecdsa-with-SHA1',
        authority('/CN=I', { issuer: root, args: ['-sha1'] }),
      ],
      ['certificate 2 has an RSA key of 1024', authority('/CN=I', { key: key(RSA + '1024') })],
    ];
    for (const [detail, issuer] of chains) {
      const made = leaf(['a.example'], { issuer });
      refused('weak', detail, made.pem + issuer.pem + made.key);
      expect(() => load(made.pem + issuer.pem, made.key), detail).toThrow(/too small|too weak/);
      expect(taken(made.pem + made.key).keyProven).toBe(true);
    }
  });

  test("a root's own signature does not count, a leaf's does", () => {
    for (const own of [rsaKey, key(EC + 'P-256')]) {
      const old = authority('/CN=Old', { key: own, args: ['-sha1'] });
      const made = leaf(['a.example'], { issuer: old });
      taken(made.pem + old.pem + made.key);
      refused('weak', 'certificate 1 is signed', old.pem + old.key);
    }
  });

  test('what only looks self-signed counts', () => {
    const real = authority('/CN=Same', { key: rsaKey });
    const fake = authority('/CN=Same', { issuer: real, key: key(RSA + '2048'), args: ['-sha1'] });
    const made = leaf(['a.example'], { issuer: fake });
    refused('weak', 'certificate 2 is signed', made.pem + fake.pem + made.key);
    expect(() => load(made.pem + fake.pem, made.key)).toThrow(/too weak/);
  });

  test('RSA-PSS with SHA-1', () => {
    const issuer = authority('/CN=R', { key: rsaKey });
    const made = leaf(['a.example'], {
      issuer,
      args: ['-sha1', '-sigopt', 'rsa_padding_mode:pss'],
    });
    refused('weak', 'rsassaPss', made.pem + made.key);
    for (const options of [['-sha256'], ['-sha384', '-sigopt', 'rsa_pss_saltlen:0'], ['-sha512']]) {
      const args = ['-sigopt', 'rsa_padding_mode:pss', ...options];
      const good = leaf(['a.example'], { issuer, args });
      taken(good.pem + issuer.pem + good.key);
    }
  });
});

describe('bad-chain', () => {
  const deep = (): Made[] => {
    const second = authority('/CN=I2', { issuer: intermediate });
    return [leaf(['a.example'], { issuer: second }), second, intermediate, root];
  };

  test('in order it is taken, to any length; out of order it is not', () => {
    const all = deep();
    const own = all[0]!.key;
    for (let length = 1; length <= 4; length++) {
      taken(
        all
          .slice(0, length)
          .map((made) => made.pem)
          .join('') + own,
      );
    }
    const order = (...places: number[]) => places.map((i) => all[i]!.pem).join('') + own;
    refused('bad-chain', 'certificate 2 is not the issuer', order(0, 2, 1));
    refused('bad-chain', 'certificate 2 is not the issuer', order(0, 2));
    refused('bad-chain', 'certificate 4 is not the issuer', order(0, 1, 2, 1));
    refused('bad-chain', 'key belongs to certificate 4, which must come first', order(3, 2, 1, 0));
    refused('bad-chain', 'key belongs to certificate 2', order(1, 0));
  });

  test('certificates that do not belong', () => {
    const foreign = authority('/CN=Foreign');
    refused('bad-chain', 'certificate 2 is not', usual.pem + foreign.pem + usual.key);
    refused('bad-chain', 'certificate 3 is not', chain + foreign.pem + usual.key);
    refused('bad-chain', 'certificate 2 is not', usual.pem + other.pem + usual.key);
    refused('bad-chain', 'certificate 4 is not', chain + root.pem + foreign.pem + usual.key);
  });

  test('the right name, but not the key that signed', () => {
    const renewed = authority('/O=Example/CN=E1', { issuer: root });
    refused('bad-chain', 'another key', usual.pem + renewed.pem + usual.key);
    const quiet = authority('/O=Example/CN=E1', {
      issuer: root,
      extensions: ['basicConstraints=CA:TRUE', 'subjectKeyIdentifier=none'],
    });
    taken(usual.pem + quiet.pem + usual.key);
  });

  test('a certificate twice', () => {
    refused('bad-chain', 'certificate 2 is the one before', usual.pem + chain + usual.key);
    refused('bad-chain', 'certificate 3 is not the issuer', chain + usual.pem + usual.key);
    refused(
      'bad-chain',
      'certificate 4 is the one before',
      chain + root.pem + root.pem + usual.key,
    );
    const self = leaf(['self.example']);
    refused('bad-chain', 'certificate 2 is the one before', self.pem + self.pem + self.key);
  });

  test('too long', () => {
    refused('bad-chain', 'over 10', chain + root.pem.repeat(9) + usual.key);
    const names = Array.from({ length: 8000 }, (_, i) => `host-${i}.a.example`);
    const large = leaf(names, { subject: '/CN=a' });
    refused('bad-chain', '100 KiB', large.pem + large.key);
  });

  test('keys in the chain that cannot be used', () => {
    const odd = authority('/CN=I', { issuer: root, key: key(EC + 'secp256k1') });
    const made = leaf(['a.example'], { issuer: odd });
    refused('unsupported-key', 'certificate 2', made.pem + odd.pem + made.key);
    const compressed = authority('/CN=I', {
      issuer: root,
      key: usual.key,
      publicKey: openssl(['ec', '-pubout', '-conv_form', 'compressed'], usual.key),
    });
    const under = leaf(['a.example'], { issuer: compressed });
    refused(
      'unsupported-key',
      'certificate 2: a compressed',
      under.pem + compressed.pem + under.key,
    );
  });
});

describe('hostile input of a mebibyte', () => {
  const size = 700000;
  const filled = (label: string, content: string): string =>
    pem(label, Buffer.from(write(0x30, content.repeat(size / content.length)), 'hex'));

  test.each([
    ['certificates', () => usual.pem.repeat((1 << 20) / usual.pem.length) + usual.key],
    ['keys', () => chain + (usual.key + other.key).repeat(2000)],
    ['empty elements as a key', () => chain + filled('RSA PRIVATE KEY', '0500')],
    ['empty elements as a certificate', () => filled('CERTIFICATE', '3000') + usual.key],
    ['a large certificate', () => filled('CERTIFICATE', '31023000') + usual.key],
  ])('%s', (_, make) => {
    const text = make();
    const started = performance.now();
    expect(() => readPair(text)).toThrow();
    expect(performance.now() - started).toBeLessThan(500);
  });
});
