import fs, { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { fileKey, rsaKey } from '../../../src/config/slot.js';
import {
  placeClearToken,
  placeEntry,
  readClearToken,
  readEntry,
  removeEntry,
  shardOfSlot,
  shardsOf,
  shardStamp,
  slotsIn,
} from '../../../src/disk/entries.js';
import { entryPath, type Store } from '../../../src/disk/store.js';
import { contentOf, failOf, makeStore } from '../../support/stores.js';

const NAME = 'a.example';
const SLOTS = [NAME, rsaKey(NAME), fileKey(NAME), '*.a.example', fileKey('ä ö')];

let folder: string;
let store: Store;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-entries-'));
  store = makeStore(folder);
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe('an entry', () => {
  test('has the text that was last placed for its slot, and no other slot has it', () => {
    for (const slot of SLOTS) placeEntry(store, slot, 'before');
    for (const slot of SLOTS) placeEntry(store, slot, `{"for":"${slot}"}`);
    expect(SLOTS.map((slot) => readEntry(store, slot))).toEqual(
      SLOTS.map((slot) => `{"for":"${slot}"}`),
    );
    expect(Object.keys(contentOf(store))).toHaveLength(SLOTS.length);
  });

  test('that is removed is none, and removing it again does nothing', () => {
    placeEntry(store, NAME, 'text');
    removeEntry(store, NAME);
    removeEntry(store, NAME);
    removeEntry(store, 'b.example');
    expect(readEntry(store, NAME)).toBeUndefined();
    expect(contentOf(store)).toEqual({});
  });

  test('is none where there is something else than a link', () => {
    placeEntry(store, NAME, 'text');
    fs.unlinkSync(entryPath(store, NAME));
    writeFileSync(entryPath(store, NAME), 'text');
    expect(readEntry(store, NAME)).toBeUndefined();
  });

  test('that cannot be read or removed is an error, and not none', () => {
    placeEntry(store, NAME, 'text');
    failOf('unlinkSync', undefined, 'EACCES');
    expect(() => {
      removeEntry(store, NAME);
    }).toThrow('EACCES');
    vi.spyOn(fs, 'readlinkSync').mockImplementation(() => {
      throw Object.assign(new Error('no'), { code: 'EIO' });
    });
    expect(() => readEntry(store, NAME)).toThrow('no');
  });
});

test('the clear token is none before the first clear, and then that of the last one', () => {
  expect(readClearToken(store)).toBeUndefined();
  for (const token of ['first', 'second']) placeClearToken(store, token);
  expect(readClearToken(store)).toBe('second');
  expect(contentOf(store)).toEqual({ clear: 'second' });
});

describe('a folder of entries', () => {
  const FOLDERS = {
    names: (name: string) => name,
    rsa: rsaKey,
    files: fileKey,
  };

  test('is none in a store without names', () => {
    for (const [name, toSlot] of Object.entries(FOLDERS)) {
      expect(shardsOf(store, name, toSlot)).toEqual([]);
    }
  });

  test('has its slots, and together they have all', () => {
    for (const slot of SLOTS) placeEntry(store, slot, 'text');
    const shards = Object.entries(FOLDERS).flatMap(([name, toSlot]) =>
      shardsOf(store, name, toSlot),
    );
    for (const shard of shards) {
      for (const slot of slotsIn(store, shard)) expect(shardOfSlot(slot)).toBe(shard.path);
    }
    expect(shards.flatMap((shard) => slotsIn(store, shard)).sort()).toEqual([...SLOTS].sort());
  });

  test('that has gone has no slots', () => {
    expect(slotsIn(store, { path: 'names/00', toSlot: (name) => name })).toEqual([]);
  });

  test.each(SLOTS)('is where the entry of its slot is: %s', (slot) => {
    expect(shardOfSlot(slot)).toBe(dirname(relative(store.root, entryPath(store, slot))));
  });

  test('has another stamp after each change, and the same while there is none', async () => {
    placeEntry(store, NAME, 'text');
    const shard = { path: shardOfSlot(NAME), toSlot: (name: string) => name };
    const stamps = [shardStamp(store, shard).text];
    for (const change of [
      () => {
        placeEntry(store, NAME, 'other');
      },
      () => {
        removeEntry(store, NAME);
      },
    ]) {
      await sleep(25);
      expect(shardStamp(store, shard).text).toBe(stamps.at(-1));
      change();
      stamps.push(shardStamp(store, shard).text);
    }
    expect(new Set(stamps).size).toBe(3);
    expect(shardStamp(store, shard).changed).toBeCloseTo(Date.now(), -4);
  });
});
