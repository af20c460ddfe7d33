import fs, { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { pemIn } from '../../../src/certs/pem_of_record.js';
import { installPair, removePair } from '../../../src/certs/install.js';
import { refreshSlot } from '../../../src/certs/refresh.js';
import { currentOf, sweepStore } from '../../../src/certs/stored.js';
import { rsaKey } from '../../../src/config/slot.js';
import { versionPath, type Store } from '../../../src/disk/store.js';
import { readPair } from '../../../src/x509/pair.js';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import { freshPathOf, isVersion, pathOf, readMeta } from '../../../src/zone/record.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { FakeZone, fullError } from '../../support/fake_zone.js';
import {
  contextWith,
  pemIn as pemOfPair,
  settingsIn,
  type FakeContext,
} from '../../support/slots.js';
import {
  contentOf,
  entriesOf,
  entryOf,
  failOf,
  isIn,
  makeStore,
  retiredIn,
  versionsOf,
} from '../../support/stores.js';

const NAME = 'a.example';
const RSA_SLOT = rsaKey(NAME);
const B = 'b.example';
const authority = await createAuthority();
const [old, next] = await Promise.all([
  authority.issue({ names: [NAME, B] }),
  authority.issue({ names: [NAME, B] }),
]);

const refusal = (code: string, message = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as unknown });

let folder: string;
let zone: FakeZone;
let store: Store;
let context: FakeContext;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-install-'));
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
  zone = new FakeZone();
  vi.stubGlobal('ngx', { worker_id: 0 });
  store = makeStore(folder);
  const settings = settingsIn(folder, {
    certFileRsa: `${folder}/{name}.rsa.cert.pem`,
    store: `${folder}/store`,
  });
  context = contextWith(settings, { zone, store, storeToken: 'mstoretoken1' });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
});

function install(slots: string[], { chainPem, keyPem }: Pair, etcd = ''): string[] {
  return installPair(context, zone, slots, readPair(chainPem, keyPem), etcd);
}

/** What all names have, in the zone and in the store. */
const heldNow = (): unknown => [Object.fromEntries(zone.values), entriesOf(store)];

/** Lets a zone have no room for another record under a key. */
function lackRoomFor(key: string): void {
  const set = zone.set.bind(zone);
  const held = zone.get(key);
  vi.spyOn(zone, 'set').mockImplementation((at, value) => {
    if (at === key && value !== held) throw fullError();
    return set(at, value);
  });
}

/** How many pairs the store could not take. */
const failures = (): number =>
  (JSON.parse(zone.get('#counts:0') ?? '{}') as Record<string, number>)['store_failures_total'] ??
  0;

/** Sweeps when everything that was retired until now is due. */
function sweepLater(): void {
  vi.setSystemTime(Date.now() + 120_000);
  while (sweepStore(store, 16).isMoreDue);
}

describe('a pair that is put in place', () => {
  test('is one version, which the record and the entry of each slot lead to', () => {
    const records = install([NAME, RSA_SLOT], next);
    expect(versionsOf(store)).toHaveLength(1);
    const version = versionsOf(store)[0]!;
    for (const [i, slot] of [NAME, RSA_SLOT].entries()) {
      expect(records[i]).toBe(zone.get(slot));
      expect(pathOf(records[i]!)).toBe(versionPath(store, version));
      expect(pemIn(records[i]!)).toBe(pemOfPair(next));
      expect(entryOf(store, slot)).toMatchObject({ version, token: 'mstoretoken1' });
      expect(entryOf(store, slot).meta.source).toBe('api');
    }
    expect(JSON.stringify(heldNow())).not.toContain('PRIVATE KEY');
  });

  test('is served at once, for the interval of a look at the store', () => {
    const [record] = install([NAME], next);
    expect(freshPathOf(record!, FIRST_TOKEN)).not.toBe('');
    vi.setSystemTime(Date.now() + context.interval);
    expect(freshPathOf(record!, FIRST_TOKEN)).toBe('');
  });

  test('is on the disk before the answer', () => {
    const append = vi.spyOn(fs, 'appendFileSync');
    install([NAME], next);
    expect(append.mock.calls.map(([, , options]) => options)).toEqual([{ flag: 'as' }]);
  });

  test('takes the place of a version that a sweep removes later', () => {
    install([NAME], old);
    const [before] = versionsOf(store);
    const [record] = install([NAME], next);
    expect(readMeta(record!)).toMatchObject({ store: store.id, before });
    expect(versionsOf(store)).toContain(before);
    sweepLater();
    expect(versionsOf(store)).toEqual([entryOf(store, NAME).version]);
    expect(retiredIn(store)).toEqual({});
  });

  test('for two names stays until neither has it', () => {
    install([NAME, B], old);
    const [shared] = versionsOf(store);
    install([NAME], next);
    sweepLater();
    expect(versionsOf(store)).toContain(shared);
    install([B], next);
    sweepLater();
    expect(versionsOf(store)).not.toContain(shared);
  });

  test('has another version where it is the same pair again', () => {
    install([NAME], old);
    const [first] = versionsOf(store);
    install([NAME], old);
    expect(entryOf(store, NAME).version).not.toBe(first);
  });

  test('into no slot leaves nothing in the store', () => {
    expect(install([], next)).toEqual([]);
    expect(contentOf(store)).toEqual({});
  });
});

describe('where a pair cannot be put in place, the zone and the store have what they had', () => {
  beforeEach(() => {
    install([NAME], old);
  });

  function expectUnchanged(problem: unknown): void {
    const before = heldNow();
    const [version] = versionsOf(store);
    expect(() => install([NAME, B, RSA_SLOT], next)).toThrow(problem);
    expect(heldNow()).toEqual(before);
    vi.restoreAllMocks();
    sweepLater();
    expect(versionsOf(store)).toEqual([version]);
  }

  test.each([
    ['the first slot', NAME],
    ['the second slot', B],
    ['the last slot', RSA_SLOT],
  ])('the zone has no room for %s', (_, slot) => {
    lackRoomFor(slot);
    expectUnchanged(refusal('zone-full', 'Give js_shared_dict_zone a larger size.'));
  });

  test.each([
    ['the version', 'versions'],
    ['the entry of the first slot', 'names'],
    ['the entry of the last slot', 'rsa'],
  ])('the store has no room for %s', (_, part) => {
    failOf('renameSync', isIn(store, part));
    expectUnchanged(refusal('store-failed', 'ENOSPC of a test. Nothing was changed.'));
  });

  test('the content of the version is cut off', () => {
    vi.spyOn(fs, 'appendFileSync').mockImplementation(() => {
      throw new Error('cut off');
    });
    expectUnchanged(refusal('store-failed', 'cut off'));
  });
});

describe('a store that is set and cannot be used', () => {
  beforeEach(() => {
    context.store = undefined;
  });

  test('refuses a put, and the zone stays as it is', () => {
    expect(() => install([NAME], next)).toThrow(
      refusal('store-failed', `$cert_store "${folder}/store" cannot be used`),
    );
    expect(zone.keys()).toEqual([]);
  });

  test('leaves a pair of etcd to be served as text', () => {
    const [record] = install([NAME], next, 'mx1:7');
    expect(isVersion(record!)).toBe(false);
    expect(pemIn(record!)).toBe(pemOfPair(next));
    expect(failures()).toBe(1);
  });

  test('keeps the name of a version from being removed: it would be back with the store', () => {
    install([NAME], next, 'mx1:7');
    removePair(context, zone, [NAME]);
    expect(zone.get(NAME)).toBeUndefined();
    context.store = store;
    install([NAME], next);
    context.store = undefined;
    const before = heldNow();
    expect(() => {
      removePair(context, zone, [NAME]);
    }).toThrow(refusal('store-failed'));
    expect(heldNow()).toEqual(before);
  });
});

describe('a pair of etcd that the store has no room for', () => {
  beforeEach(() => {
    context.settings.followsEtcd = true;
    install([NAME], old, 'mx1:6');
  });

  test('is served as text, which is counted, and said once until the store can be written', () => {
    failOf('renameSync');
    const [record] = install([NAME], next, 'mx1:7');
    expect(record).toBe(zone.get(NAME));
    expect(pemIn(record!)).toBe(pemOfPair(next));
    expect(isVersion(record!)).toBe(false);
    expect(context.lines).toEqual([
      expect.stringMatching(
        /^error: .*the store cannot be written: .*ENOSPC.*go to nginx as text$/,
      ),
    ]);
    expect(failures()).toBe(1);
    install([NAME], next, 'mx1:8');
    expect([failures(), context.lines.length]).toEqual([2, 1]);
    vi.restoreAllMocks();
    install([NAME], next, 'mx1:9');
    failOf('renameSync');
    install([NAME], next, 'mx1:10');
    expect([failures(), context.lines.length]).toEqual([3, 2]);
  });

  test.each([
    [
      'cannot be written',
      (): void => {
        failOf('renameSync');
      },
    ],
    ['is away', (): void => void (context.store = undefined)],
  ])('goes before the older one that is stored when the store is back: it %s', (_, spoil) => {
    spoil();
    install([NAME], old, 'mx1:7');
    install([NAME], next, 'mx1:8');
    vi.restoreAllMocks();
    context.store = store;
    const text = zone.get(NAME)!;
    expect(pemIn(currentOf(context, NAME, text).record!)).toBe(pemOfPair(next));
    expect(pemIn(refreshSlot(context, NAME))).toBe(pemOfPair(next));
    expect(isVersion(zone.get(NAME)!)).toBe(true);
    expect(entryOf(store, NAME).meta.etcd).toBe('mx1:8');
  });
});

describe('a pair that is removed', () => {
  beforeEach(() => {
    install([NAME, B], old);
  });

  function remove(...slots: string[]): void {
    removePair(context, zone, slots);
  }

  test('leaves a mark for the others that share the store, and that goes in the end', () => {
    remove(NAME);
    expect(zone.get(NAME)).toBeUndefined();
    expect(entryOf(store, NAME)).toEqual({ deleted: true });
    expect(currentOf(context, B, zone.get(B)).version).toBe(versionsOf(store)[0]);
    sweepLater();
    expect(Object.keys(entriesOf(store))).toEqual([expect.stringMatching(/b\.example$/)]);
    expect(versionsOf(store)).toHaveLength(1);
  });

  test('goes with its version where no other name has it', () => {
    remove(NAME, B);
    expect(versionsOf(store)).toHaveLength(1);
    sweepLater();
    expect([versionsOf(store), entriesOf(store)]).toEqual([[], {}]);
  });

  test('leaves no mark for a name that the store does not have', () => {
    remove(RSA_SLOT);
    expect(Object.keys(entriesOf(store))).toHaveLength(2);
  });

  test('goes without a mark where there is no room for one', () => {
    const elsewhere = zone.get(NAME);
    failOf('renameSync');
    failOf('symlinkSync');
    remove(NAME);
    expect(zone.get(NAME)).toBeUndefined();
    expect(Object.keys(entriesOf(store))).toEqual([expect.stringMatching(/b\.example$/)]);
    // Another nginx on the store, and this one after a start.
    expect(currentOf(context, NAME, elsewhere).record).toBeUndefined();
    expect(currentOf(context, NAME, undefined).record).toBeUndefined();
  });

  test('stays in all its slots where one of them cannot be removed', () => {
    const before = heldNow();
    const isOfB = (path: string): boolean => path.endsWith('/b.example');
    failOf('renameSync', isOfB);
    failOf('unlinkSync', isOfB, 'EROFS');
    expect(() => {
      remove(NAME, B);
    }).toThrow(refusal('store-failed', 'EROFS'));
    expect(heldNow()).toEqual(before);
  });
});
