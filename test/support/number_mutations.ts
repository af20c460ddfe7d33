import { X509Certificate } from 'node:crypto';
import {
  type Element,
  children,
  hexOf,
  hexOfWhole,
  readElement,
  write,
} from '../../src/x509/der.js';
import type { Random } from './random.js';

// Damage that leaves a pair well formed: of a key's numbers, of a point, of a public key beside a private one, of text in a name.

export interface Block {
  label: string;
  der: Buffer;
}

/** What a mutation does: its kind, and the blocks that come of it. */
export interface Change {
  kind: string;
  blocks: Block[];
}

/** n, e, d, p, q, dP, dQ and qInv. */
const RSA_NUMBERS = 8;
const RSA = '300d06092a864886f70d0101010500';

/** Bytes that are no UTF-8. */
const NO_UTF8 = [
  ...['eda080', 'edbfbf', 'c0af', 'c1bf', 'e09f80', 'f08f8080', 'f4908080', 'f7bfbfbf'],
  ...['f888808080', '80', 'bf', 'c3', 'e282', 'ff', 'fe'],
];

/** Damages the numbers of a pair whose key is of any kind. The leaf comes first. */
export function changeNumbers(blocks: Block[], random: Random): Change {
  const key = blocks.findIndex(({ label }) => label.endsWith('PRIVATE KEY'));
  const changes = [(): Change => changeBoth(blocks, random)];
  const own = blocks[key];
  if (own) {
    const root = readElement(own.der, 0, own.der.length);
    const rsa = rsaNumbersIn(own.label, root);
    if (rsa) changes.push(() => changeRsa(blocks, key, rsa, random));
    if (isBare(root)) changes.push(() => attach(blocks, key, root, random));
  }
  // Most often what only this kind of key has.
  return (random.below(4) === 0 ? changes[0]! : changes.at(-1)!)();
}

function contentOf(element: Element): Element {
  return readElement(element.bytes, element.start, element.end);
}

/** The numbers of an RSA key; null where it is another one. */
function rsaNumbersIn(label: string, root: Element): Element[] | null {
  const parts = children(root);
  if (label === 'RSA PRIVATE KEY') return parts.slice(1);
  const isRsa = parts[1] !== undefined && hexOfWhole(parts[1]) === RSA;
  return isRsa ? children(contentOf(parts[2]!)).slice(1) : null;
}

/** One of the numbers gets longer, or shorter, or another bit. */
function changeRsa(blocks: Block[], at: number, numbers: Element[], random: Random): Change {
  const { below, pick } = random;
  const which = below(RSA_NUMBERS);
  const value = BigInt(`0x${hexOf(numbers[which]!)}`);
  const length = value.toString(2).length;
  const bits = BigInt(`0x${hexOf(numbers[0]!)}`).toString(2).length;
  const how = pick(['longer than the modulus', 'one bit off', 'cut', 'longer by a byte']);
  const next = {
    'longer than the modulus': value | (1n << BigInt(bits + below(9))),
    'one bit off': value ^ (1n << BigInt(below(length - 1))),
    cut: value >> BigInt(1 + below(Math.min(length - 1, 64))),
    'longer by a byte': (value << 8n) + BigInt(below(256)),
  }[how]!;
  const written = numbers.map((number, i) => (i === which ? integer(next) : hexOfWhole(number)));
  const pkcs1 = write(0x30, '020100' + written.join(''));
  const block = pick([
    () => ({ label: 'RSA PRIVATE KEY', der: Buffer.from(pkcs1, 'hex') }),
    () => ({
      label: 'PRIVATE KEY',
      der: Buffer.from(write(0x30, '020100' + RSA + write(0x04, pkcs1)), 'hex'),
    }),
  ])();
  const kind = `RSA number, ${how}`;
  return { kind, blocks: blocks.map((same, i) => (i === at ? block : same)) };
}

function integer(value: bigint): string {
  const hex = value.toString(16);
  const whole = hex.length % 2 === 0 ? hex : `0${hex}`;
  return write(0x02, /^[89a-f]/.test(whole) ? `00${whole}` : whole);
}

/** The same bytes of the public key in the certificate and, where it is there, in the key. */
function changeBoth(blocks: Block[], { below }: Random): Change {
  const { publicKey } = new X509Certificate(blocks[0]!.der);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const length = Math.min(32, spki.length - 16);
  const from = spki.length - length - below(spki.length - length - 12);
  const found = spki.subarray(from, from + length);
  const changed = Buffer.from(found);
  changed[below(length)]! ^= 1 << below(8);
  const kind = `${publicKey.asymmetricKeyType ?? ''}, public part of certificate and key`;
  return {
    kind,
    blocks: blocks.map((block) => ({ ...block, der: replaced(block.der, found, changed) })),
  };
}

function replaced(bytes: Buffer, from: Buffer, to: Buffer): Buffer {
  const at = bytes.indexOf(from);
  if (at < 0) return bytes;
  return Buffer.concat([bytes.subarray(0, at), to, bytes.subarray(at + from.length)]);
}

/** Whether a key is PKCS#8 around one OCTET STRING, as Ed25519's and Ed448's are. */
function isBare(root: Element): boolean {
  const inner = children(root)[2];
  return inner?.tag === 0x04 && inner.start < inner.end && inner.bytes[inner.start] === 0x04;
}

/** The leaf's public key beside a private key that may be another one. */
function attach(blocks: Block[], at: number, root: Element, { below }: Random): Change {
  const { publicKey } = new X509Certificate(blocks[0]!.der);
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const [, algorithm, inner] = children(root) as [Element, Element, Element];
  const size = inner.end - inner.start - 2;
  const isOther = below(2) === 0;
  const secret = Buffer.from(hexOf(inner), 'hex');
  if (isOther) secret[2 + below(size)]! ^= 1 << below(8);
  const bits = write(0x81, '00' + spki.subarray(-size).toString('hex'));
  const key = '020101' + hexOfWhole(algorithm) + write(0x04, secret.toString('hex')) + bits;
  const block = { label: 'PRIVATE KEY', der: Buffer.from(write(0x30, key), 'hex') };
  const kind = `public key beside ${isOther ? 'another' : 'its'} private key`;
  return { kind, blocks: blocks.map((same, i) => (i === at ? block : same)) };
}

/** Puts bytes that are no UTF-8 into a UTF8String of a certificate. */
export function changeText(blocks: Block[], random: Random): Change {
  const { below, pick } = random;
  const places = blocks.flatMap(({ label, der }, at) =>
    label.endsWith('CERTIFICATE')
      ? textsIn(readElement(der, 0, der.length)).map((text) => ({ at, text }))
      : [],
  );
  const { at, text } = pick(places);
  const fitting = NO_UTF8.filter((hex) => hex.length / 2 <= text.end - text.start);
  const bytes = Buffer.from(pick(fitting), 'hex');
  const der = Buffer.from(blocks[at]!.der);
  bytes.copy(der, text.start + below(text.end - text.start - bytes.length + 1));
  const changed = blocks.map((same, i) => (i === at ? { ...same, der } : same));
  return { kind: 'no UTF-8 in a name', blocks: changed };
}

function textsIn(element: Element): Element[] {
  if (element.tag === 0x0c) return element.start < element.end ? [element] : [];
  return (element.tag & 0x20) === 0 ? [] : children(element).flatMap(textsIn);
}
