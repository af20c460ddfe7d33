import { createPrivateKey } from 'node:crypto';
import { hexOf, readWhole, write } from '../../../src/x509/der.js';
import { EC, type Made, RSA, authority, der, key, leaf, openssl, pem } from '../openssl.js';
import {
  COMPRESSED,
  type Ingredients,
  LEAF_NAMES,
  P384,
  P521,
  RSA_PSS,
  pkcs1,
  pointless,
  sec1,
  withPublicKey,
} from './made.js';
import { type PairCase, taken, unproven } from './pair_case.js';

/** Kinds of keys that carry their public part, apart from RSA, by the arguments of `openssl genpkey`. */
const USABLE_KEYS: [string, string][] = [
  ['P-256', EC + 'P-256'],
  ['P-384', P384],
  ['P-521', P521],
  ['RSA-PSS', RSA_PSS],
  [
    'RSA-PSS, restricted',
    `${RSA_PSS} -pkeyopt rsa_pss_keygen_md:sha256 -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32`,
  ],
];

/** @param rsaKeys of other lengths than 2048 bits */
export function takenCases(made: Ingredients, rsaKeys: string[]): PairCase[] {
  return [
    ...shapes(made),
    ...chains(made),
    ...repairedChains(made),
    ...keyKinds(made, rsaKeys),
    ...keyForms(made),
  ];
}

/** One pair in every shape that PEM is found in. */
function shapes({ usual, other, intermediate, chain }: Ingredients): PairCase[] {
  const pair = chain + usual.key;
  const found: [string, string, string?][] = [
    ['chain, key', pair],
    ['key, chain', usual.key + chain],
    ['leaf, key, intermediate', usual.pem + usual.key + intermediate.pem],
    ['the key in a file of its own', chain, usual.key],
    ['CRLF', pair.replace(/\n/g, '\r\n')],
    ['CRLF in two files', chain.replace(/\n/g, '\r\n'), usual.key.replace(/\n/g, '\r\n')],
    ['no last newline', pair.trimEnd()],
    ['no last newline in two files', chain.trimEnd(), usual.key.trimEnd()],
    ['a byte order mark', '\ufeff' + chain, '\ufeff' + usual.key],
    ['blank lines and blanks at line ends', pair.replace(/-----\n/g, '----- \n\n')],
    ['indented lines', pair.replace(/^/gm, '  ')],
    ['base64 in one line', oneLine(chain), oneLine(usual.key)],
    ['-text output', openssl(['x509', '-text'], usual.pem) + intermediate.pem + usual.key],
    ['Bag Attributes', `Bag Attributes\n  localKeyID: 01\n${chain}Key Attributes\n${usual.key}`],
    ['X509 CERTIFICATE', pair.replace(/ CERT/g, ' X509 CERT')],
    ['TRUSTED CERTIFICATE', trusted(usual.pem) + intermediate.pem + usual.key],
    ['TRUSTED CERTIFICATE with nothing added', pair.replace(/ CERT/g, ' TRUSTED CERT')],
    [
      'TRUSTED CERTIFICATE with more than OpenSSL appends',
      followed(usual.pem, 'TRUSTED CERTIFICATE') + intermediate.pem + usual.key,
    ],
    [
      'a certificate followed by more',
      usual.pem + followed(intermediate.pem, 'CERTIFICATE') + usual.key,
    ],
    ['files joined without a line break', chain.trimEnd() + usual.key],
    ['an END line missing', pair.replace(/-----END CERT.*\n/, '')],
    ['a NUL at the end of a line', pair.replace(/\n/g, '\0\n')],
    ['the key twice', usual.key + pair],
    ['another key after it', pair + other.key],
    ['another key before it', other.key + pair],
    ['another key before it in its file', chain, other.key + usual.key],
    ['the key in another form after it', pair + sec1(usual.key)],
    ['DH PARAMETERS', chain + DH_PARAMETERS + usual.key],
    ['X9.42 DH PARAMETERS', DH_PARAMETERS.replace(/ DH/g, ' X9.42 DH') + pair],
    ['blocks of other kinds, some of them odd', ODD_BLOCKS + pair],
    ['a BEGIN line that is none', `-----BEGIN CERTIFICATE----- of the leaf\n${pair}`],
    ['a public key', chain + openssl(['pkey', '-pubout'], usual.key) + usual.key],
    ['another key beside the chain', other.key + chain, usual.key],
    ['another certificate beside the key', chain, other.pem + usual.key],
  ];
  return found.map(([title, cert, ownKey]) =>
    taken(title, ownKey === undefined ? { cert } : { cert, key: ownKey }, {
      chain,
      key: usual.key,
    }),
  );
}

const DH_PARAMETERS = pem('DH PARAMETERS', Buffer.from('3006020117020102', 'hex'));

/** Labels may be any text (RFC 7468, section 2), and what is in other blocks is nobody's business. */
const ODD_BLOCKS =
  [
    '-----BEGIN PGP SIGNATURE-----\nVersion: 1\n\niQ==\n=abcd\n-----END PGP SIGNATURE-----',
    '-----BEGIN X509 CRL-----\nMAA=\n-----END X509 CRL-----',
    '-----BEGIN CERTIFICATE REQUEST-----\nMAA=\n-----END CERTIFICATE REQUEST-----',
    '-----BEGIN my.own/block_(2): größe-----\na: b\n-----END my.own/block_(2): größe-----',
    '-----BEGIN -----\n-----END -----',
  ].join('\n') + '\n';

/** A certificate with another element after it. */
function followed(text: string, label: string): string {
  return pem(label, Buffer.concat([der(text), Buffer.from('30003000', 'hex')]));
}

function oneLine(text: string): string {
  return text.replace(/([^-])\n(?!-)/g, '$1');
}

function trusted(text: string): string {
  return openssl(['x509', '-addtrust', 'serverAuth', '-setalias', 'a', '-trustout'], text);
}

interface OldRoot {
  issuer: Made;
  made: Made;
}

function chains({ root, intermediate, usual, rsa, chain }: Ingredients): PairCase[] {
  const second = authority('/CN=I2', { issuer: intermediate });
  const deep = leaf(LEAF_NAMES, { issuer: second });
  const self = leaf(LEAF_NAMES);
  const quiet = authority('/O=Example/CN=E1', {
    issuer: root,
    extensions: ['basicConstraints=CA:TRUE', 'subjectKeyIdentifier=none'],
  });
  const [oldRsa, oldEc] = [{ key: rsa.key }, {}].map((own) => {
    const issuer = authority('/CN=Old', { ...own, args: ['-sha1'] });
    return { issuer, made: leaf(LEAF_NAMES, { issuer }) };
  }) as [OldRoot, OldRoot];
  const found: [string, string[], string][] = [
    ['the leaf alone', [usual.pem], usual.key],
    ['a self-signed leaf', [self.pem], self.key],
    ['the root too', [chain, root.pem], usual.key],
    ['four certificates', [deep.pem, second.pem, intermediate.pem, root.pem], deep.key],
    ['an issuer without a key identifier', [usual.pem, quiet.pem], usual.key],
    ['an RSA root signed with SHA-1', [oldRsa.made.pem, oldRsa.issuer.pem], oldRsa.made.key],
    ['an EC root signed with SHA-1', [oldEc.made.pem, oldEc.issuer.pem], oldEc.made.key],
  ];
  for (const options of [['-sha256'], ['-sha384', '-sigopt', 'rsa_pss_saltlen:0'], ['-sha512']]) {
    const args = ['-sigopt', 'rsa_padding_mode:pss', ...options];
    const made = leaf(LEAF_NAMES, { issuer: oldRsa.issuer, args });
    found.push([`RSA-PSS ${options.join(' ')}`, [made.pem, oldRsa.issuer.pem], made.key]);
  }
  return found.map(([title, certificates, own]) => inOneFile(title, certificates.join(''), own));
}

/** Certificates of all kinds and in any order beside the leaf, and the chain that is made of them. */
function repairedChains({ root, intermediate, usual, other, rsa, chain }: Ingredients): PairCase[] {
  const second = authority('/CN=I2', { issuer: intermediate });
  const deep = leaf(LEAF_NAMES, { issuer: second });
  const foreign = authority('/CN=Foreign');
  const self = leaf(LEAF_NAMES);
  const weakRoot = authority('/CN=W', { key: key(RSA + '1024') });
  const underWeak = authority('/CN=V', { issuer: weakRoot });
  const strong = leaf(LEAF_NAMES, { issuer: underWeak });
  const all = [deep.pem, second.pem, intermediate.pem, root.pem];
  const inRow = all.join('');
  const repaired = (
    title: string,
    certificates: string[],
    served = chain,
    own = usual.key,
  ): PairCase => taken(title, { cert: certificates.join('') + own }, { chain: served, key: own });
  const shuffled = (title: string, ...places: number[]): PairCase =>
    repaired(
      title,
      places.map((i) => all[i]!),
      inRow,
      deep.key,
    );
  return [
    shuffled('intermediates the wrong way round', 0, 2, 1, 3),
    shuffled('the root before its intermediate', 0, 3, 2, 1),
    shuffled('the root first', 3, 2, 1, 0),
    shuffled('an intermediate again', 0, 1, 2, 1, 3),
    repaired('the issuer first', [intermediate.pem, usual.pem]),
    repaired('a foreign root at the end', [chain, foreign.pem]),
    repaired('a foreign root before the issuer', [usual.pem, foreign.pem, intermediate.pem]),
    repaired('a foreign root after the root', [chain, root.pem, foreign.pem], chain + root.pem),
    repaired('another leaf before', [other.pem, chain]),
    repaired('the leaf twice', [usual.pem, chain]),
    repaired('the leaf at the end again', [chain, usual.pem]),
    repaired('the root ten times', [chain, root.pem.repeat(10)], chain + root.pem),
    repaired('a self-signed leaf twice', [self.pem, self.pem], self.pem, self.key),
    repaired('a self-signed leaf and others', [self.pem, chain], self.pem, self.key),
    repaired('an unreadable certificate that nobody needs', [
      chain,
      pem('CERTIFICATE', Buffer.from('3000', 'hex')),
    ]),
    repaired(
      'a root with RSA-1024 above the intermediate',
      [strong.pem, underWeak.pem, weakRoot.pem],
      strong.pem + underWeak.pem,
      strong.key,
    ),
    ...[rsa.key, key(EC + 'P-256')].map((own) => {
      const old = leaf(LEAF_NAMES, { key: own, args: ['-sha1'] });
      const kind = own === rsa.key ? 'RSA' : 'EC';
      return repaired(`an ${kind} leaf that signed itself with SHA-1`, [old.pem], old.pem, own);
    }),
  ];
}

function keyKinds({ intermediate, rsa }: Ingredients, rsaKeys: string[]): PairCase[] {
  const usable = USABLE_KEYS.map(([title, algorithm]) => [title, key(algorithm)] as const);
  const rsaKinds = [rsa.key, ...rsaKeys].map((own) => {
    const { modulusLength = 0 } = createPrivateKey(own).asymmetricKeyDetails ?? {};
    return [`RSA-${modulusLength}`, own] as const;
  });
  return [
    ...[...usable, ...rsaKinds].map(([title, own]) => {
      const made = leaf(LEAF_NAMES, { issuer: intermediate, key: own });
      return inOneFile(title, made.pem + intermediate.pem, own);
    }),
    ...(['Ed25519', 'Ed448'] as const).flatMap((kind) => {
      const made = leaf(LEAF_NAMES, { issuer: intermediate, key: key(kind.toUpperCase()) });
      const another = key(kind.toUpperCase());
      const chain = made.pem + intermediate.pem;
      return [
        unproven(kind, 'taken', { chain, key: made.key }, kind),
        unproven(`${kind}, another key`, 'key-mismatch', { chain, key: another }, kind),
      ];
    }),
  ];
}

/** The ways to write a key down. */
function keyForms({ intermediate, usual, other, compressed, rsa, chain }: Ingredients): PairCase[] {
  const rsaChain = rsa.pem + intermediate.pem;
  const curve = openssl(['ecparam', '-name', 'P-256']);
  const compressedKey = openssl(['ec', ...COMPRESSED], usual.key);
  const written = (title: string, text: string, served: string, of = chain): PairCase =>
    taken(title, { cert: of + text }, { chain: of, key: served });
  return [
    inOneFile('PKCS#1', rsaChain, pkcs1(rsa.key)),
    inOneFile('SEC1', chain, sec1(usual.key)),
    written('SEC1 after EC PARAMETERS', curve + sec1(usual.key), sec1(usual.key)),
    written('PKCS#8 with attributes', withAttributes(usual.key), usual.key),
    attachedEd25519(
      intermediate.pem,
      leaf(LEAF_NAMES, { issuer: intermediate, key: key('ED25519') }),
    ),
    inOneFile('a compressed point in the key', chain, compressedKey),
    inOneFile('a compressed point in the leaf', compressed.pem, usual.key),
    inOneFile('a compressed point in both', compressed.pem, compressedKey),
    unproven('SEC1 without the point', 'taken', { chain, key: pointless.sec1(usual.key) }),
    unproven('PKCS#8 without the point', 'taken', { chain, key: pointless.pkcs8(usual.key) }),
    unproven('another SEC1 key without the point', 'key-mismatch', {
      chain,
      key: pointless.sec1(other.key),
    }),
    unproven('another PKCS#8 key without the point', 'key-mismatch', {
      chain,
      key: pointless.pkcs8(other.key),
    }),
    {
      ...inOneFile(
        'a private part that is not that of the public part',
        chain,
        mixed(usual, other),
      ),
      put: 'key-mismatch',
      detail: '',
      failsToSign: true,
    },
  ];
}

function withAttributes(text: string): string {
  const info = hexOf(readWhole(der(text), 0x30, 'it'));
  return pem('PRIVATE KEY', Buffer.from(write(0x30, info + 'a000'), 'hex'));
}

/** RFC 5958 lets a key's file hold the public key. OpenSSL computes it all the same. */
function attachedEd25519(issuerPem: string, made: { pem: string; key: string }): PairCase {
  const chain = made.pem + issuerPem;
  const served = { chain, key: made.key };
  return {
    ...unproven('PKCS#8 with the public key', 'taken', served, 'Ed25519'),
    cert: chain + withPublicKey(made.key),
  };
}

/** The first key with the private number of the second. */
function mixed(first: { key: string }, second: { key: string }): string {
  const number = (text: string): string =>
    Buffer.from(createPrivateKey(text).export({ format: 'jwk' }).d!, 'base64url').toString('hex');
  const hex = der(first.key).toString('hex').replace(number(first.key), number(second.key));
  return pem('PRIVATE KEY', Buffer.from(hex, 'hex'));
}

function inOneFile(title: string, chain: string, ownKey: string): PairCase {
  return taken(title, { cert: chain + ownKey }, { chain, key: ownKey });
}
