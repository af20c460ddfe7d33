import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';
import { refreshSlot } from '../../src/certs/refresh.js';
import { slotPaths } from '../../src/config/paths.js';
import type { Store } from '../../src/disk/store.js';
import { clearAll, clearToken } from '../../src/zone/clear_token.js';
import { FakeZone } from './fake_zone.js';
import { contextWith, settingsIn, writeFiles, type FakeContext, type Texts } from './slots.js';
import { makeStore } from './stores.js';

/** A name with files, a zone and a store of its own, new for each test. */
export interface StoredSlot {
  folder: string;
  zone: FakeZone;
  store: Store;
  context: FakeContext;
  /** Writes the name's files. */
  write: (pair: Texts) => void;
  /** Looks at them as a handshake does after a clear. Returns the record. */
  lookAfterClear: () => string;
}

/** Makes a name's slot before each test of the file that calls this, at a time that stands still, and removes it after the test. */
export function useStoredSlot(name: string): StoredSlot {
  const slot = {
    write: (pair) => {
      writeFiles(slotPaths(slot.context.settings, name), pair);
    },
    lookAfterClear: () => {
      clearAll(slot.zone);
      slot.context = { ...slot.context, token: clearToken(slot.zone) };
      return refreshSlot(slot.context, name);
    },
  } as StoredSlot;

  beforeEach(() => {
    vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
    vi.stubGlobal('ngx', { worker_id: 0 });
    slot.folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-slot-'));
    slot.zone = new FakeZone();
    slot.store = makeStore(slot.folder);
    const { folder, zone, store } = slot;
    slot.context = contextWith(settingsIn(folder, { store: `${folder}/store` }), { zone, store });
  });

  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    vi.unstubAllGlobals();
    rmSync(slot.folder, { recursive: true });
  });
  return slot;
}
