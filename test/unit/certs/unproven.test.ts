import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { entryOf as describeEntry } from '../../../src/admin/entry.js';
import { installPair, provePair } from '../../../src/certs/install.js';
import { pemIn } from '../../../src/certs/pem_of_record.js';
import { refreshSlot } from '../../../src/certs/refresh.js';
import { slotPaths } from '../../../src/config/paths.js';
import type { Store } from '../../../src/disk/store.js';
import { readPair } from '../../../src/x509/pair.js';
import { clearAll, clearToken } from '../../../src/zone/clear_token.js';
import { isVersion, readMeta } from '../../../src/zone/record.js';
import { createAuthority } from '../../support/certificates.js';
import { FakeZone } from '../../support/fake_zone.js';
import { key, leaf, openssl } from '../../support/openssl.js';
import { contextWith, settingsIn, writeFiles, type FakeContext } from '../../support/slots.js';
import { entryOf, failOf, makeStore } from '../../support/stores.js';

// A pair whose key nothing has proven: from files into the store and back, and where there is no store.

const NAME = 'a.example';
const authority = await createAuthority();
const proven = await authority.issue({ names: [NAME] });
const made = leaf([NAME], { key: key('ED25519') });
const unproven = { chainPem: made.pem, keyPem: made.key };
const bare = { ...proven, keyPem: openssl(['ec', '-no_public'], proven.keyPem) };

let folder: string;
let zone: FakeZone;
let store: Store;
let context: FakeContext;

beforeEach(() => {
  vi.useFakeTimers({ now: Date.now(), toFake: ['Date'] });
  vi.stubGlobal('ngx', { worker_id: 0 });
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-unproven-'));
  zone = new FakeZone();
  store = makeStore(folder);
  context = contextWith(settingsIn(folder, { store: `${folder}/store` }), { zone, store });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
  rmSync(folder, { recursive: true });
});

function write(pair: typeof unproven): void {
  writeFiles(slotPaths(context.settings, NAME), pair);
}

/** Looks at the name's files as a handshake does after a clear. */
function look(): string {
  clearAll(zone);
  context = { ...context, token: clearToken(zone) };
  return refreshSlot(context, NAME);
}

function isProven(record: string): boolean {
  return describeEntry(NAME, record, readMeta(record)!).key_proven;
}

test.each([
  ['an Ed25519 key', unproven],
  ['an EC key without its public part', bare],
])('%s of files is served from the store, and said to be unproven', (_, pair) => {
  write(pair);
  const record = look();
  expect([isVersion(record), isProven(record)]).toEqual([true, false]);
  expect(pemIn(record)).toContain(readPair(pair.chainPem, pair.keyPem).chain);
  expect(entryOf(store, NAME)).toMatchObject({ meta: { isUnproven: true } });
  // Still so after another look, and for an nginx that knows the store alone.
  expect(isProven(look())).toBe(false);
  zone.clear();
  rmSync(slotPaths(context.settings, NAME).cert);
  expect(isProven(refreshSlot(context, NAME))).toBe(false);
});

test('a key that proves itself is said to be proven, also after one that does not', () => {
  write(unproven);
  look();
  write(proven);
  const record = look();
  expect(isProven(record)).toBe(true);
  expect(entryOf(store, NAME)).not.toMatchObject({ meta: { isUnproven: true } });
});

test('a key that a put has proven stays so where files bring the same one', async () => {
  const pair = await provePair(context, readPair(unproven.chainPem, unproven.keyPem));
  const [record] = installPair(context, zone, [NAME], pair, '');
  expect(isProven(record!)).toBe(true);
  write(unproven);
  expect(isProven(look())).toBe(true);
  const other = leaf([NAME], { key: key('ED25519') });
  write({ chainPem: other.pem, keyPem: other.key });
  expect(isProven(look())).toBe(false);
});

test('without a store it is refused, and what is held stays', () => {
  context = { ...context, store: undefined };
  write(proven);
  const before = pemIn(look());
  write(unproven);
  const record = look();
  expect(pemIn(record)).toBe(before);
  expect(readMeta(record)!.problem).toMatchObject({ code: 'unsupported-key' });
});

test.each([true, false])(
  'where the store cannot be written it never is text; held before: %s',
  (isHeld) => {
    if (isHeld) write(proven);
    const before = look();
    write(unproven);
    failOf('symlinkSync');
    const record = look();
    expect(pemIn(record)).toBe(isHeld ? pemIn(before) : '');
    expect([...zone.values.values()].join()).not.toContain('PRIVATE KEY');
    expect(context.lines.join('\n')).toContain('the store cannot be written');
    expect(context.lines.join('\n')).not.toContain(
      `${NAME}: loaded from ${folder}/${NAME}.cert.pem, valid until ${new Date(readPair(unproven.chainPem, unproven.keyPem).leaf.notAfter * 1000).toISOString()}`,
    );
    vi.restoreAllMocks();
    // Without a clear: the next look tries again.
    vi.setSystemTime(Date.now() + 30_000);
    const after = refreshSlot(context, NAME);
    expect([isVersion(after), isProven(after)]).toEqual([true, false]);
    expect(pemIn(after)).toContain(unproven.chainPem);
  },
);

test('a value of etcd whose key is unproven is refused where the store cannot be written', () => {
  const pair = readPair(unproven.chainPem, unproven.keyPem);
  failOf('symlinkSync');
  expect(() => installPair(context, zone, [NAME], pair, 'mx1:7')).toThrow(
    expect.objectContaining({ code: 'store-failed' }),
  );
  expect(zone.get(NAME)).toBeUndefined();
});
