import fs, { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, vi } from 'vitest';
import { resolve } from '../../src/certs/resolve.js';
import { FIRST_TOKEN } from '../../src/zone/clear_token.js';
import type { RecordMeta } from '../../src/zone/meta.js';
import { makePointer, makeRecord, withMeta } from '../../src/zone/record.js';
import type { Pair } from './certificates.js';
import { FakeZone } from './fake_zone.js';
import { META, PEM } from './scanned.js';
import { writeFiles } from './slots.js';

/** Handshakes with a fake zone and files in a folder, anew for each test. */
export class Handshakes {
  readonly interval = 10_000;
  folder = '';
  /** When the test began; the time stands still. */
  now = 0;
  zone = new FakeZone();
  misses = new FakeZone();
  /** What was logged, each line with its level before it. */
  lines: string[] = [];
  variables: Record<string, string> = {};

  constructor() {
    beforeEach(() => {
      this.begin();
    });
    afterEach(() => {
      vi.useRealTimers();
      vi.restoreAllMocks();
      vi.unstubAllGlobals();
      rmSync(this.folder, { recursive: true });
    });
  }

  /** Makes a handshake, and returns the record that it gets. */
  ask(name: string, isForRsa = false): string {
    const r = {
      variables: { ...this.variables, ssl_server_name: name },
      log: (message: string) => this.lines.push(`log: ${message}`),
      error: (message: string) => this.lines.push(`error: ${message}`),
    };
    return resolve(r, isForRsa);
  }

  /** Puts a record into the zone that is fresh now; its `files` say which one it is. */
  hold(slot: string, more: Partial<RecordMeta> = {}): string {
    const record = makeRecord(FIRST_TOKEN, { ...META, files: slot, ...more }, PEM);
    this.zone.set(slot, record);
    return record;
  }

  /** Puts a pointer into the zone that is fresh now. */
  holdPointer(slot: string, target: string): void {
    this.zone.set(slot, withMeta(makePointer(target, {}), FIRST_TOKEN, {}));
  }

  /** Writes the files of a name. */
  write(name: string, pair: Pair): void {
    writeFiles(
      { cert: `${this.folder}/${name}.cert.pem`, key: `${this.folder}/${name}.key.pem` },
      pair,
    );
  }

  /** Counts how often the chain of a name is looked at from now on. */
  countLooks(name: string): () => number {
    const path = `${this.folder}/${name}.cert.pem`;
    const stat = vi.spyOn(fs, 'statSync');
    return () => stat.mock.calls.filter(([looked]) => looked === path).length;
  }

  private begin(): void {
    this.folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-resolve-'));
    this.now = Date.now();
    vi.useFakeTimers({ now: this.now, toFake: ['Date'] });
    this.zone = new FakeZone();
    this.misses = new FakeZone();
    this.lines = [];
    this.variables = {
      cert_file: `${this.folder}/{name}.cert.pem`,
      cert_key_file: `${this.folder}/{name}.key.pem`,
      cert_key_file_rsa: `${this.folder}/{name}.rsa.key.pem`,
      cert_check_interval: `${this.interval / 1000}`,
    };
    const shared = { certs: this.zone, certs_misses: this.misses };
    vi.stubGlobal('ngx', { shared, worker_id: 0 });
  }
}
