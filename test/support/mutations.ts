import { EC, RSA, authority, certificate, key, leaf, openssl, pem } from './openssl.js';
import { type Block, type Change, changeNumbers, changeText } from './number_mutations.js';
import { type Random, createRandom } from './random.js';

const LABELS = [
  ...['CERTIFICATE', 'X509 CERTIFICATE', 'TRUSTED CERTIFICATE', 'PRIVATE KEY', 'RSA PRIVATE KEY'],
  ...['EC PRIVATE KEY', 'DSA PRIVATE KEY', 'ENCRYPTED PRIVATE KEY', 'EC PARAMETERS', 'X509 CRL'],
];

/** Bytes that turn one valid thing into another: identifiers, tags, versions. */
const SWAPS = [
  ['2a864886f70d01010b', '2a864886f70d010105'], // sha256WithRSAEncryption, sha1WithRSAEncryption
  ['2a864886f70d01010b', '2a864886f70d010109'], // what is no signature algorithm
  ['2a8648ce3d040302', '2a8648ce3d040301'], // ecdsa-with-SHA256, ecdsa-with-SHA224
  ['2a8648ce3d030107', '2a8648ce3d030101'], // P-256, P-192
  ['2b81040022', '2b81040023'], // P-384, P-521
  ['2a864886f70d010101', '2a864886f70d01010a'], // rsaEncryption, rsassaPss
  ['2b6570', '2b656e'], // Ed25519, X25519
  ['0500', '0400'], // NULL
  ['020100', '020101'], // versions
  ['0c', '13'], // UTF8String, PrintableString
  ['0c', '1e'], // UTF8String, BMPString
  ['17', '18'], // UTCTime, GeneralizedTime
  ['0420', '041f'],
  ['034200', '034201'],
  ['04', '02'], // an uncompressed point, a compressed one
] as const;

const INSERTS = [
  '\n',
  '\r',
  ' ',
  '\t',
  '-',
  '=',
  ':',
  'A',
  '/',
  '_',
  '\0',
  '\ufeff',
  '\n\n',
  '-----',
];
const REPLACEMENTS = ['A', 'B', 'a', '0', '9', '+', '/', '=', '-'];

// Of the seed of the run that is under way.
let source: Random = createRandom(0);
let { below: random, pick } = source;

function flip(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  // Half of them where the structure is: at the start, and in runs of headers.
  const at = random(2) === 0 ? random(copy.length) : random(Math.min(copy.length, 64));
  copy[at]! ^= 1 << random(8);
  return copy;
}

function overwrite(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy[random(copy.length)] = pick([0, 1, 2, 3, 4, 5, 6, 0x30, 0x31, 0x7f, 0x80, 0x81, 0xa0, 0xff]);
  return copy;
}

function resize(bytes: Buffer): Buffer {
  const at = random(bytes.length);
  const by = 1 + random(4);
  const changed = [
    bytes.subarray(0, at),
    Buffer.concat([bytes, bytes.subarray(0, by)]),
    Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + by)]),
    Buffer.concat([bytes.subarray(0, at), bytes.subarray(at - by, at), bytes.subarray(at)]),
  ];
  return pick(changed);
}

function swap(bytes: Buffer): Buffer {
  const [a, b] = pick(SWAPS);
  const hex = bytes.toString('hex');
  const places = [...hex.matchAll(new RegExp(a, 'g'))].filter((match) => match.index % 2 === 0);
  if (places.length === 0) return flip(bytes);
  // Both of a certificate's signature algorithms, or any one.
  const only = random(2) === 0 ? null : pick(places).index;
  let changed = hex;
  for (const { index } of places) {
    if (only === null || only === index) {
      changed = changed.slice(0, index) + b + changed.slice(index + a.length);
    }
  }
  return Buffer.from(changed, 'hex');
}

function mutateDer(blocks: Block[]): string {
  const changed = blocks.map((block) => ({ ...block }));
  for (let count = pick([1, 1, 1, 2, 3]); count > 0; count--) {
    const block = pick(changed);
    if (block.der.length > 0)
      block.der = pick([flip, flip, flip, overwrite, swap, resize])(block.der);
  }
  return toText(changed);
}

function mutateBlocks(blocks: Block[], others: Block[]): string {
  const changed = blocks.map((block) => ({ ...block }));
  for (let count = 1 + random(2); count > 0; count--) {
    const at = random(changed.length);
    const mutations = [
      () => (changed[at]!.label = pick(LABELS)),
      () => changed.splice(at, 1),
      () => changed.splice(random(changed.length), 0, changed[at]!),
      () => changed.splice(random(changed.length), 0, ...changed.splice(at, 1)),
      () => changed.splice(at, 1, pick(others)),
      () => changed.splice(at, 0, pick(others)),
      () => changed.reverse(),
    ];
    if (changed.length > 0) pick(mutations)();
  }
  return toText(changed);
}

function mutateText(text: string): string {
  let changed = text;
  for (let count = 1 + random(3); count > 0; count--) {
    const at = random(changed.length + 1);
    const mutations = [
      () => changed.slice(0, at),
      () => changed.slice(at),
      () => changed.slice(0, at) + changed.slice(at + 1 + random(3)),
      () => changed.slice(0, at) + pick(INSERTS) + changed.slice(at),
      () => changed.slice(0, at) + pick(REPLACEMENTS) + changed.slice(at + 1),
      () => changed.replace(/\n/g, '\r\n'),
      () => changed.replace('-----\n', '-----\nProc-Type: 4,ENCRYPTED\n\n'),
      () => changed.split('\n').slice(random(4)).join('\n'),
      () => changed + changed.slice(at),
    ];
    changed = pick(mutations)();
  }
  return changed;
}

function toText(blocks: Block[]): string {
  return blocks.map(({ label, der }) => pem(label, der)).join('');
}

function toBlocks(text: string): Block[] {
  return [...text.matchAll(/-----BEGIN ([^-]+)-----([^-]+)-----END/g)].map((match) => ({
    label: match[1]!,
    der: Buffer.from(match[2]!, 'base64'),
  }));
}

/** Sound pairs of all kinds, chain and key in one text, for `a.example` and the names under it. */
export function makeSamples(): string[] {
  const root = authority('/O=Example/CN=Root');
  const old = authority('/CN=Old Root', { key: key(RSA + '2048'), args: ['-sha1'] });
  const under = (algorithm: string, issuer = root): string => {
    const intermediate = authority('/C=DE/O=Beispiel Größe/CN=E1', { issuer, key: key(algorithm) });
    const made = leaf(['a.example', '*.a.example'], { issuer: intermediate, key: key(algorithm) });
    return made.pem + intermediate.pem + made.key;
  };
  const p256 = under(EC + 'P-256');
  const rsa = under(RSA + '2048');
  const pss = 'RSA-PSS -pkeyopt rsa_keygen_bits:2048 -pkeyopt rsa_pss_keygen_md:sha256';
  return [
    p256,
    p256 + root.pem,
    rsa,
    under(RSA + '2048', old) + old.pem,
    under(EC + 'P-384'),
    under(EC + 'P-521'),
    under('ED25519'),
    under('ED448'),
    under(`${pss} -pkeyopt rsa_pss_keygen_mgf1_md:sha256 -pkeyopt rsa_pss_keygen_saltlen:32`),
    p256.replace(/-----BEGIN PRIVATE[^]+/, (found) => openssl(['ec'], found)),
    rsa.replace(/-----BEGIN PRIVATE[^]+/, (found) => openssl(['rsa', '-traditional'], found)),
    certificate({ key: key(RSA + '2048'), args: ['-sha1'] }).pem + p256,
  ];
}

/** A damaged pair, and what names it. */
export interface Mutation {
  /** What was done to it, in a few words that many mutations have in common. */
  kind: string;
  text: string;
  title: string;
}

/**
 * Damages samples, by each kind of mutation in turn, without end. The same samples give the same mutations for a seed.
 * Only one of these at a time.
 */
export function* mutations(samples: string[], seed: number): Generator<Mutation, never> {
  source = createRandom(seed);
  ({ below: random, pick } = source);
  const everyBlock = samples.flatMap(toBlocks);
  const of = ({ kind, blocks }: Change): [string, string] => [kind, toText(blocks)];
  for (let i = 0; ; i++) {
    const sample = pick(samples);
    const blocks = toBlocks(sample);
    const make: (() => [string, string])[] = [
      () => ['DER', mutateDer(blocks)],
      () => ['PEM blocks', mutateBlocks(blocks, everyBlock)],
      () => ['PEM text', mutateText(sample)],
      () => of(changeNumbers(blocks, source)),
      () => ['DER', mutateDer(blocks)],
      () => of(changeText(blocks, source)),
    ];
    const [kind, text] = make[i % make.length]!();
    yield { kind, text, title: `mutation ${i} of seed ${seed}, ${kind}:\n${text}` };
  }
}
