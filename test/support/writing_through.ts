import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';
import type { Context } from '../../src/certs/context.js';
import type { Conditions } from '../../src/certs/held.js';
import type { Settings } from '../../src/config/settings.js';
import type { Store } from '../../src/disk/store.js';
import type { Etcd } from '../../src/etcd/client.js';
import { findPosition, putPosition, type KeyRange } from '../../src/etcd/position.js';
import { deleteThrough, putThrough, type Written } from '../../src/etcd/write_through.js';
import { readPair } from '../../src/x509/pair.js';
import type { RecordMeta } from '../../src/zone/meta.js';
import { readMeta } from '../../src/zone/record.js';
import { putRecord } from '../../src/zone/slots.js';
import type { Pair } from './certificates.js';
import { FakeEtcd } from './fake_etcd.js';
import { FakeZone } from './fake_zone.js';
import { positionAt } from './positions.js';
import { contextWith, leafOf, recordWith, settingsIn } from './slots.js';
import { makeStore } from './stores.js';

export const PREFIX = '/certs/';

/** Writes through an etcd into a zone, both fake and anew for each test. */
export class WritingThrough {
  folder = '';
  zone = new FakeZone();
  store = new FakeEtcd();
  /** That of `$cert_store`; undefined where none is set. */
  versions: Store | undefined;
  settings: Settings = settingsIn('');
  sealKeyFile = '';
  /** What the conditions were asked: the name, and the fingerprint of what is held for it. */
  checked: [string, string][] = [];

  constructor() {
    beforeEach(() => {
      this.folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-through-'));
      this.zone = new FakeZone();
      this.store = new FakeEtcd();
      this.versions = undefined;
      this.settings = settingsIn(this.folder, {
        certFileRsa: `${this.folder}/{name}.rsa.cert.pem`,
      });
      this.sealKeyFile = '';
      this.checked = [];
      vi.stubGlobal('ngx', { fetch: this.store.fetch, worker_id: 0 });
    });
    afterEach(() => {
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
      rmSync(this.folder, { recursive: true });
    });
  }

  get etcd(): Etcd {
    const access = { url: 'http://etcd', user: '', passwordFile: '' };
    return { ...access, prefix: PREFIX, sealKeyFile: this.sealKeyFile, zone: this.zone };
  }

  /** @param check of the conditions, where the request has any */
  async put(pair: Pair, targets: Record<string, string[]>, check?: () => void): Promise<Written> {
    return putThrough(
      this.context,
      this.conditions(check),
      this.etcd,
      Object.keys(targets),
      Object.values(targets),
      readPair(pair.chainPem, pair.keyPem),
    );
  }

  async delete(name: string, check?: () => void): Promise<number> {
    return deleteThrough(this.context, this.conditions(check), this.etcd, name);
  }

  /** Puts a pair into a slot, as from elsewhere. */
  hold(slot: string, pair: Pair, more: Partial<RecordMeta> = {}): void {
    const { notAfter } = leafOf(pair);
    const meta: RecordMeta = { source: 'disk', files: '', notAfter, loadedAt: 0, ...more };
    putRecord(this.zone, slot, recordWith(pair, meta));
  }

  /** Of the pair in a slot; undefined where there is none. */
  meta(slot: string): RecordMeta | null | undefined {
    const record = this.zone.get(slot);
    return record === undefined ? undefined : readMeta(record);
  }

  /** Notes how far etcd was followed. */
  follow(...ranges: KeyRange[]): void {
    putPosition(this.zone, positionAt(ranges));
  }

  /** The ranges that are to be gone through. */
  get listing(): boolean[] {
    return findPosition(this.etcd)!.ranges.map(({ needsListing }) => needsListing);
  }

  /** Does something after the nth request to etcd, before its answer is there. */
  afterRequest(nth: number, work: () => void): void {
    this.store.after = (_, asks) => {
      if (asks === nth) work();
    };
  }

  /** Does something before the nth request to etcd. */
  beforeRequest(nth: number, work: () => void): void {
    this.store.before = (_, asks) => {
      if (asks === nth) work();
    };
  }

  /** Sets `$cert_store`. */
  useStore(): Store {
    this.versions = makeStore(this.folder);
    this.settings.store = `${this.folder}/store`;
    return this.versions;
  }

  get context(): Context {
    return contextWith(this.settings, { zone: this.zone, store: this.versions });
  }

  private conditions(check?: () => void): Conditions {
    return {
      isConditional: check !== undefined,
      check: (name, fingerprint) => {
        this.checked.push([name, fingerprint]);
        check?.();
      },
    };
  }
}
