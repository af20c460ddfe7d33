import { gzipSync } from 'node:zlib';
import { createRandom, type Random } from './random.js';

/** A body that somebody sends to be put in place. */
export interface Hostile {
  body: Buffer;
  headers: Record<string, string>;
}

/** What is damaged: chain and key as PEM. */
export interface Sample {
  chainPem: string;
  keyPem: string;
}

const INSERTS = [
  '\n',
  '\r',
  ' ',
  '\t',
  '-',
  '=',
  ':',
  'A',
  '"',
  '\\',
  '{',
  '\0',
  '\ufeff',
  '-----',
];
const LABELS = ['CERTIFICATE', 'TRUSTED CERTIFICATE', 'PRIVATE KEY', 'EC PRIVATE KEY', 'X509 CRL'];
const BOUNDARIES = [
  'x',
  '-',
  '.*',
  '(',
  '[a-',
  '$&',
  "'",
  '--',
  '----WebKitFormBoundary',
  '=_+/,:?',
];
const VALUES: unknown[] = [null, true, 0, 1e308, '', [], {}, [''], { toString: 1 }, 'x'.repeat(70)];

/**
 * Damages samples, each time in one of many ways.
 *
 * @param seed the same one makes the same body
 */
export function hostile(samples: readonly Sample[], seed: number): Hostile {
  const random = createRandom(seed);
  const { pick } = random;
  const sample = pick(samples);
  const pem = sample.chainPem + sample.keyPem;
  const make = pick([
    () => plain(damageDer(pem, random)),
    () => plain(damageBlocks(pem, random)),
    () => plain(damageText(pem, random)),
    () => plain(damageText(json(sample, random), random)),
    () => plain(json(damaged(sample, random), random)),
    () => form(sample, random),
    () => form(damaged(sample, random), random),
    () =>
      encoded(pick([pem, JSON.stringify({ cert: sample.chainPem, key: sample.keyPem })]), random),
  ]);
  return make();
}

function plain(text: string): Hostile {
  return { body: Buffer.from(text), headers: {} };
}

function damaged({ chainPem, keyPem }: Sample, random: Random): Sample {
  const damage = random.pick([damageDer, damageBlocks, damageText]);
  return random.below(2) === 0
    ? { chainPem: damage(chainPem, random), keyPem }
    : { chainPem, keyPem: damage(keyPem, random) };
}

interface Block {
  label: string;
  der: Buffer;
}

function toBlocks(text: string): Block[] {
  return [...text.matchAll(/-----BEGIN ([^-]+)-----([^-]+)-----END/g)].map((match) => ({
    label: match[1]!,
    der: Buffer.from(match[2]!, 'base64'),
  }));
}

function toText(blocks: Block[]): string {
  return blocks
    .map(({ label, der }) => {
      const lines = der.toString('base64').replace(/.{64}/g, '$&\n');
      return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
    })
    .join('');
}

function damageDer(text: string, { below, pick }: Random): string {
  const blocks = toBlocks(text);
  for (let count = 1 + below(2); count > 0; count--) {
    const { der } = pick(blocks);
    der[below(der.length)]! ^= 1 << below(8);
  }
  return toText(blocks);
}

function damageBlocks(text: string, { below, pick }: Random): string {
  const blocks = toBlocks(text);
  const at = below(blocks.length);
  const damages = [
    () => (blocks[at]!.label = pick(LABELS)),
    () => blocks.splice(at, 1),
    () => blocks.push(blocks[at]!),
    () => blocks.reverse(),
    () => (blocks[at]!.der = blocks[at]!.der.subarray(0, below(blocks[at]!.der.length))),
  ];
  pick(damages)();
  return toText(blocks);
}

function damageText(text: string, { below, pick }: Random): string {
  let changed = text;
  for (let count = 1 + below(3); count > 0; count--) {
    const at = below(changed.length + 1);
    const damages = [
      () => changed.slice(0, at),
      () => changed.slice(at),
      () => changed.slice(0, at) + changed.slice(at + 1 + below(3)),
      () => changed.slice(0, at) + pick(INSERTS) + changed.slice(at),
      () => changed.replace(/\n/g, '\r\n'),
      () => changed.split('\n').slice(below(4)).join('\n'),
      () => changed + changed.slice(at),
    ];
    changed = pick(damages)();
  }
  return changed;
}

function json({ chainPem, keyPem }: Sample, { below, pick }: Random): string {
  const cert = JSON.stringify(chainPem);
  const key = JSON.stringify(keyPem);
  const value = JSON.stringify(pick(VALUES));
  return pick([
    `{"cert":${cert},"key":${key}}`,
    `{"cert":${cert},"key":${value}}`,
    `{"cert":${value},"key":${key}}`,
    `{"cert":${value},"cert":${cert},"key":${key}}`,
    `{"cert":${cert},"key":${key},"key":${value}}`,
    `{"__proto__":{"cert":${cert},"key":${key}}}`,
    `{"__proto__":${value},"constructor":${value},"cert":${cert},"key":${key}}`,
    `[{"cert":${cert},"key":${key}}]`,
    `{"cert":${'['.repeat(below(3000))}`,
    `{"cert":${cert},"key":${key},"more":${'{"a":'.repeat(below(3000))}`,
    `{"cert":${cert.replace(/\\n/g, '\n')},"key":${key}}`,
    `{"cert":"\\ud800","key":"\\u0000"}`,
  ]);
}

function form({ chainPem, keyPem }: Sample, random: Random): Hostile {
  const { below, pick } = random;
  const boundary = pick(BOUNDARIES);
  const field = (name: string, value: string): string =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"; filename="${name}.pem"\r\n` +
    `Content-Type: application/octet-stream\r\n\r\n${value}\r\n`;
  const fields = [field('cert', chainPem), field('key', keyPem)];
  const more = [
    () => field('cert', chainPem),
    () => field('__proto__', chainPem),
    () => field(keyPem.slice(28, 28 + below(64)), 'named like a key').repeat(2),
    () => field('x'.repeat(5000), ''),
    () => field('x'.repeat(below(9)), '').repeat(below(40)),
    () => field('key', keyPem).replace(/\r\n/g, '\n'),
    () => field('key', '').replace(/name=/g, 'nom='),
  ];
  if (below(2) === 0) fields.splice(below(3), 0, pick(more)());
  let text = `${fields.join('')}--${boundary}--\r\n`;
  if (below(2) === 0) text = damageText(text, random);
  const type = pick([
    `multipart/form-data; boundary=${boundary}`,
    `multipart/form-data; boundary="${boundary}"`,
    `Multipart/Form-Data;charset=utf-8;BOUNDARY=${boundary}`,
    'multipart/form-data; boundary=',
    'multipart/form-data; boundary=""',
    'multipart/form-data',
    'multipart/form-data; boundary=other',
    'application/x-www-form-urlencoded',
  ]);
  return { body: Buffer.from(text), headers: { 'Content-Type': type } };
}

function encoded(text: string, { below, pick }: Random): Hostile {
  const bytes = Buffer.from(text);
  const noise = Buffer.from(Array.from({ length: 1 + below(99) }, () => below(256)));
  const at = below(bytes.length);
  const bodies = [
    () => Buffer.from(text, 'utf16le'),
    () => Buffer.from(`\ufeff${text}`, 'utf16le'),
    () => Buffer.from(`\ufeff${text}`, 'utf16le').swap16(),
    () => Buffer.from(`\ufeff${text}`),
    () => Buffer.from(`\ufeff \ufeff${text}`),
    () => Buffer.from(`größe: ñ\n${text}`, 'latin1'),
    () => Buffer.from(text.split('').join('\0')),
    () => Buffer.from(bytes.toString('base64')),
    () => Buffer.from(encodeURIComponent(text)),
    () => gzipSync(bytes),
    () => Buffer.concat([bytes.subarray(0, at), noise, bytes.subarray(at)]),
    () => noise,
  ];
  const headers: Record<string, string>[] = [
    {},
    { 'Content-Encoding': 'gzip' },
    { 'Content-Type': 'application/json; charset=utf-16' },
    { 'Content-Type': 'text/plain; charset=\u00ff' },
    { 'Content-Type': 'x'.repeat(6000) },
    { 'Content-Type': `multipart/form-data; boundary=${'='.repeat(6000)}` },
    { 'If-Match': pick(['*', '"', '""', ',,,', `"${'a'.repeat(6000)}"`]) },
    { 'If-None-Match': pick(['*', '"x', ', *', '\u00ff']) },
    { Accept: 'application/pem-certificate-chain', 'X-Long': 'y'.repeat(7000) },
  ];
  return { body: pick(bodies)(), headers: pick(headers) };
}
