import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pemIn, versionIn } from '../../../src/certs/pem_of_record.js';
import {
  clearEntry,
  currentOf,
  dormantRecord,
  hasEntry,
  placeMark,
  placePointer,
  writePair,
  type Current,
} from '../../../src/certs/stored.js';
import { entryOfVersion, isNameCleared, versionOfEntry } from '../../../src/certs/entry_text.js';
import { fileKey } from '../../../src/config/slot.js';
import { placeEntry, readEntry } from '../../../src/disk/entries.js';
import { versionPath, type Store } from '../../../src/disk/store.js';
import { readPair } from '../../../src/x509/pair.js';
import type { RecordMeta } from '../../../src/zone/meta.js';
import {
  isPointer,
  makePointer,
  makeRecord,
  makeVersionRecord,
  readMeta,
  STALE_TOKEN,
  targetOf,
} from '../../../src/zone/record.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import {
  contextWith,
  leafOf,
  pemIn as pemOfPair,
  recordWith,
  settingsIn,
  type FakeContext,
} from '../../support/slots.js';
import { entryOf, makeStore, versionsOf } from '../../support/stores.js';

const NAME = 'a.example';
const [TOKEN, STORE_TOKEN, LATER] = ['mzonetoken12', 'mstoretoken1', 'mstoretoken2'];
const NONE: Current = { record: undefined, version: '', entry: '', isAdopted: false };
const authority = await createAuthority();
const [old, next] = await Promise.all([
  authority.issue({ names: [NAME] }),
  authority.issue({ names: [NAME] }),
]);
const META: RecordMeta = { source: 'api', files: '', notAfter: leafOf(old).notAfter, loadedAt: 7 };
const REFUSAL = makeRecord(TOKEN, { ...META, problem: { code: 'weak', detail: 'No.' } }, null);

let folder: string;
let store: Store;
let context: FakeContext;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-stored-'));
  store = makeStore(folder);
  context = contextWith(settingsIn(folder), { store, token: TOKEN, storeToken: STORE_TOKEN });
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function write(pair: Pair, where = store): string {
  return writePair(where, readPair(pair.chainPem, pair.keyPem), [NAME], false);
}

/** Puts a pair in place in the store. */
function place(pair: Pair, more: Partial<RecordMeta> = {}, slot = NAME): string {
  const version = write(pair);
  const meta = { ...META, ...more };
  placeEntry(store, slot, entryOfVersion(version, STORE_TOKEN, meta));
  return version;
}

/** The record of a version in the zone. */
function recordOf(version: string, where = store): string {
  return makeVersionRecord(TOKEN, { ...META, store: where.id }, versionPath(where, version));
}

function current(text: string | undefined, slot = NAME): Current {
  return currentOf(context, slot, text);
}

describe('where no store can be used', () => {
  let version: string;

  beforeEach(() => {
    version = place(old);
    context.store = undefined;
  });

  test.each([
    ['nothing', () => undefined],
    ['a pair as text', () => recordWith(old, META)],
    ['a reason', () => REFUSAL],
    ['a pointer', () => makePointer(fileKey('site'), {})],
    ['a version whose file is there', () => recordOf(version)],
  ])('a slot has what the zone has: %s', (_, make) => {
    const text = make();
    expect(current(text)).toEqual({ ...NONE, record: text });
  });

  test('a version whose file is gone is nothing', () => {
    const text = recordOf(version);
    rmSync(versionPath(store, version));
    expect(current(text)).toEqual(NONE);
  });
});

describe('a slot that the store does not have', () => {
  test.each([
    ['nothing', () => undefined, true],
    ['a pair as text', () => recordWith(old, META), true],
    ['a pointer', () => makePointer(fileKey('site'), {}), true],
    ['junk', () => 'junk', true],
    // Another nginx has deleted it.
    ['a version of this store', () => recordOf(write(old)), false],
    ['a version of another store', () => inOther(false), true],
    ['a version of another store, whose file is gone', () => inOther(true), false],
  ])('whether it has what is in the zone: %s', (_, make, isKnown) => {
    const text = make();
    expect(current(text)).toEqual(isKnown ? { ...NONE, record: text } : NONE);
  });

  function inOther(isGone: boolean): string {
    const other = makeStore(folder, 'other');
    const version = write(old, other);
    if (isGone) rmSync(versionPath(other, version));
    return recordOf(version, other);
  }

  test.each(['', 'junk', '{', 'null', '{}', '{"version":"x"}', '7'])(
    'may have an entry that is none: %j',
    (entry) => {
      placeEntry(store, NAME, entry || ' ');
      const text = recordWith(old, META);
      expect(current(text)).toEqual({ ...NONE, record: text });
      expect(current(undefined)).toEqual(NONE);
      expect(current(recordOf(write(old)))).toEqual(NONE);
    },
  );
});

describe('a slot that was deleted', () => {
  beforeEach(() => {
    placeMark(store, NAME, '');
  });

  test.each([
    ['a pair as text', () => recordWith(old, META), false],
    ['a version', () => recordOf(write(old)), false],
    ['a pointer', () => makePointer(fileKey('site'), {}), false],
    ['a reason why there is no pair', () => REFUSAL, true],
    ['nothing', () => undefined, true],
  ])('has nothing, whatever the zone has, but for a reason: %s', (_, make, isKnown) => {
    const text = make();
    expect(current(text)).toEqual(isKnown ? { ...NONE, record: text } : NONE);
  });

  test('is known to the store, and has no version there', () => {
    expect(hasEntry(context, NAME)).toBe(true);
    expect(hasEntry(context, 'b.example')).toBe(false);
    expect(versionOfEntry(readEntry(store, NAME))).toBe('');
    expect(dormantRecord(store, NAME)).toBe('');
  });
});

describe('a slot with a pointer in the store', () => {
  const FILE = fileKey('site');

  test('keeps the one that the zone has', () => {
    placePointer(store, NAME, FILE, [fileKey('other')]);
    const text = makePointer(FILE, { files: 's' });
    expect(current(text)).toEqual({ ...NONE, record: text });
  });

  test.each([
    ['nothing', () => undefined],
    ['a pair', () => recordWith(old, META)],
    ['another pointer', () => makePointer(fileKey('x'), {})],
  ])('has that in the place of what the zone has: %s', (_, make) => {
    placePointer(store, NAME, FILE, [fileKey('other')]);
    const { record, ...rest } = current(make());
    expect(rest).toEqual({ version: '', entry: '', isAdopted: true });
    expect([isPointer(record!), targetOf(record!)]).toEqual([true, FILE]);
    expect(readMeta(record!)!.others).toEqual([fileKey('other')]);
  });

  test.each([
    ['by their number', 100, 'other'],
    ['by their bytes', 50, 'ä'.repeat(7)],
  ])('has the file alone where there are too many others, %s', (_, length, stem) => {
    const others = Array.from({ length }, (__, i) => fileKey(`${stem}${i}`));
    placePointer(store, NAME, FILE, others);
    expect(readEntry(store, NAME)).toBe(JSON.stringify({ file: FILE }));
    const record = current(undefined).record!;
    expect([targetOf(record), readMeta(record)!.others]).toEqual([FILE, undefined]);
    expect(dormantRecord(store, NAME).startsWith('4')).toBe(true);
  });
});

describe('a slot with a version in the store', () => {
  test('keeps the record that the zone has of it', () => {
    const version = place(old);
    const text = recordOf(version);
    const entry = readEntry(store, NAME);
    expect(current(text)).toEqual({ record: text, version, entry, isAdopted: false });
  });

  test.each([
    ['nothing', () => undefined],
    ['junk', () => 'junk'],
    ['a reason', () => REFUSAL],
    ['a pair as text', () => recordWith(next, META)],
    ['another version', () => recordOf(write(next))],
    ['the same version of another store', () => sameInOther()],
  ])('has that in the place of what the zone has: %s', (_, make) => {
    const version = place(old, { loadedAt: 9, before: 'x' });
    const { record, ...rest } = current(make());
    expect(rest).toEqual({ version, entry: readEntry(store, NAME), isAdopted: true });
    expect(versionIn(record!)).toBe(version);
    expect(pemIn(record!)).toBe(pemOfPair(old));
    expect(readMeta(record!)).toEqual({ ...META, loadedAt: 9, before: 'x', store: store.id });
  });

  function sameInOther(): string {
    const other = makeStore(folder, 'other');
    return recordOf(write(old, other), other);
  }

  test.each([
    ['has seen the last clear', STORE_TOKEN, TOKEN],
    ['has not seen it', LATER, STALE_TOKEN],
  ])('is as fresh as its entry, which %s', (_, storeToken, expected) => {
    place(old);
    const record = currentOf({ ...context, storeToken }, NAME, undefined).record!;
    expect(record.slice(1, 1 + TOKEN.length)).toBe(expected);
  });

  test('is stale after a clear of its name alone', () => {
    const version = place(old);
    const tokens = [0, 1].map(() => {
      clearEntry(store, NAME);
      return entryOf(store, NAME).token;
    });
    expect(tokens[0]).not.toBe(tokens[1]);
    expect(entryOf(store, NAME)).toEqual({ version, token: tokens[1], meta: META });
    // Another nginx may have cleared it: the zone has the version, and does not know of the clear.
    for (const held of [undefined, recordOf(version)]) {
      expect(current(held).record!.slice(1, 1 + TOKEN.length)).toBe(STALE_TOKEN);
    }
    placeMark(store, NAME, '');
    clearEntry(store, NAME);
    expect(entryOf(store, NAME)).toEqual({ deleted: true });
  });

  test('keeps what another nginx puts while its name is being cleared', () => {
    place(old);
    const read = fs.readlinkSync;
    let version = '';
    vi.spyOn(fs, 'readlinkSync').mockImplementationOnce((path) => {
      const text = read(path);
      version = place(next);
      return text;
    });
    clearEntry(store, NAME);
    expect(entryOf(store, NAME).version).toBe(version);
    expect(isNameCleared(readEntry(store, NAME)!)).toBe(true);
  });

  test('has the times of its certificate, and its names where it is a file of a scan', () => {
    const slot = fileKey('site');
    place(old, { notAfter: 1 }, slot);
    const { notAfter, notBefore } = leafOf(old);
    const found = { names: [NAME], isRsa: false, notBefore };
    expect(readMeta(current(undefined, slot).record!)).toMatchObject({ notAfter, found });
  });

  test('has a record before anybody has looked at it, which is stale', () => {
    const version = place(old);
    const record = dormantRecord(store, NAME);
    expect([versionIn(record), record.slice(1, 13)]).toEqual([version, STALE_TOKEN]);
    expect(readMeta(record)).toEqual({ ...META, store: store.id });
  });
});

describe('a version that is no good', () => {
  const writeOver = (make: (path: string) => string | Buffer) => (path: string) => {
    writeFileSync(path, make(path));
  };
  const DAMAGES: [string, (path: string) => void][] = [
    ['gone', rmSync],
    ['empty', writeOver(() => '')],
    ['cut off', writeOver((path) => fs.readFileSync(path).subarray(0, 900))],
    ['another pair', writeOver(() => pemOfPair(next))],
    ['zeros', writeOver(() => Buffer.alloc(2000))],
  ];

  test.each(DAMAGES)('is passed over where there was none before it: %s', (_, damage) => {
    const version = place(old);
    damage(versionPath(store, version));
    const { record, ...rest } = current(recordWith(next, META));
    expect(record).toBeUndefined();
    expect(rest).toEqual({ version, entry: readEntry(store, NAME), isAdopted: true });
    expect(context.lines).toEqual([
      expect.stringMatching(/a\.example: stored version: .*passed over$/),
    ]);
  });

  test.each(DAMAGES)('has the one before it served, as a version anew: %s', (_, damage) => {
    const before = write(next);
    const version = place(old, { before });
    damage(versionPath(store, version));
    const { record, ...rest } = current(undefined);
    expect(rest).toEqual({ version, entry: readEntry(store, NAME), isAdopted: true });
    expect(pemIn(record!)).toBe(pemOfPair(next));
    expect([before, version]).not.toContain(versionIn(record!));
    expect(versionsOf(store)).toContain(versionIn(record!));
    expect(readMeta(record!)!.notAfter).toBe(leafOf(next).notAfter);
    expect(context.lines).toEqual([expect.stringMatching(/the version before it is served$/)]);
  });

  test('is looked for anew where its file is gone, though the zone has its record', () => {
    const version = place(old, { before: write(next) });
    rmSync(versionPath(store, version));
    expect(pemIn(current(recordOf(version)).record!)).toBe(pemOfPair(next));
  });

  test('is passed over where the one before it is no good either', () => {
    const before = write(next);
    const version = place(old, { before });
    for (const one of [before, version]) writeFileSync(versionPath(store, one), 'junk');
    expect(current(undefined).record).toBeUndefined();
  });
});
