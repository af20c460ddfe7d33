import fs, { writeFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import { slotPaths } from '../../../src/config/paths.js';
import { rsaKey } from '../../../src/config/slot.js';
import { refuse } from '../../../src/engine/refusal.js';
import { pemOf } from '../../../src/zone/record.js';
import { createAuthority } from '../../support/certificates.js';
import { fullError } from '../../support/fake_zone.js';
import { rangeAt } from '../../support/positions.js';
import { pemIn, writeFiles } from '../../support/slots.js';
import { PREFIX, WritingThrough } from '../../support/writing_through.js';

const A = 'a.example';
const A_RSA = rsaKey(A);
const [KEY, KEY_RSA] = [`${PREFIX}${A}`, `${PREFIX}${A_RSA}`];
const FILES = ['a.example.cert.pem', 'a.example.key.pem'];
const FILES_RSA = ['a.example.rsa.cert.pem', 'a.example.rsa.key.pem'];
const authority = await createAuthority();
const [first, second] = await Promise.all([
  authority.issue({ names: [A] }),
  authority.issue({ names: [A] }),
]);
const node = new WritingThrough();

const refusal = (code: string): unknown => expect.objectContaining({ code });

function write(...slots: string[]): void {
  for (const slot of slots) writeFiles(slotPaths(node.settings, slot), first);
}

/** Has no file be renamed whose path ends like that. */
function failAt(ending: string): void {
  const rename = fs.renameSync;
  vi.spyOn(fs, 'renameSync').mockImplementation((from, to) => {
    if (String(from).endsWith(ending)) throw new Error('EROFS');
    rename(from, to);
  });
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
      'files with $cert_persist',
      () => {
        node.settings.isPersistent = true;
        write(A);
      },
    ],
    [
      'files of the RSA slot with $cert_persist',
      () => {
        node.settings.isPersistent = true;
        write(A_RSA);
      },
    ],
  ])('finds what there is in %s alone', async (_, prepare) => {
    prepare();
    await expect(node.delete(A)).resolves.toBeGreaterThan(1);
    expect(node.files).toEqual([]);
  });

  test.each([
    ['anywhere', () => undefined],
    [
      'but files without $cert_persist',
      () => {
        write(A);
      },
    ],
    [
      'but files of an RSA slot that is not set',
      () => {
        write(A_RSA);
        Object.assign(node.settings, { isPersistent: true, certFileRsa: '' });
      },
    ],
  ])('finds nothing where there is nothing %s', async (_, prepare) => {
    prepare();
    const before = node.files;
    await expect(node.delete(A)).rejects.toEqual(refusal('not-found'));
    expect(node.files).toEqual(before);
    expect(node.store.revision).toBe(1);
  });

  test('takes the files of all slots with $cert_persist, and leaves them without', async () => {
    write(A, A_RSA);
    node.hold(A, first);
    await node.delete(A);
    expect(node.files).toEqual([...FILES, ...FILES_RSA].sort());
    node.settings.isPersistent = true;
    await node.delete(A);
    expect(node.files).toEqual([]);
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

describe('a delete whose files cannot be removed', () => {
  test('is taken back from etcd, and all is as it was', async () => {
    node.settings.isPersistent = true;
    write(A, A_RSA);
    node.hold(A, first);
    node.store.put(KEY, first.pairPem);
    const before = [...node.zone.values];
    failAt('.rsa.key.pem');
    await expect(node.delete(A)).rejects.toEqual(refusal('persist-failed'));
    expect(node.store.get(KEY)).toBe(first.pairPem);
    expect(node.store.get(KEY_RSA)).toBeUndefined();
    expect([...node.zone.values]).toEqual(before);
    expect(node.files).toEqual([...FILES, ...FILES_RSA].sort());
  });

  test('takes back nothing where somebody has put the key since', async () => {
    node.settings.isPersistent = true;
    write(A);
    node.store.put(KEY, first.pairPem);
    failAt('.key.pem');
    node.afterRequest(2, () => {
      node.store.put(KEY, second.pairPem);
    });
    await expect(node.delete(A)).rejects.toEqual(refusal('persist-failed'));
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

test('a delete that was overtaken leaves the newer pair, and its files', async () => {
  node.settings.isPersistent = true;
  node.follow(rangeAt(1));
  node.store.put(KEY, first.pairPem);
  write(A, A_RSA);
  node.afterRequest(2, () => {
    node.hold(A, second, { source: 'etcd', etcd: 'h:9' });
  });
  await node.delete(A);
  expect(pemOf(node.zone.get(A)!)).toBe(pemIn(second));
  expect(node.files).toEqual(FILES);
});

test('what is under a name in the folder and is none of its files stays', async () => {
  node.settings.isPersistent = true;
  write(A);
  writeFileSync(`${node.folder}/other.pem`, '');
  await node.delete(A);
  expect(node.files).toEqual(['other.pem']);
});
