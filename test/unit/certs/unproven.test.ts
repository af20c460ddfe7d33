import { rmSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { entryOf as describeEntry } from '../../../src/admin/entry.js';
import { installPair, provePair } from '../../../src/certs/install.js';
import { pemIn } from '../../../src/certs/pem_of_record.js';
import { refreshSlot } from '../../../src/certs/refresh.js';
import { slotPaths } from '../../../src/config/paths.js';
import { readPair } from '../../../src/x509/pair.js';
import { isVersion, readMeta } from '../../../src/zone/record.js';
import { createAuthority } from '../../support/certificates.js';
import { key, leaf, openssl } from '../../support/openssl.js';
import { useStoredSlot } from '../../support/stored_slot.js';
import { entryOf, failOf } from '../../support/stores.js';

// A pair whose key nothing has proven: from files into the store and back, and where there is no store.

const NAME = 'a.example';
const authority = await createAuthority();
const proven = await authority.issue({ names: [NAME] });
const made = leaf([NAME], { key: key('ED25519') });
const unproven = { chainPem: made.pem, keyPem: made.key };
const bare = { ...proven, keyPem: openssl(['ec', '-no_public'], proven.keyPem) };

const slot = useStoredSlot(NAME);

function isProven(record: string): boolean {
  return describeEntry(NAME, record, readMeta(record)!).key_proven;
}

test.each([
  ['an Ed25519 key', unproven],
  ['an EC key without its public part', bare],
])('%s of files is served from the store, and said to be unproven', (_, pair) => {
  slot.write(pair);
  const record = slot.lookAfterClear();
  expect([isVersion(record), isProven(record)]).toEqual([true, false]);
  expect(pemIn(record)).toContain(readPair(pair.chainPem, pair.keyPem).chain);
  expect(entryOf(slot.store, NAME)).toMatchObject({ meta: { isUnproven: true } });
  // Still so after another look, and for an nginx that knows the store alone.
  expect(isProven(slot.lookAfterClear())).toBe(false);
  slot.zone.clear();
  rmSync(slotPaths(slot.context.settings, NAME).cert);
  expect(isProven(refreshSlot(slot.context, NAME))).toBe(false);
});

test('a key that proves itself is said to be proven, also after one that does not', () => {
  slot.write(unproven);
  slot.lookAfterClear();
  slot.write(proven);
  const record = slot.lookAfterClear();
  expect(isProven(record)).toBe(true);
  expect(entryOf(slot.store, NAME)).not.toMatchObject({ meta: { isUnproven: true } });
});

test('a key that a put has proven stays so where files bring the same one', async () => {
  const pair = await provePair(slot.context, readPair(unproven.chainPem, unproven.keyPem));
  const [record] = installPair(slot.context, slot.zone, [NAME], pair, '');
  expect(isProven(record!)).toBe(true);
  slot.write(unproven);
  expect(isProven(slot.lookAfterClear())).toBe(true);
  const other = leaf([NAME], { key: key('ED25519') });
  slot.write({ chainPem: other.pem, keyPem: other.key });
  expect(isProven(slot.lookAfterClear())).toBe(false);
});

test('without a store it is refused, and what is held stays', () => {
  slot.context = { ...slot.context, store: undefined };
  slot.write(proven);
  const before = pemIn(slot.lookAfterClear());
  slot.write(unproven);
  const record = slot.lookAfterClear();
  expect(pemIn(record)).toBe(before);
  expect(readMeta(record)!.problem).toMatchObject({ code: 'unsupported-key' });
});

test.each([true, false])(
  'where the store cannot be written it never is text; held before: %s',
  (isHeld) => {
    if (isHeld) slot.write(proven);
    const before = slot.lookAfterClear();
    slot.write(unproven);
    failOf('symlinkSync');
    const record = slot.lookAfterClear();
    expect(pemIn(record)).toBe(isHeld ? pemIn(before) : '');
    expect([...slot.zone.values.values()].join()).not.toContain('PRIVATE KEY');
    expect(slot.context.lines.join('\n')).toContain('the store cannot be written');
    expect(slot.context.lines.join('\n')).not.toContain(
      `${NAME}: loaded from ${slot.folder}/${NAME}.cert.pem, valid until ${new Date(readPair(unproven.chainPem, unproven.keyPem).leaf.notAfter * 1000).toISOString()}`,
    );
    vi.restoreAllMocks();
    // Without a clear: the next look tries again.
    vi.setSystemTime(Date.now() + 30_000);
    const after = refreshSlot(slot.context, NAME);
    expect([isVersion(after), isProven(after)]).toEqual([true, false]);
    expect(pemIn(after)).toContain(unproven.chainPem);
  },
);

test('a value of etcd whose key is unproven is refused where the store cannot be written', () => {
  const pair = readPair(unproven.chainPem, unproven.keyPem);
  failOf('symlinkSync');
  expect(() => installPair(slot.context, slot.zone, [NAME], pair, 'mx1:7')).toThrow(
    expect.objectContaining({ code: 'store-failed' }),
  );
  expect(slot.zone.get(NAME)).toBeUndefined();
});
