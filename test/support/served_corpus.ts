import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { children, hexOf, hexOfWhole, readWhole, write } from '../../src/x509/der.js';
import {
  type StringType,
  type Wanted,
  authorityPem,
  certificatePem,
  commonName,
  extensionHex,
  extensions,
  issuerCalled,
  keyId,
  nameHex,
  newEcKey,
} from './certificate_writer.js';
import { der, pem } from './openssl.js';
import { type Random, createRandom } from './random.js';

// Pairs that static nginx serves, or may serve, and clients verify: everything that is found beside a leaf and its key, in every order and
// spelling. All leaves are for `*.a.example`.

/** A pair in two files, and what a client trusts. */
export interface Offer {
  /** What is unusual about it, in a few words that many have in common. */
  kind: string;
  cert: string;
  key: string;
  trusted: string;
  title: string;
}

const NAMES = extensions.dnsNames('a.example', '*.a.example');
const DAY_MS = 86_400_000;

/** Who issues the corpus, and for which keys. */
function makeWorld() {
  const rsa = (): KeyObject => generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  const rootA = issuerCalled('Root A');
  const rootB = issuerCalled('Root B');
  const middle = issuerCalled('Middle Authority');
  const low = issuerCalled('Low');
  const old = issuerCalled('Old Root', rsa());
  const namingItself = extensions.authorityKeyId(keyId(old.key), {
    issuer: old.name,
    serial: '5101',
  });
  return {
    middle,
    low,
    keys: { ec: newEcKey(), p384: newEcKey('P-384'), rsa: rsa() },
    otherKey: newEcKey(),
    rootA: authorityPem(rootA, rootA),
    rootB: authorityPem(rootB, rootB),
    middleByA: authorityPem(middle, rootA),
    middleByB: authorityPem(middle, rootB),
    lateMiddle: authorityPem(middle, rootA, {
      notBefore: new Date(Date.now() - 9 * DAY_MS),
      notAfter: new Date(Date.now() - DAY_MS),
    }),
    lowByMiddle: authorityPem(low, middle),
    rootAByOld: authorityPem(rootA, old),
    rootAByB: authorityPem(rootA, rootB),
    oldRoot: authorityPem(old, old, {
      hash: 'sha1',
      serial: '5101',
      extensions: [extensions.authority, extensions.subjectKeyId(keyId(old.key)), namingItself],
    }),
    foreign: authorityPem(issuerCalled('Foreign'), rootB),
    namesake: authorityPem({ name: middle.name, key: newEcKey() }, rootB),
  };
}

type World = ReturnType<typeof makeWorld>;

/** A pair that is being made. */
interface Draft {
  leaf: Wanted;
  /** The certificates above the leaf that a client needs. */
  above: string[];
  /** Those that stand there as well. */
  more: string[];
  isShuffled: boolean;
  key: (key: KeyObject) => string;
  /** Changes the texts of both files. */
  text: (text: string) => string;
  trusted: string;
}

type Twist = (draft: Draft, world: World, random: Random) => void;

const pkcs8 = (key: KeyObject): string => key.export({ format: 'pem', type: 'pkcs8' }).toString();
const oldForm = (key: KeyObject): string =>
  key
    .export({ format: 'pem', type: key.asymmetricKeyType === 'rsa' ? 'pkcs1' : 'sec1' })
    .toString();

/** SEC1 as GnuTLS writes some keys. */
function withZero(key: KeyObject): string {
  if (key.asymmetricKeyType === 'rsa') return pkcs8(key);
  const [version, number, ...rest] = children(readWhole(der(oldForm(key)), 0x30, 'it'));
  const parts = [hexOfWhole(version!), write(0x04, `00${hexOf(number!)}`), ...rest.map(hexOfWhole)];
  return pem('EC PRIVATE KEY', Buffer.from(write(0x30, parts.join('')), 'hex'));
}

const MIDDLE_NAMES: [string, StringType][] = [
  ['Middle Authority', 'printable'],
  ['Middle Authority', 'bmp'],
  ['Middle Authority', 't61'],
  ['Middle Authority', 'universal'],
  ['Middle Authority', 'ia5'],
  ['MIDDLE authority', 'utf8'],
  ['  Middle \t  Authority ', 'utf8'],
];

const ATTRIBUTE = write(0x30, '0603550403' + '0c026162');
const DIRECTORY_NAME = write(0xa4, write(0x30, write(0x31, ATTRIBUTE)));
const URI = write(0x86, Buffer.from('http://ca.example/').toString('hex'));
const point = (content: string): string =>
  extensionHex('551d1f', write(0x30, write(0x30, content)));

/** Well-formed extensions that are rare, or that OpenSSL does not read. */
const RARE_EXTENSIONS = [
  point(write(0xa0, write(0xa1, ATTRIBUTE))),
  point(write(0xa0, write(0xa0, URI + DIRECTORY_NAME)) + '81020780'),
  point(write(0xa2, DIRECTORY_NAME)),
  extensionHex('551d12', write(0x30, DIRECTORY_NAME + URI)),
  extensionHex('551d12', '3000'),
  extensionHex('551d12', '0500'),
  extensionHex('551d20', write(0x30, write(0x30, '06032a0304'))),
  extensionHex('551d20', '0101ff'),
  extensionHex('2b06010505070101', write(0x30, write(0x30, '06082b06010505073002' + URI))),
  extensionHex('2b06010505070107', write(0x30, write(0x30, '04020001' + '0500'))),
  extensionHex('6086480186f8420101', '03020640'),
  extensionHex('6086480186f842010d', '16024869'),
  extensionHex('2a0304', 'ffff'),
  extensionHex('2a0304', '') + extensionHex('2a0304', ''),
  extensionHex('551d25', write(0x30, '06082b06010505070301' + '06032a0304')),
];

/** Names in a subjectAltName beside the DNS names. */
const RARE_NAMES = [
  write(0xa0, '06032a0304' + write(0xa0, '0c0161')),
  write(0x81, '6140612e6578616d706c65'),
  write(0xa3, '3100'),
  DIRECTORY_NAME,
  write(0xa5, write(0xa1, '130161')),
  URI,
  write(0x87, 'c0000201'),
  write(0x88, '2a0304'),
];

/** PEM blocks of other kinds. */
const OTHER_BLOCKS = [
  pem('X9.42 DH PARAMETERS', Buffer.from('3006020117020102', 'hex')),
  pem('EC PARAMETERS', Buffer.from('06082a8648ce3d030107', 'hex')),
  pem('CERTIFICATE REQUEST', Buffer.from('3000', 'hex')),
  pem('X509 CRL', Buffer.from('3000', 'hex')),
  pem('my.own block (2)', Buffer.from('00', 'hex')),
  pem('größe', Buffer.from('00', 'hex')),
  pem('PKCS7', Buffer.from('3000', 'hex')),
  '-----BEGIN CERTIFICATE----- is what follows\n',
  'Bag Attributes\n    friendlyName: größe\n    localKeyID: 01 02\n',
];

const TEXTS: ((text: string) => string)[] = [
  (text) => text.replace(/\n/g, '\r\n'),
  (text) => text.replace(/\n/g, ' \t\n'),
  (text) => text.replace(/\n/g, '\f\n'),
  (text) => '\ufeff' + text,
  (text) => text.trimEnd(),
  (text) => text.replace(/([^-])\n(?!-)/g, '$1'),
  (text) => text.replace(/(?<=\n[^-\n]{20})(?=[^-\n])/g, '\n'),
  (text) => text.replace(/^-----BEGIN/gm, '# größe -----BEGIN\n-----BEGIN'),
  (text) => text.replace(/ CERTIFICATE-/g, ' X509 CERTIFICATE-'),
  (text) =>
    text.replace(/ CERTIFICATE-/, ' TRUSTED CERTIFICATE-').replace(/END CERT/, 'END TRUSTED CERT'),
];

const TWISTS: Record<string, Twist> = {
  'nothing unusual': () => undefined,
  'a certificate twice': (draft, _, { pick }) => {
    draft.more.push(pick(draft.above));
  },
  'another order': (draft, world) => {
    deepen(draft, world);
    draft.more.push(world.rootA);
    draft.isShuffled = true;
  },
  'roots and foreign certificates': (draft, world, { pick }) => {
    draft.more.push(pick([world.rootA, world.rootB, world.foreign, world.oldRoot, world.namesake]));
    draft.more.push(pick([world.foreign, world.rootB, world.rootA]));
  },
  'cross-certificates': (draft, world, { below, pick }) => {
    if (below(2) === 0) deepen(draft, world);
    draft.more.push(...pick([[], [world.rootAByB], [world.rootA, world.rootB]]));
    const others = [world.middleByA, world.middleByB];
    draft.above = draft.above.filter((text) => !others.includes(text));
    draft.above.push(...(below(2) === 0 ? others : others.reverse()));
    if (below(2) === 0) draft.trusted = world.rootB;
  },
  'an expired one beside a valid one': (draft, world) => {
    draft.more.push(world.lateMiddle);
  },
  'an old root signed with SHA-1': (draft, world) => {
    draft.more.push(world.rootAByOld, world.oldRoot);
  },
  "the issuer's name in another spelling": (draft, _, { pick }) => {
    const [text, as] = pick(MIDDLE_NAMES);
    if (draft.above.length === 1) draft.leaf.issuer = commonName(text, as);
  },
  'other key identifiers': (draft, _, { pick }) => {
    const id = keyId(draft.leaf.signingKey);
    draft.leaf.extensions = [
      extensions.leaf,
      NAMES,
      ...pick([[], [extensions.subjectKeyId('aa')], [extensions.authorityKeyId(id)]]),
    ];
  },
  'a rare extension': (draft, _, { pick }) => {
    draft.leaf.extensions = [...(draft.leaf.extensions ?? []), pick(RARE_EXTENSIONS)];
  },
  'a rare form of name': (draft, _, { pick }) => {
    const names = ['612e6578616d706c65', '2a2e612e6578616d706c65'].map((name) => write(0x82, name));
    const all = extensionHex('551d11', write(0x30, names.join('') + pick(RARE_NAMES)));
    draft.leaf.extensions = (draft.leaf.extensions ?? []).map((one) => (one === NAMES ? all : one));
  },
  'a rare subject': (draft, _, { pick }) => {
    draft.leaf.subject = pick([
      nameHex(),
      commonName('größe', 'bmp'),
      commonName('größe', 'universal'),
      nameHex([
        { type: 'CN', text: 'a' },
        { type: 'O', text: 'b' },
      ]),
      write(0x30, write(0x31, write(0x30, '060355042d' + '03020780'))),
      write(0x30, write(0x31, write(0x30, '0603550410' + '3004' + '0c026162'))),
    ]);
  },
  'another key': (draft, world, { pick }) => {
    draft.leaf.key = pick([world.keys.rsa, world.keys.p384]);
  },
  'another signature': (draft, _, { pick }) => {
    draft.leaf.hash = pick(['sha384', 'sha3-256']);
  },
  'another form of the key': (draft, _, { pick }) => {
    draft.key = pick([oldForm, withZero]);
  },
  'several keys': (draft, world, { pick }) => {
    const { key } = draft;
    draft.key = pick<Draft['key']>([
      (own) => key(own) + pkcs8(world.otherKey),
      (own) => key(own) + key(own),
      (own) => OTHER_BLOCKS[1]! + key(own) + pkcs8(world.keys.rsa),
    ]);
  },
  'blocks of other kinds': (draft, _, { pick }) => {
    const [first, second] = [pick(OTHER_BLOCKS), pick(OTHER_BLOCKS)];
    draft.more.push(first);
    const { key } = draft;
    draft.key = (own) => second + key(own);
  },
  'PEM as it is found': (draft, _, { pick }) => {
    draft.text = pick(TEXTS);
  },
  'damage beside the chain': (draft, world, { below }) => {
    const bytes = der(world.foreign);
    bytes[below(bytes.length)]! ^= 1 << below(8);
    draft.more.push(pem('CERTIFICATE', bytes));
  },
  'damage of a text': (draft, _, { below, pick }) => {
    let isDone = false;
    // Of the certificates alone, and half of it at the end of a line.
    draft.text = (text) => {
      if (isDone) return text;
      isDone = true;
      const at = below(text.length);
      const end = below(2) === 0 ? text.indexOf('\n', at) : -1;
      const more = pick(['', '\n', ' ', '-', '=', 'A', '\0', ':']);
      return text.slice(0, end < 0 ? at : end) + more + text.slice(end < 0 ? at + below(2) : end);
    };
  },
};

/** Puts another intermediate between. */
function deepen(draft: Draft, world: World): void {
  if (draft.leaf.issuer !== world.middle.name) return;
  Object.assign(draft.leaf, { issuer: world.low.name, signingKey: world.low.key });
  draft.leaf.extensions = [extensions.leaf, NAMES, extensions.authorityKeyId(keyId(world.low.key))];
  draft.above.unshift(world.lowByMiddle);
}

export const KINDS = Object.keys(TWISTS);

/** Those of which static nginx may serve none. */
export const DAMAGES = KINDS.filter((kind) => kind.startsWith('damage'));

/** Makes pairs, of each kind in turn, and of others with it, without end. The choices are the same for a seed. */
export function* servedOffers(seed: number): Generator<Offer, never> {
  const random = createRandom(seed);
  const world = makeWorld();
  for (let i = 0; ; i++) {
    const kind = KINDS[i % KINDS.length]!;
    const twists = [kind, ...Array.from({ length: random.below(3) }, () => random.pick(KINDS))];
    const draft: Draft = {
      leaf: {
        subject: commonName('a.example'),
        issuer: world.middle.name,
        key: world.keys.ec,
        signingKey: world.middle.key,
        extensions: [extensions.leaf, NAMES, extensions.authorityKeyId(keyId(world.middle.key))],
      },
      above: [world.middleByA],
      more: [],
      isShuffled: false,
      key: pkcs8,
      text: (text) => text,
      trusted: world.rootA,
    };
    for (const twist of twists) TWISTS[twist]!(draft, world, random);
    const others = [...draft.above, ...draft.more];
    if (draft.isShuffled || random.below(3) === 0) shuffle(others, random);
    const cert = draft.text(certificatePem(draft.leaf) + others.join(''));
    const key = draft.text(draft.key(draft.leaf.key));
    const title = `pair ${i} of seed ${seed}, ${twists.join(', ')}:\n${cert}\n${key}`;
    yield { kind, cert, key, trusted: draft.trusted, title };
  }
}

function shuffle(texts: string[], { below }: Random): void {
  for (let i = texts.length - 1; i > 0; i--) {
    const j = below(i + 1);
    [texts[i], texts[j]] = [texts[j]!, texts[i]!];
  }
}
