import { webcrypto } from 'node:crypto';
import fs, { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  expectServable,
  installPair,
  provePair,
  recordOf,
  removePair,
} from '../../../src/certs/install.js';
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
import { key, leaf, openssl } from '../../support/openssl.js';
import { withPublicKey } from '../../support/pairs/made.js';
import { contextWith, leafOf, pemIn, settingsIn, writeFiles } from '../../support/slots.js';

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

const PERSISTED = { isPersistent: true };

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
const heldNow = (): object => Object.fromEntries(zone.values);

/** Lets a zone have no room for what is put under a key. */
function lackRoomFor(key: string, error = fullError()): void {
  const set = zone.set.bind(zone);
  vi.spyOn(zone, 'set').mockImplementation((at, value) => {
    if (at === key && value.includes(checked(next).chain)) throw error;
    return set(at, value);
  });
}

describe('a pair is served', () => {
  const context = contextWith(settingsIn('/certs', { fallback: 'fallback.example' }));

  test.each([
    ['under its names', [NAME, '*.b.example']],
    ['under what its wildcard covers', ['x.b.example']],
    ['as the fallback, whatever its names', ['fallback.example']],
    ['under no name', []],
  ])('%s', (_, names) => {
    expect(() => {
      expectServable(context, checked(old), names);
    }).not.toThrow();
  });

  test.each(['c.example', 'b.example', 'x.y.b.example', '*.example'])('not under %s', (name) => {
    expect(() => {
      expectServable(context, checked(old), [NAME, name]);
    }).toThrow(refusal('name-not-covered', `The certificate is not for ${name}.`));
  });

  test('not when it has expired, also as the fallback', async () => {
    const times = { notBefore: new Date(0), notAfter: new Date(1000) };
    const expired = await authority.issue({ names: [NAME], ...times });
    for (const name of [NAME, 'fallback.example']) {
      expect(() => {
        expectServable(context, checked(expired), [name]);
      }).toThrow(refusal('expired', '1970-01-01T00:00:01.000Z'));
    }
  });
});

describe('a key is proven', () => {
  const prove = (pair: CheckedPair, more: Partial<Settings> = {}): Promise<CheckedPair> =>
    provePair(contextWith(settings(more)), pair);

  test('by using it, and a pair that proves itself in its files stays as it is', async () => {
    const pair = checked(next);
    expect(await prove(pair)).toBe(pair);
    const other = { ...pair, privateKey: checked(old).privateKey };
    await expect(prove(other)).rejects.toThrow(refusal('key-mismatch'));
  });

  test('and an EC key without its public part gets it', async () => {
    const bare = openssl(['ec', '-no_public'], next.keyPem);
    const pair = checked({ chainPem: next.chainPem, keyPem: bare });
    expect(pair.keyProven).toBe(false);
    const proven = await prove(pair, PERSISTED);
    expect(readPair(proven.chain, proven.key).keyProven).toBe(true);
    expect(proven.chain).toBe(pair.chain);
  });

  test('and an Ed25519 key, which cannot have it, is only for a zone alone', async () => {
    const ed25519 = (await webcrypto.subtle.generateKey('Ed25519', true, [
      'sign',
      'verify',
    ])) as webcrypto.CryptoKeyPair;
    const pair = checked(await authority.issue({ names: [NAME], keys: ed25519 }));
    expect(await prove(pair)).toBe(pair);
    await expect(prove(pair, PERSISTED)).rejects.toThrow(
      refusal('unsupported-key', 'With $cert_persist on use ECDSA or RSA'),
    );
  });
});

test('a public part that is attached to an Ed25519 key is not written, and so proves nothing', async () => {
  const made = leaf([NAME], { key: key('ED25519') });
  const pair = readPair(made.pem, withPublicKey(made.key));
  expect(pair.keyProven).toBe(true);
  await expect(provePair(contextWith(settings(PERSISTED)), pair)).rejects.toThrow(
    refusal('unsupported-key'),
  );
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
    const record = recordOf(context, zone, NAME, checked(next), 'mx1:7');
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

  test('is written to the files of each slot with $cert_persist, and known by them', () => {
    const records = install([NAME, RSA_SLOT], next, PERSISTED);
    const written = checked(next);
    expect(filesNow()).toEqual({
      'a.example.cert.pem': written.chain,
      'a.example.key.pem': written.key,
      'a.example.rsa.cert.pem': written.chain,
      'a.example.rsa.key.pem': written.key,
    });
    [NAME, RSA_SLOT].forEach((slot, i) => {
      expect(readMeta(records[i]!)!.files).toBe(stampOf(slotPaths(settings(), slot)));
    });
  });
});

describe('where a pair cannot be put in place, all is as it was', () => {
  beforeEach(() => {
    install([NAME], old, PERSISTED);
    noteMissing(misses, RSA_SLOT, FIRST_TOKEN);
  });

  function expectUnchanged(more: Partial<Settings>, problem: unknown): void {
    const before = [heldNow(), filesNow()];
    expect(() => install([NAME, RSA_SLOT], next, more)).toThrow(problem);
    expect([heldNow(), filesNow()]).toEqual(before);
    expect(isMissing(misses, RSA_SLOT, FIRST_TOKEN, 0)).toBe(true);
  }

  test.each([
    ['for the first slot', NAME],
    ['for the second slot', RSA_SLOT],
  ])('the zone has no room %s', (_, slot) => {
    lackRoomFor(slot);
    expectUnchanged(PERSISTED, refusal('zone-full', 'Give js_shared_dict_zone a larger size.'));
  });

  test('the second slot meets another error', () => {
    lackRoomFor(RSA_SLOT, new TypeError('no'));
    expectUnchanged(PERSISTED, expect.any(TypeError));
  });

  test('the second slot lacks room, and the first one held nothing', () => {
    zone.clear();
    lackRoomFor(RSA_SLOT);
    expectUnchanged({}, refusal('zone-full'));
    expect(zone.keys()).toEqual([]);
  });

  test('the files of the second slot cannot be written', () => {
    const rename = fs.renameSync;
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      if (String(to).endsWith('.rsa.cert.pem')) throw new Error('EROFS');
      rename(from, to);
    });
    expectUnchanged(PERSISTED, refusal('persist-failed', 'EROFS'));
  });

  test.each([
    ['$cert_file and $cert_key_file', { certFile: '/certs/all.pem' }],
    ['$cert_file and $cert_key_file', { keyFile: '/certs/all.pem' }],
    ['$cert_file_rsa and $cert_key_file_rsa', { certFileRsa: '/certs/all.pem' }],
    ['$cert_file_rsa and $cert_key_file_rsa', { keyFileRsa: '/certs/all.pem' }],
  ])('one of %s is a file for all names: %o', (which, more) => {
    expectUnchanged(
      { ...PERSISTED, ...more },
      refusal('persist-failed', `${which} have no {name}`),
    );
  });
});

describe('a pair that is removed', () => {
  const names = ['a.example.cert.pem', 'a.example.key.pem'];

  beforeEach(() => {
    install([NAME, RSA_SLOT], old, PERSISTED);
  });

  test('is dropped from the slots, and its files stay where they are not to go', () => {
    const before = filesNow();
    removePair(settings(), zone, [NAME], []);
    expect(zone.get(NAME)).toBeUndefined();
    expect(findSummary(zone, NAME)).toBe('');
    expect(zone.get(RSA_SLOT)).toBeDefined();
    expect(filesNow()).toEqual(before);
  });

  test('goes with its files, and with those of a slot that holds nothing', () => {
    removePair(settings(), zone, [NAME], [NAME, RSA_SLOT]);
    expect(filesNow()).toEqual({});
    expect(zone.get(NAME)).toBeUndefined();
  });

  test('goes with the files that a killed worker has staged', () => {
    const staged = join(folder, `${names[1]!}.put-staged`);
    fs.writeFileSync(staged, checked(next).chain + checked(next).key);
    removePair(settings(), zone, [NAME], [NAME]);
    for (const name of [staged, ...names.map((one) => join(folder, one))]) {
      expect(existsSync(name), name).toBe(false);
    }
  });

  test('stays in all slots, with all files, where one of them cannot be removed', () => {
    const before = [heldNow(), filesNow()];
    const rename = fs.renameSync;
    vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
      if (String(from).endsWith('.rsa.key.pem')) throw new Error('EROFS');
      rename(from, to);
    });
    expect(() => {
      removePair(settings(), zone, [NAME, RSA_SLOT], [NAME, RSA_SLOT]);
    }).toThrow(refusal('persist-failed', 'EROFS'));
    expect([heldNow(), filesNow()]).toEqual(before);
  });
});
