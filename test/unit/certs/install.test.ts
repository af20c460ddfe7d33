import { webcrypto } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { installPair, provePair, recordOfPut, removePair } from '../../../src/certs/install.js';
import { slotPaths } from '../../../src/config/paths.js';
import type { Settings } from '../../../src/config/settings.js';
import { rsaKey } from '../../../src/config/slot.js';
import { stampOf } from '../../../src/disk/stamp.js';
import { readPair, type Pair as CheckedPair } from '../../../src/x509/pair.js';
import { clearAll, clearToken, FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import { isMissing, noteMissing } from '../../../src/zone/misses.js';
import { isCleared, pemOf, readMeta } from '../../../src/zone/record.js';
import { findSummary } from '../../../src/zone/slots.js';
import { createAuthority, makeKeys, type Pair } from '../../support/certificates.js';
import { FakeZone, fullError } from '../../support/fake_zone.js';
import { EC, key, leaf, openssl } from '../../support/openssl.js';
import {
  type FakeContext,
  contextWith,
  leafOf,
  pemIn,
  settingsIn,
  writeFiles,
} from '../../support/slots.js';

const NAME = 'a.example';
const RSA_SLOT = rsaKey(NAME);
const authority = await createAuthority();
const keys = await makeKeys();
const [old, next] = await Promise.all([
  authority.issue({ names: [NAME, '*.b.example'] }),
  authority.issue({ names: [NAME, '*.b.example'], keys }),
]);

const refusal = (code: string, message = ''): unknown =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as unknown });

let folder: string;
let zone: FakeZone;
let misses: FakeZone;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-install-'));
  zone = new FakeZone();
  misses = new FakeZone();
});

afterEach(() => {
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

function checked({ chainPem, keyPem }: Pick<Pair, 'chainPem' | 'keyPem'>): CheckedPair {
  return readPair(chainPem, keyPem);
}

function settings(more: Partial<Settings> = {}): Settings {
  return settingsIn(folder, { certFileRsa: `${folder}/{name}.rsa.cert.pem`, ...more });
}

function install(slots: string[], pair: Pair, more: Partial<Settings> = {}, etcd = ''): string[] {
  const context = contextWith(settings(more), { zone, misses });
  return installPair(context, zone, slots, checked(pair), etcd);
}

/** All files of the folder with their texts. */
function filesNow(): Record<string, string> {
  return Object.fromEntries(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]),
  );
}

/** The records and what is noted of them. */
const heldNow = (): object =>
  Object.fromEntries([...zone.values].filter(([key]) => key !== '#reserve'));

/** Lets a zone have no room for what is put under a key. */
function lackRoomFor(key: string, error = fullError()): void {
  const set = zone.set.bind(zone);
  vi.spyOn(zone, 'set').mockImplementation((at, value) => {
    if (at === key && value.includes(checked(next).chain)) throw error;
    return set(at, value);
  });
}

describe('a key is proven', () => {
  const context = (): FakeContext => contextWith(settings());

  test('by using it, and a pair that proves itself in its files stays as it is', async () => {
    const pair = checked(next);
    expect(await provePair(context(), pair)).toBe(pair);
    const other = { ...pair, privateKey: checked(old).privateKey };
    await expect(provePair(context(), other)).rejects.toThrow(refusal('key-mismatch'));
  });

  test('and an EC key without its public part gets it', async () => {
    const bare = openssl(['ec', '-no_public'], next.keyPem);
    const pair = checked({ chainPem: next.chainPem, keyPem: bare });
    expect(pair.keyProven).toBe(false);
    const proven = await provePair(context(), pair);
    expect(proven.keyProven).toBe(true);
    expect(readPair(proven.chain, proven.key).keyProven).toBe(true);
    expect(proven.chain).toBe(pair.chain);
  });

  test('and an Ed25519 key, which cannot have it, stays as it is', async () => {
    const ed25519 = (await webcrypto.subtle.generateKey('Ed25519', true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    const pair = checked(await authority.issue({ names: [NAME], keys: ed25519 }));
    expect(pair.keyProven).toBe(false);
    expect(await provePair(context(), pair)).toEqual({ ...pair, keyProven: true });
  });

  test('and one of a kind that the engine has not is taken where there is a store, unproven', async () => {
    const made = leaf([NAME], { key: key(`${EC}brainpoolP256r1`) });
    const pair = readPair(made.pem + made.key);
    await expect(provePair(context(), pair)).rejects.toThrow(
      refusal('unsupported-key', 'this njs cannot tell'),
    );
    const stored = contextWith(settings(), { store: { root: '/store', id: '1:2' } });
    expect(await provePair(stored, pair)).toBe(pair);
    expect(pair.keyProven).toBe(false);
    expect(readMeta(recordOfPut(stored, NAME, pair, ''))).toMatchObject({ isUnproven: true });
  });
});

describe('a pair that is put in place', () => {
  test('is held in each slot, as put now, and wins over the files that are there', () => {
    const files = slotPaths(settings(), NAME);
    writeFiles(files, old);
    const before = filesNow();
    const records = install([NAME, RSA_SLOT], next);
    expect(records).toEqual([zone.get(NAME), zone.get(RSA_SLOT)]);
    expect(filesNow()).toEqual(before);
    const stamps = [stampOf(files), ''];
    records.forEach((record, i) => {
      expect(pemOf(record)).toBe(pemIn(next));
      expect(readMeta(record)).toEqual({
        source: 'api',
        files: stamps[i],
        notAfter: leafOf(next).notAfter,
        loadedAt: expect.closeTo(Date.now(), -4) as unknown,
      });
    });
  });

  test('has the version of etcd that it is of', () => {
    const [record] = install([NAME], next, {}, 'mx1:7');
    expect(readMeta(record!)).toMatchObject({ source: 'etcd', etcd: 'mx1:7' });
  });

  test("has the zone's clear token, and not the one that the request began with", () => {
    clearAll(zone);
    const [record] = install([NAME], next);
    expect(clearToken(zone)).not.toBe(FIRST_TOKEN);
    expect(isCleared(record!, clearToken(zone))).toBe(false);
  });

  test('is what its record says before it is there', () => {
    const context = contextWith(settings());
    const record = recordOfPut(context, NAME, checked(next), 'mx1:7');
    expect(readMeta(record)).toMatchObject({ source: 'etcd', etcd: 'mx1:7' });
    expect(heldNow()).toEqual({});
  });

  test('takes back the negative answers for its slots', () => {
    noteMissing(misses, NAME, FIRST_TOKEN);
    noteMissing(misses, 'b.example', FIRST_TOKEN);
    install([NAME], next);
    expect(isMissing(misses, NAME, FIRST_TOKEN, 0)).toBe(false);
    expect(isMissing(misses, 'b.example', FIRST_TOKEN, 0)).toBe(true);
  });

  test('needs no zone of negative answers', () => {
    const context = contextWith(settings(), { zone });
    expect(installPair(context, zone, [NAME], checked(next), '')).toHaveLength(1);
  });
});

describe('where a pair cannot be put in place, all is as it was', () => {
  beforeEach(() => {
    install([NAME], old);
    noteMissing(misses, RSA_SLOT, FIRST_TOKEN);
  });

  function expectUnchanged(problem: unknown): void {
    const before = heldNow();
    expect(() => install([NAME, RSA_SLOT], next)).toThrow(problem);
    expect(heldNow()).toEqual(before);
    expect(isMissing(misses, RSA_SLOT, FIRST_TOKEN, 0)).toBe(true);
  }

  test.each([
    ['for the first slot', NAME],
    ['for the second slot', RSA_SLOT],
  ])('the zone has no room %s', (_, slot) => {
    lackRoomFor(slot);
    expectUnchanged(refusal('zone-full', 'Give js_shared_dict_zone a larger size.'));
  });

  test('the second slot meets another error', () => {
    lackRoomFor(RSA_SLOT, new TypeError('no'));
    expectUnchanged(expect.any(TypeError));
  });

  test('the second slot lacks room, and the first one held nothing', () => {
    zone.clear();
    lackRoomFor(RSA_SLOT);
    expectUnchanged(refusal('zone-full'));
    expect(heldNow()).toEqual({});
  });
});

describe('a pair that is removed', () => {
  beforeEach(() => {
    install([NAME, RSA_SLOT], old);
  });

  test('is dropped from its slots alone, and its files stay', () => {
    writeFiles(slotPaths(settings(), NAME), old);
    const before = filesNow();
    removePair(contextWith(settings(), { zone }), zone, [NAME]);
    expect(zone.get(NAME)).toBeUndefined();
    expect(findSummary(zone, NAME)).toBe('');
    expect(zone.get(RSA_SLOT)).toBeDefined();
    expect(filesNow()).toEqual(before);
  });

  test('may be one that is not there', () => {
    const before = heldNow();
    removePair(contextWith(settings(), { zone }), zone, ['b.example']);
    expect(heldNow()).toEqual(before);
  });
});
