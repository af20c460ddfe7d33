import { existsSync } from 'node:fs';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { findAllHeld } from '../../../src/certs/held.js';
import { installPair } from '../../../src/certs/install.js';
import { slotPaths } from '../../../src/config/paths.js';
import { rsaKey } from '../../../src/config/slot.js';
import { refuse } from '../../../src/engine/refusal.js';
import { readPair } from '../../../src/x509/pair.js';
import { pemOf } from '../../../src/zone/record.js';
import { removeRecord } from '../../../src/zone/slots.js';
import { createAuthority } from '../../support/certificates.js';
import { fullError } from '../../support/fake_zone.js';
import { rangeAt } from '../../support/positions.js';
import { pemIn, writeFiles } from '../../support/slots.js';
import { entriesOf, failOf, isIn } from '../../support/stores.js';
import { PREFIX, WritingThrough } from '../../support/writing_through.js';

const A = 'a.example';
const A_RSA = rsaKey(A);
const [KEY, KEY_RSA] = [`${PREFIX}${A}`, `${PREFIX}${A_RSA}`];
const authority = await createAuthority();
const [first, second] = await Promise.all([
  authority.issue({ names: [A] }),
  authority.issue({ names: [A] }),
]);
const node = new WritingThrough();

const refusal = (code: string): unknown => expect.objectContaining({ code });

/** Puts a pair into a store, and takes it from the zone again, as a start of nginx does. */
function stored(...slots: string[]): void {
  installPair(node.context, node.zone, slots, readPair(first.chainPem, first.keyPem), '');
  for (const slot of slots) removeRecord(node.zone, slot);
}

describe('a delete', () => {
  test('takes both slots from etcd and from the zone, at the revision that it returns', async () => {
    for (const key of [KEY, KEY_RSA]) node.store.put(key, first.pairPem);
    for (const slot of [A, A_RSA]) node.hold(slot, first);
    const revision = await node.delete(A);
    expect(revision).toBe(node.store.revision);
    expect([node.store.get(KEY), node.store.get(KEY_RSA)]).toEqual([undefined, undefined]);
    expect(node.zone.keys()).toEqual([]);
  });

  test.each([
    [
      'etcd',
      () => {
        node.store.put(KEY, first.pairPem);
      },
    ],
    [
      "etcd's key of the RSA slot",
      () => {
        node.store.put(KEY_RSA, first.pairPem);
      },
    ],
    [
      'the zone',
      () => {
        node.hold(A, first);
      },
    ],
    [
      'the RSA slot of the zone',
      () => {
        node.hold(A_RSA, first);
      },
    ],
    [
      'the store',
      () => {
        node.useStore();
        stored(A);
      },
    ],
    [
      'the RSA slot of the store',
      () => {
        node.useStore();
        stored(A_RSA);
      },
    ],
  ])('finds what there is in %s alone', async (_, prepare) => {
    prepare();
    await expect(node.delete(A)).resolves.toBeGreaterThan(1);
    expect(findAllHeld(node.context, A)).toEqual([]);
  });

  test('finds nothing where there are files alone, and leaves them', async () => {
    const files = slotPaths(node.settings, A);
    writeFiles(files, first);
    await expect(node.delete(A)).rejects.toEqual(refusal('not-found'));
    expect([existsSync(files.cert), existsSync(files.key)]).toEqual([true, true]);
    expect(node.store.revision).toBe(1);
  });

  test('is judged by its conditions, and changes nothing where one is not met', async () => {
    node.hold(A, first);
    const before = [...node.zone.values];
    const fail = (): never => refuse('precondition-failed', 'It has changed.');
    await expect(node.delete(A, fail)).rejects.toEqual(refusal('precondition-failed'));
    expect([...node.zone.values]).toEqual(before);
    expect(node.store.revision).toBe(1);
  });

  test('has the lock of who follows, and those of both slots', async () => {
    node.hold(A, first);
    const add = vi.spyOn(node.zone, 'add');
    await node.delete(A);
    const locks = ['#etcd', A_RSA, A].map((slot) => `#lock:${slot}`);
    expect(add.mock.calls.map(([key]) => key)).toEqual(locks);
  });

  test('needs no room in the zone', async () => {
    node.hold(A, first);
    vi.spyOn(node.zone, 'add').mockImplementation(() => {
      throw fullError();
    });
    await node.delete(A);
    expect(node.zone.keys()).toEqual([]);
  });
});

describe('a delete that the store cannot take', () => {
  beforeEach(() => {
    const store = node.useStore();
    stored(A, A_RSA);
    // Neither a mark nor the name taken away.
    failOf('renameSync', (path) => isIn(store, 'rsa')(path));
    failOf('unlinkSync', (path) => isIn(store, 'rsa')(path), 'EROFS');
  });

  test('is taken back from etcd, and all is as it was', async () => {
    node.hold(A, first);
    node.store.put(KEY, first.pairPem);
    const before = [[...node.zone.values], entriesOf(node.versions!)];
    await expect(node.delete(A)).rejects.toEqual(refusal('store-failed'));
    expect(node.store.get(KEY)).toBe(first.pairPem);
    expect(node.store.get(KEY_RSA)).toBeUndefined();
    expect([[...node.zone.values], entriesOf(node.versions!)]).toEqual(before);
  });

  test('is not taken back where somebody has put the key since', async () => {
    node.store.put(KEY, first.pairPem);
    node.afterRequest(2, () => {
      node.store.put(KEY, second.pairPem);
    });
    await expect(node.delete(A)).rejects.toEqual(refusal('store-failed'));
    expect(node.store.get(KEY)).toBe(second.pairPem);
  });
});

test('an etcd that does not answer changes nothing', async () => {
  node.hold(A, first);
  const before = [...node.zone.values];
  node.store.answer = '<html>';
  await expect(node.delete(A)).rejects.toEqual(refusal('store-unavailable'));
  expect([...node.zone.values]).toEqual(before);
});

test('a delete that was overtaken leaves the newer pair', async () => {
  node.follow(rangeAt(1));
  node.store.put(KEY, first.pairPem);
  node.hold(A_RSA, first);
  node.afterRequest(2, () => {
    node.hold(A, second, { source: 'etcd', etcd: 'h:9' });
  });
  await node.delete(A);
  expect(pemOf(node.zone.get(A)!)).toBe(pemIn(second));
  expect(node.zone.get(A_RSA)).toBeUndefined();
});
