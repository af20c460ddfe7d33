import fs, { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { CheckResult } from '../../../src/certs/check.js';
import { keepInStore, keepPointer, sweepIfDue } from '../../../src/certs/keep.js';
import { pemIn, versionIn } from '../../../src/certs/pem_of_record.js';
import { clearEntry, currentOf, placePointer, type Current } from '../../../src/certs/stored.js';
import { fileKey } from '../../../src/config/slot.js';
import { placeEntry, readEntry } from '../../../src/disk/entries.js';
import type { Store } from '../../../src/disk/store.js';
import { readPair } from '../../../src/x509/pair.js';
import type { LockAttempt } from '../../../src/zone/locks.js';
import { findSwept } from '../../../src/zone/notes.js';
import type { RecordMeta } from '../../../src/zone/meta.js';
import { isVersion, makePointer, readMeta } from '../../../src/zone/record.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { FakeZone } from '../../support/fake_zone.js';
import {
  contextWith,
  leafOf,
  pemIn as pemOfPair,
  recordWith,
  settingsIn,
  type FakeContext,
} from '../../support/slots.js';
import {
  contentOf,
  entriesOf,
  entryOf,
  failOf,
  makeStore,
  versionsOf,
} from '../../support/stores.js';

const NAME = 'a.example';
const LOCKED: LockAttempt = { state: 'locked', isLocked: () => true };
const BUSY: LockAttempt = { state: 'busy', isLocked: () => false };
const authority = await createAuthority();
const [old, next] = await Promise.all([
  authority.issue({ names: [NAME] }),
  authority.issue({ names: [NAME] }),
]);

let folder: string;
let store: Store;
let zone: FakeZone;
let context: FakeContext;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-keep-'));
  store = makeStore(folder);
  zone = new FakeZone();
  vi.stubGlobal('ngx', { worker_id: 0 });
  context = contextWith(settingsIn(folder), { store, zone });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
});

const current = (text?: string): Current => currentOf(context, NAME, text);

/** How often a sweep was told to look at a version. */
const notesOf = (version: string): number =>
  Object.keys(contentOf(store)).filter(
    (path) => path.startsWith('retired/') && path.endsWith(version),
  ).length;

/** What a look has found that read a pair from files. */
function loaded(pair: Pair, more: Partial<RecordMeta> = {}): CheckResult {
  const { notAfter } = leafOf(pair);
  const meta: RecordMeta = { source: 'disk', files: 's', notAfter, loadedAt: 7, ...more };
  return { record: recordWith(pair, meta), pair: readPair(pair.chainPem, pair.keyPem) };
}

function keep(result: CheckResult, attempt = LOCKED, text?: string): string {
  return keepInStore(context, NAME, current(text), result, attempt);
}

describe('a pair that was found', () => {
  test('becomes the version that is current, and the one before it is retired', () => {
    const before = versionIn(keep(loaded(old)));
    vi.setSystemTime(Date.now() + 20_000);
    const record = keep(loaded(next));
    expect(isVersion(record)).toBe(true);
    expect(pemIn(record)).toBe(pemOfPair(next));
    expect(readMeta(record)).toMatchObject({ store: store.id, before, files: 's' });
    expect(entryOf(store, NAME)).toMatchObject({ version: versionIn(record), meta: { before } });
    // When it was written, and now.
    expect(notesOf(before)).toBe(2);
  });

  test('is written to be served by who has no lock, and changes nothing else', () => {
    keep(loaded(old));
    const before = entriesOf(store);
    const record = keep(loaded(next), BUSY);
    expect(pemIn(record)).toBe(pemOfPair(next));
    expect(entriesOf(store)).toEqual(before);
    expect(notesOf(versionIn(record))).toBe(1);
  });

  test('does not take the place of what another nginx has put or deleted since the look began', () => {
    keep(loaded(old));
    const before = current();
    const put = versionIn(keep(loaded(next)));
    const record = keepInStore(context, NAME, before, loaded(old), LOCKED);
    expect(pemIn(record)).toBe(pemOfPair(old));
    keepInStore(context, NAME, before, { record: '', isMissing: true }, LOCKED);
    expect(entryOf(store, NAME)).toMatchObject({ version: put });
  });

  test('does not take the place of what another nginx puts in the very moment', () => {
    const record = keep(loaded(old));
    const meta = { ...readMeta(record)!, files: 't' };
    const noted = record.slice(0, record.indexOf('{')) + JSON.stringify(meta);
    for (const result of [loaded(next), { record: noted }, { record: '' }]) {
      const before = current(record);
      let put = '';
      const link = fs.symlinkSync;
      vi.spyOn(fs, 'symlinkSync').mockImplementation((...args) => {
        link(...args);
        if (put || !String(args[1]).includes('/changing/')) return;
        // As if by a worker that breaks the claim.
        put = '{"version":"put"}';
        fs.unlinkSync(args[1]);
        placeEntry(store, NAME, put);
      });
      keepInStore(context, NAME, before, result, LOCKED);
      vi.restoreAllMocks();
      expect(readEntry(store, NAME)).toBe(put);
      placeEntry(store, NAME, before.entry);
    }
  });

  test('tells the other nginx that its name was looked at since it was cleared', () => {
    const record = keep(loaded(old));
    const problem = { code: 'weak', detail: 'No.' };
    const meta = JSON.stringify({ ...readMeta(record)!, files: 't', problem });
    const refused = record.slice(0, record.indexOf('{')) + meta;
    for (const seen of [record, refused]) {
      const before = entryOf(store, NAME);
      clearEntry(store, NAME);
      expect(entryOf(store, NAME)).not.toEqual(before);
      keep({ record: seen }, LOCKED, record);
      expect(entryOf(store, NAME)).toEqual(before);
    }
  });

  test('is placed where the zone has no room for a lock', () => {
    keep(loaded(old), { state: 'no-room', isLocked: () => false });
    expect(entriesOf(store)).not.toEqual({});
  });

  test('is not written again while it is the one that is current', () => {
    const record = keep(loaded(old));
    const before = contentOf(store);
    const link = vi.spyOn(fs, 'symlinkSync');
    expect(keep({ record }, LOCKED, record)).toBe(record);
    const refused = { code: 'weak', detail: 'No.' };
    const meta = { ...readMeta(record)!, files: 't', problem: refused };
    const noted = record.slice(0, record.indexOf('{')) + JSON.stringify(meta);
    expect(keep({ record: noted }, LOCKED, record)).toBe(noted);
    expect(contentOf(store)).toEqual(before);
    expect(link).not.toHaveBeenCalled();
  });

  test('has its facts brought up to date where they are others', () => {
    const record = keep(loaded(old));
    const meta = { ...readMeta(record)!, files: 't' };
    keep({ record: record.slice(0, record.indexOf('{')) + JSON.stringify(meta) }, LOCKED, record);
    expect(entryOf(store, NAME)).toMatchObject({
      version: versionIn(record),
      meta: { files: 't' },
    });
    expect(versionsOf(store)).toHaveLength(1);
  });

  test('is moved from the zone into the store', () => {
    const { record } = loaded(old);
    expect(pemIn(keep({ record }, LOCKED, record))).toBe(pemOfPair(old));
    expect(versionsOf(store)).toHaveLength(1);
  });

  test('stays text where there is no store', () => {
    context.store = undefined;
    expect(keep(loaded(old))).toBe(loaded(old).record);
  });
});

describe('a slot that has nothing any more', () => {
  test.each([
    ['is marked', LOCKED, true],
    ['is left alone by who has no lock', BUSY, false],
  ])('%s', (_, attempt, isMarked) => {
    const record = keep(loaded(old));
    expect(keep({ record: '' }, attempt, record)).toBe('');
    expect('deleted' in entryOf(store, NAME)).toBe(isMarked);
  });

  test('costs no write where the store has nothing either', () => {
    keep({ record: '' });
    expect(contentOf(store)).toEqual({});
  });
});

test('a store that cannot be written is said once, and again after it could; pairs stay text', () => {
  failOf('symlinkSync');
  for (let i = 0; i < 3; i++) {
    const record = keep(loaded(old));
    expect([isVersion(record), pemIn(record)]).toEqual([false, pemOfPair(old)]);
  }
  const said = expect.stringMatching(/^error: .*the store cannot be written: .*ENOSPC/) as unknown;
  expect(context.lines).toEqual([said]);
  vi.restoreAllMocks();
  // A bucket of notes that has to be made first: this error has no path.
  vi.setSystemTime(Date.now() + 20_000);
  failOf('mkdirSync');
  keep(loaded(old));
  expect(context.lines).toEqual([said]);
  vi.restoreAllMocks();
  expect(isVersion(keep(loaded(old)))).toBe(true);
  failOf('symlinkSync');
  keep(loaded(next));
  expect(context.lines).toEqual([said, said]);
});

test('a pair that stays text goes before what this store has, until that is another version', () => {
  keep(loaded(old));
  failOf('symlinkSync');
  const record = keep(loaded(next));
  expect(current(record)).toMatchObject({ record, isAdopted: false });
  expect(current(record.replace(store.id, '1:2'))).toMatchObject({ isAdopted: true });
  vi.restoreAllMocks();
  keep(loaded(old));
  expect(current(record)).toMatchObject({ isAdopted: true });
  keep({ record: '' });
  expect(current(record).record).toBeUndefined();
});

test('a pointer is kept, takes the place of a version, and goes', () => {
  const held = keep(loaded(old));
  const version = versionIn(held);
  vi.setSystemTime(Date.now() + 20_000);
  keepPointer(context, NAME, held, fileKey('site'), [fileKey('other')]);
  expect(entryOf(store, NAME)).toEqual({ file: '*file:site', others: ['*file:other'] });
  expect(notesOf(version)).toBe(2);
  expect(versionsOf(store)).toEqual([version]);
  // Another nginx has put a pair.
  const put = versionIn(keep(loaded(next)));
  keepPointer(context, NAME, makePointer(fileKey('site'), {}), fileKey('site'), []);
  keepPointer(context, NAME, held, '', []);
  expect(entryOf(store, NAME)).toMatchObject({ version: put });
  placePointer(store, NAME, fileKey('site'), []);
  keepPointer(context, NAME, makePointer(fileKey('site'), {}), '', []);
  expect(entriesOf(store)).toEqual({});
});

describe('a sweep', () => {
  test('comes to its end once in ten seconds', () => {
    sweepIfDue(context);
    const first = findSwept(zone);
    vi.setSystemTime(Date.now() + 9_999);
    sweepIfDue(context);
    expect(findSwept(zone)).toBe(first);
    vi.setSystemTime(Date.now() + 1);
    sweepIfDue(context);
    expect(findSwept(zone)).toBe(String(Date.now()));
  });

  test('goes on with the next look where there is more to do', () => {
    for (let i = 0; i < 20; i++) keep(loaded(old), BUSY);
    vi.setSystemTime(Date.now() + 120_000);
    sweepIfDue(context);
    expect(versionsOf(store)).toHaveLength(4);
    expect(findSwept(zone)).toBeUndefined();
    sweepIfDue(context);
    expect(versionsOf(store)).toEqual([]);
  });

  test('that fails is logged, and tried again ten seconds later', () => {
    keep(loaded(old), BUSY);
    vi.setSystemTime(Date.now() + 120_000);
    failOf('unlinkSync', undefined, 'EROFS');
    for (let i = 0; i < 2; i++) sweepIfDue(context);
    expect(context.lines).toEqual([expect.stringMatching(/^log: .*EROFS/)]);
  });
});
