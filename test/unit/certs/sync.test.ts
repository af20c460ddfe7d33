import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Context } from '../../../src/certs/context.js';
import { installPair, removePair } from '../../../src/certs/install.js';
import { versionIn } from '../../../src/certs/pem_of_record.js';
import { syncNames } from '../../../src/certs/sync.js';
import { fileKey, rsaKey } from '../../../src/config/slot.js';
import { placePointer } from '../../../src/certs/stored.js';
import { removeEntry } from '../../../src/disk/entries.js';
import type { Store } from '../../../src/disk/store.js';
import { readPair } from '../../../src/x509/pair.js';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import type { RecordMeta } from '../../../src/zone/meta.js';
import { isFresh, targetOf } from '../../../src/zone/record.js';
import { isSlot } from '../../../src/zone/slots.js';
import { createAuthority } from '../../support/certificates.js';
import { FakeZone } from '../../support/fake_zone.js';
import { contextWith, recordWith, settingsIn } from '../../support/slots.js';
import { entryOf, makeStore } from '../../support/stores.js';

const [A, B] = ['a.example', 'b.example'];
const pair = await (await createAuthority()).issue({ names: [A, B] });
const META: RecordMeta = { source: 'disk', files: 's', notAfter: 9, loadedAt: 7 };

let folder: string;
let store: Store;
/** This nginx, and another one with the same store. */
let here: Context;
let other: Context;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-sync-'));
  store = makeStore(folder);
  here = contextWith(settingsIn(folder), { store, zone: new FakeZone() });
  other = contextWith(settingsIn(folder), { store, zone: new FakeZone() });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

const zoneOf = ({ zone }: Context): FakeZone => zone as FakeZone;
const slots = (): string[] => zoneOf(here).keys().filter(isSlot).sort();

function put(...names: string[]): void {
  installPair(other, zoneOf(other), names, readPair(pair.chainPem, pair.keyPem), '');
}

/** A folder that changed just now may change again within a tick. */
function wait(): void {
  vi.useFakeTimers({ now: Date.now() + 10_000, toFake: ['Date'] });
}

test('all slots of the store get a record, which the next handshake has to look at', async () => {
  put(A, rsaKey(A), B);
  placePointer(store, 'c.example', fileKey('site'), []);
  await syncNames(here);
  expect(slots()).toEqual([rsaKey(A), A, B, 'c.example'].sort());
  const record = zoneOf(here).get(A)!;
  expect(versionIn(record)).toBe(entryOf(store, A).version);
  expect(isFresh(record, FIRST_TOKEN, 0)).toBe(false);
  expect(targetOf(zoneOf(here).get('c.example')!)).toBe(fileKey('site'));
});

test('a record that is there stays', async () => {
  put(A);
  const record = recordWith(pair, META);
  zoneOf(here).set(A, record);
  await syncNames(here);
  expect(zoneOf(here).get(A)).toBe(record);
});

test.each([
  [
    'with a mark',
    (): void => {
      removePair(other, zoneOf(other), [A]);
    },
  ],
  [
    'without one',
    (): void => {
      removeEntry(store, A);
    },
  ],
])('a name that another nginx has deleted goes, %s', async (_, remove) => {
  put(A, B);
  await syncNames(here);
  remove();
  await syncNames(here);
  expect(slots()).toEqual([B]);
});

test('a pair as text, and a version of another store, stay though the store has them not', async () => {
  put(A, B);
  await syncNames(here);
  const text = recordWith(pair, { ...META, store: store.id, before: '' });
  const elsewhere = zoneOf(here).get(B)!.replace(store.id, '1:2');
  zoneOf(here).set(A, text).set(B, elsewhere);
  for (const name of [A, B]) removeEntry(store, name);
  await syncNames(here);
  expect([zoneOf(here).get(A), zoneOf(here).get(B)]).toEqual([text, elsewhere]);
});

test('a folder that has not changed is passed over, and one that has is not', async () => {
  put(A);
  wait();
  await syncNames(here);
  zoneOf(here).delete(A);
  await syncNames(here);
  expect(slots()).toEqual([]);
  vi.useRealTimers();
  put(A);
  await syncNames(here);
  expect(slots()).toEqual([A]);
});

test('a folder that has changed within a tick is looked at again', async () => {
  put(A);
  await syncNames(here);
  zoneOf(here).delete(A);
  await syncNames(here);
  expect(slots()).toEqual([A]);
});

test.each([
  [
    'another worker is busy with one of its names',
    (zone: FakeZone): void => {
      zone.set(`#lock:${A}`, `${Date.now()}:${process.pid}`);
    },
  ],
  [
    'the zone has no room',
    (zone: FakeZone): void => {
      zone.room = 0;
    },
  ],
])('a folder is looked at again where %s', async (_, spoil) => {
  put(A);
  wait();
  const zone = zoneOf(here);
  spoil(zone);
  await syncNames(here);
  expect(slots()).toEqual([]);
  zone.delete(`#lock:${A}`);
  zone.room = Infinity;
  await syncNames(here);
  expect(slots()).toEqual([A]);
});

test('without a zone, or without a store, there is nothing to do', async () => {
  put(A);
  await syncNames({ ...here, store: undefined });
  await syncNames({ ...here, zone: undefined });
  expect(slots()).toEqual([]);
});
