import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { webcrypto } from 'node:crypto';
import { vi } from 'vitest';
import type { CheckResult } from '../../src/certs/check.js';
import { type Files, slotPaths } from '../../src/config/paths.js';
import type { Settings } from '../../src/config/settings.js';
import { fileKey, rsaKey } from '../../src/config/slot.js';
import { stampOfSlot } from '../../src/disk/stamp.js';
import type { Problem, RecordMeta } from '../../src/zone/meta.js';
import {
  holdsPair,
  isPointer,
  makePointer,
  makeRecord,
  pemOf,
  readMeta,
  targetOf,
  withMeta,
} from '../../src/zone/record.js';
import { createAuthority, type Pair } from './certificates.js';
import {
  contextWith,
  leafOf,
  pemIn,
  recordWith,
  settingsIn,
  writeFiles,
  type FakeContext,
} from './slots.js';
import { meaningOf, type Row } from './text_table.js';

// The words of the table in test/unit/certs/check.test.ts. Of its columns the first four are what is found, the others
// what is decided:
//
//   held     what the slot holds: see `heldWords`. "old" is the pair that was in its files at the last look
//   cleared  "yes": a clear came since that look
//   files    what became of its files since that look: see FILES
//   setting  what else counts: see `settingWords`, with commas between
//   record   "kept": what is held. "new": the pair of the files. "reason": no pair, but why not. "dropped": nothing
//   facts    those of the record: see `factWords`, with commas between; each adds to those before it
//   says     what else the result has: see `sayings`

export const COLUMNS = ['held', 'cleared', 'files', 'setting', 'record', 'facts', 'says'] as const;
export type CheckRow = Row<(typeof COLUMNS)[number]>;

const NAME = 'a.example';
const TARGET = '*file:first';
export const [TOKEN, LATER] = ['mabcdefg1234', 'mabcdefg5678'];
const HOUR_MS = 3_600_000;
const LOADED_AT = Date.UTC(2026, 0, 1);

const ed25519 = (await webcrypto.subtle.generateKey('Ed25519', true, [
  'sign',
  'verify',
])) as webcrypto.CryptoKeyPair;
const late = { notBefore: new Date(0), notAfter: new Date(HOUR_MS) };

const authority = await createAuthority();
const old = await authority.issue({ names: [NAME] });
const next = await authority.issue({ names: [NAME] });
const ofB = await authority.issue({ names: ['b.example'] });
const noName = await authority.issue({ names: ['no name'] });
const expired = await authority.issue({ names: [NAME], ...late });
const expiredToo = await authority.issue({ names: [NAME], ...late });
const rsa = await authority.issue({ names: [NAME], keyType: 'rsa' });
const noPoint = await authority.issue({ names: [NAME], keys: ed25519 });
const issuer = old.chainPem.slice(old.certPem.length);

/** What is found. */
export interface Situation {
  context: FakeContext;
  slot: string;
  held: string | undefined;
  /** The pair that the files hold now, where they hold one. */
  pair: Pair | null;
  /** Of the files as they are now. */
  stamp: string;
}

/** Writes files, changes them and makes the record as the row says. */
export function situationOf(folder: string, row: CheckRow): Situation {
  const words = wordsIn(row.setting);
  const more = words.map((word) => meaningOf(settingWords(folder), word));
  const settings: Settings = settingsIn(folder, Object.assign({}, ...more) as Settings);
  const slot = words.includes('rsa')
    ? rsaKey(NAME)
    : words.includes('file')
      ? fileKey('site')
      : NAME;
  // Files that were written an hour ago are settled.
  if (!words.includes('just now')) vi.setSystemTime(Date.now() + HOUR_MS);
  const files = slotPaths(settings, slot);
  writeFiles(files, old);
  const held = meaningOf(heldWords(stampOfSlot(settings, slot)), row.held)();
  const pair = meaningOf(FILES, row.files)(files);
  const token = row.cleared === 'yes' ? LATER : TOKEN;
  const context = contextWith(settings, { token });
  return { context, slot, held, pair, stamp: stampOfSlot(settings, slot) };
}

function wordsIn(cell: string): string[] {
  return cell === '' ? [] : cell.split(', ');
}

function settingWords(folder: string): Record<string, Partial<Settings>> {
  return {
    etcd: { followsEtcd: true },
    rsa: { certFileRsa: `${folder}/{name}.rsa.cert.pem` },
    fallback: { fallback: NAME },
    'one file': { certFile: `${folder}/{name}.pem`, keyFile: `${folder}/{name}.pem` },
    shared: { certFile: `${folder}/all.cert.pem`, keyFile: `${folder}/all.key.pem` },
    // What the scan finds is elsewhere, or is the name's own file.
    scan: { scan: `${folder}/scanned/*.pem` },
    'own scan': { scan: `${folder}/*.cert.pem` },
    // The slot is that of a file which a scan has found.
    file: { scan: `${folder}/*.cert.pem` },
    'just now': {},
  };
}

/** @param seen the stamp of the last look */
function heldWords(seen: string): Record<string, () => string | undefined> {
  const ofOld = { notAfter: leafOf(old).notAfter, loadedAt: LOADED_AT };
  const disk: RecordMeta = { source: 'disk', files: seen, ...ofOld };
  const put: RecordMeta = { source: 'api', files: '', ...ofOld };
  const ofEtcd: RecordMeta = { source: 'etcd', files: '', ...ofOld, etcd: 'mx1:7' };
  const nothing: RecordMeta = { source: 'disk', files: '', notAfter: 0, loadedAt: 0 };
  const weak: Problem = { code: 'weak', detail: 'It was too weak.' };
  const refusedByEtcd = { etcd: 'mx1:7', problem: { ...weak, isOfEtcd: true as const } };
  const found = { names: [NAME], isRsa: false, notBefore: leafOf(old).notBefore };
  const others = ['*file:third', '*file:second'];

  const pair = (meta: RecordMeta) => () => recordWith(old, meta, TOKEN);
  const reason = (meta: RecordMeta) => () => makeRecord(TOKEN, meta, null);
  const pointer = (meta: Partial<RecordMeta>) => () =>
    withMeta(makePointer(TARGET, {}), TOKEN, meta);
  return {
    nothing: () => undefined,
    junk: () => 'no record',
    'half a record': () => recordWith(old, disk, TOKEN).slice(0, 500),
    refusal: reason({ ...nothing, files: seen, problem: weak }),
    old: pair(disk),
    // Its newer files were refused.
    'refused old': pair({ ...disk, problem: weak }),
    expired: () => recordWith(expired, { ...disk, notAfter: leafOf(expired).notAfter }, TOKEN),
    found: pair({ ...disk, found }),
    // It was put while there were no files.
    put: pair(put),
    'put, outlived': pair({ ...put, isCleared: true }),
    // It was put while there were files.
    'filed put': pair({ ...put, files: seen }),
    'etcd pair': pair(ofEtcd),
    'filed etcd pair': pair({ ...ofEtcd, files: seen }),
    'etcd refusal': reason({ ...nothing, source: 'etcd', ...refusedByEtcd }),
    'old, etcd refused': pair({ ...disk, ...refusedByEtcd }),
    'put, etcd refused': pair({ ...put, ...refusedByEtcd }),
    pointer: pointer({}),
    'pointer to two': pointer({ others }),
    // The name's own files were refused.
    'refused pointer': pointer({ files: seen, problem: weak }),
    'pointer, etcd refused': pointer(refusedByEtcd),
  };
}

/** Each returns the pair that the files hold then; null where they hold none. */
export const FILES: Record<string, (files: Files) => Pair | null> = {
  same: () => old,
  none: ({ cert, key }) => {
    rmSync(cert);
    rmSync(key, { force: true });
    return null;
  },
  new: (files) => write(files, next),
  touched: (files) => write(files, old),
  expired: (files) => write(files, expiredToo),
  'of b': (files) => write(files, ofB),
  'no name': (files) => write(files, noName),
  RSA: (files) => write(files, rsa),
  'no point': (files) => write(files, noPoint),
  mismatch: (files) => writeBad(files, next.chainPem, old.keyPem),
  garbage: (files) => writeBad(files, 'no certificate\n', next.keyPem),
  'no chain': ({ cert }) => remove(cert),
  'no key': ({ key }) => remove(key),
  'a folder': ({ cert }) => {
    rmSync(cert);
    mkdirSync(cert);
    return null;
  },
  dangling: ({ cert, key }) => {
    rmSync(cert);
    rmSync(key);
    symlinkSync('nowhere', cert);
    return null;
  },
  issuer: ({ cert, key }) => {
    writeFileSync(cert, issuer);
    return remove(key);
  },
};

function write(files: Files, pair: Pair): Pair {
  writeFiles(files, pair);
  return pair;
}

function writeBad(files: Files, chainPem: string, keyPem: string): null {
  writeFiles(files, { chainPem, keyPem });
  return null;
}

function remove(path: string): null {
  rmSync(path);
  return null;
}

/** A result as the table has it. */
export interface Decision extends Omit<CheckResult, 'record'> {
  kind: string;
  meta: RecordMeta | null;
}

/** What a result comes to. */
export function decisionOf({ held, pair }: Situation, result: CheckResult): Decision {
  const { record, pair: read, ...rest } = result;
  // The pair comes with the record that it is in.
  if ((read !== undefined) !== (rest.result === 'loaded'))
    throw new Error('no pair that was loaded');
  return { kind: kindOf(record, held ?? '', pair), meta: readMeta(record), ...rest };
}

function kindOf(record: string, held: string, pair: Pair | null): string {
  if (record === '') return 'dropped';
  if (isPointer(record)) return isPointer(held) && targetOf(record) === TARGET ? 'kept' : 'turned';
  if (!holdsPair(record)) return pemOf(record) === '' && !holdsPair(held) ? 'reason' : 'lost';
  if (holdsPair(held) && pemOf(record) === pemOf(held)) return 'kept';
  return pair && pemOf(record) === pemIn(pair) ? 'new' : 'another';
}

/** What the row wants. */
export function wantedOf(situation: Situation, row: CheckRow, result: CheckResult): Decision {
  const words = wordsIn(row.facts);
  // A reason is any text, but there has to be one, and the message has to repeat it.
  const detail = readMeta(result.record)?.problem?.detail || 'a reason';
  const facts = { ...factWords(situation), ...reasonWords(detail) };
  const metas = words.map((word) => meaningOf(facts, word));
  const problem = { code: words.at(-1) ?? '', detail };
  return {
    kind: row.record,
    meta: metas.length === 0 ? null : (Object.assign({}, ...metas) as RecordMeta),
    ...meaningOf(sayings(situation, problem), row.says),
  };
}

function factWords({ held, pair, stamp }: Situation): Record<string, Partial<RecordMeta>> {
  const last: Partial<RecordMeta> = (held !== undefined && readMeta(held)) || {};
  const { source, notAfter, loadedAt, etcd, problem, others } = last;
  const leaf = pair && leafOf(pair);
  return {
    'as held': last,
    none: { source: 'disk', files: '', notAfter: 0, loadedAt: 0 },
    'of the files': {
      source: 'disk',
      files: stamp,
      ...(leaf && { notAfter: leaf.notAfter, loadedAt: Date.now() }),
    },
    // Of a pair that was put: it never was in a file.
    'put alone': { source, notAfter, loadedAt, files: '' } as Partial<RecordMeta>,
    'loaded then': { loadedAt: LOADED_AT },
    'files now': { files: stamp },
    "files ''": { files: '' },
    cleared: { isCleared: true },
    others: { others } as Partial<RecordMeta>,
    "etcd's problem": { etcd, problem } as Partial<RecordMeta>,
    ...(leaf && {
      found: { found: { names: leaf.names, isRsa: pair === rsa, notBefore: leaf.notBefore } },
    }),
  };
}

const CODES = [
  'unreadable',
  'malformed',
  'key-mismatch',
  'unsupported-key',
  'name-not-covered',
  'expired',
];

function reasonWords(detail: string): Record<string, Partial<RecordMeta>> {
  return Object.fromEntries(CODES.map((code) => [code, { problem: { code, detail } }]));
}

function sayings(
  { context: { settings }, slot, pair, stamp }: Situation,
  { code, detail }: Problem,
): Record<string, Partial<CheckResult>> {
  const files = slotPaths(settings, slot);
  const isFile = slot === fileKey('site');
  const leaf = pair && leafOf(pair);
  const loaded = (validity: string): Partial<CheckResult> => ({
    message:
      `cert_rotation: ${isFile ? leaf!.names.join(', ') : NAME}: loaded from ${files.cert}, ` +
      `${validity} ${new Date(leaf!.notAfter * 1000).toISOString()}`,
    isError: validity === 'EXPIRED',
    result: 'loaded',
  });
  const where = code === 'unreadable' ? '' : ` (${files.cert}, ${files.key})`;
  const refused = (consequence: string): Partial<CheckResult> => ({
    message: `cert_rotation: ${isFile ? files.cert : NAME}: ${code}: ${detail}${where}; ${consequence}`,
    isError: true,
    result: 'refused',
    code,
  });
  return {
    '': {},
    same: { isSame: true },
    missing: { isMissing: true },
    'left out': { leftOut: stamp },
    ...(leaf && { loaded: loaded('valid until'), 'loaded late': loaded('EXPIRED') }),
    unchanged: { result: 'unchanged' },
    'refused: held': refused('the pair held before is still served'),
    'refused: found': refused('the pair that $cert_scan found is served'),
    'refused: nothing': refused('nothing is served for it'),
  };
}
