import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { rsaKey } from '../../../src/config/slot.js';
import { refuse } from '../../../src/engine/refusal.js';
import { pemOf } from '../../../src/zone/record.js';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { fullError } from '../../support/fake_zone.js';
import { rangeAt } from '../../support/positions.js';
import { pemIn } from '../../support/slots.js';
import { PREFIX, WritingThrough } from '../../support/writing_through.js';

const [A, B] = ['a.example', 'b.example'];
const [A_RSA, KEY_A, KEY_B] = [rsaKey(A), `${PREFIX}${A}`, `${PREFIX}${B}`];
const authority = await createAuthority();
const [first, second, third] = await Promise.all([
  authority.issue({ names: [A, B] }),
  authority.issue({ names: [A, B] }),
  authority.issue({ names: [A, B] }),
]);
const node = new WritingThrough();

const refusal = (code: string): unknown => expect.objectContaining({ code });
const pass = (): void => undefined;
const fail = (): never => refuse('precondition-failed', 'It has changed.');
const locks = (): string[] => node.zone.keys().filter((key) => key.startsWith('#lock:'));

function fingerprint({ certPem }: Pair): string {
  return new X509Certificate(certPem).fingerprint256.replaceAll(':', '').toLowerCase();
}

/** The zone refuses what is put under a key. */
function lackRoomFor(slot: string): void {
  const set = node.zone.set.bind(node.zone);
  vi.spyOn(node.zone, 'set').mockImplementation((key, value) => {
    if (key === slot && value.includes(second.certPem)) throw fullError();
    return set(key, value);
  });
}

describe('a put', () => {
  test('is in etcd and in the zone when it is answered, with the version', async () => {
    node.follow(rangeAt(1));
    const { record, isNew } = await node.put(first, { [A]: [A] });
    expect(node.store.get(KEY_A)).toContain(first.chainPem);
    expect(pemOf(node.zone.get(A)!)).toBe(pemIn(first));
    expect(node.meta(A)).toMatchObject({ source: 'etcd', etcd: 'h:2' });
    expect(pemOf(record)).toBe(pemIn(first));
    expect(isNew).toBe(true);
    expect(locks()).toEqual([]);
  });

  test('of several slots is one revision, of no history where nothing was followed', async () => {
    await node.put(first, { [A]: [A_RSA, A], [B]: [B] });
    for (const slot of [A, A_RSA, B]) expect(node.meta(slot)).toMatchObject({ etcd: ':2' });
    expect(node.store.revision).toBe(2);
  });

  test('reads before it writes, also without conditions, and writes once', async () => {
    await node.put(first, { [A]: [A] });
    expect(node.store.asked).toHaveLength(2);
    expect(node.checked).toEqual([]);
  });

  test('is sealed where there is a key, and not begun where that cannot be read', async () => {
    node.sealKeyFile = join(node.folder, 'seal.key');
    await expect(node.put(first, { [A]: [A] })).rejects.toEqual(refusal('store-unavailable'));
    expect(node.store.asked).toEqual([]);
    writeFileSync(node.sealKeyFile, Buffer.alloc(32));
    await node.put(first, { [A]: [A] });
    expect(node.store.get(KEY_A)).toMatch(/^sealed:1:/);
    expect(pemOf(node.zone.get(A)!)).toBe(pemIn(first));
  });

  test.each([
    ['neither in etcd nor here', [], [], true],
    ['in etcd alone', [A], [], false],
    ['here alone', [], [A], false],
    ['in another slot of it', [A_RSA], [], false],
  ])('is of a new name: it is %s', async (_, inEtcd, here, isNew) => {
    for (const slot of inEtcd) node.store.put(`${PREFIX}${slot}`, second.pairPem);
    for (const slot of here) node.hold(slot, second);
    expect((await node.put(first, { [A]: [A_RSA, A] })).isNew).toBe(isNew);
  });

  test('of two names of which one is new is of a new name', async () => {
    node.store.put(KEY_A, second.pairPem);
    expect((await node.put(first, { [A]: [A], [B]: [B] })).isNew).toBe(true);
  });
});

describe('the conditions of a put are judged', () => {
  const refused = { etcd: ':2', problem: { code: 'weak', detail: '', isOfEtcd: true as const } };

  test.each<[string, () => void, Pair | null]>([
    ['by nothing, where there is nothing', pass, null],
    [
      'by what etcd has, whatever is held',
      () => {
        node.store.put(KEY_A, first.pairPem);
        node.hold(A, second);
      },
      first,
    ],
    [
      'by nothing, where what is held is gone from etcd',
      () => {
        node.hold(A, second, { source: 'etcd' });
      },
      null,
    ],
    [
      'by what is held of files, where etcd has nothing',
      () => {
        node.hold(A, second);
      },
      second,
    ],
    [
      'by what is held of a put, where etcd has nothing',
      () => {
        node.hold(A, second, { source: 'api' });
      },
      second,
    ],
    [
      "by what is held, where etcd's value was refused here",
      () => {
        node.store.put(KEY_A, first.pairPem);
        node.hold(A, second, refused);
      },
      second,
    ],
    [
      "by etcd's value, where an older one was refused here",
      () => {
        node.store.put(KEY_B, '');
        node.store.put(KEY_A, first.pairPem);
        node.hold(A, second, refused);
      },
      first,
    ],
    [
      "by what is held, where etcd's value is no pair",
      () => {
        node.store.put(KEY_A, 'garbage');
        node.hold(A, second);
      },
      second,
    ],
    [
      'by the second slot, where the first has nothing',
      () => {
        node.store.put(`${PREFIX}${A_RSA}`, first.pairPem);
      },
      first,
    ],
  ])('%s', async (_, prepare, judged) => {
    prepare();
    await node.put(third, { [A]: [A, A_RSA] }, pass);
    expect(node.checked).toEqual([[A, judged ? fingerprint(judged) : '']]);
  });

  test('for each name', async () => {
    node.store.put(KEY_B, second.pairPem);
    await node.put(first, { [A]: [A], [B]: [B] }, pass);
    expect(node.checked).toEqual([
      [A, ''],
      [B, fingerprint(second)],
    ]);
  });

  test('and where one is not met, nothing is written', async () => {
    const before = [...node.zone.values];
    await expect(node.put(first, { [A]: [A] }, fail)).rejects.toEqual(
      refusal('precondition-failed'),
    );
    expect(node.store.revision).toBe(1);
    expect([...node.zone.values]).toEqual(before);
  });

  test('again where somebody writes between the look and the write', async () => {
    node.beforeRequest(2, () => {
      node.store.put(KEY_A, second.pairPem);
    });
    await node.put(first, { [A]: [A] }, pass);
    expect(node.checked.map(([, held]) => held)).toEqual(['', fingerprint(second)]);
    expect(node.store.get(KEY_A)).toContain(first.chainPem);
  });

  test('ten times, and no more', async () => {
    node.store.before = (_, asks) => {
      if (asks % 2 === 0) node.store.put(KEY_A, second.pairPem);
    };
    await expect(node.put(first, { [A]: [A] }, pass)).rejects.toEqual(
      refusal('precondition-failed'),
    );
    expect(node.checked).toHaveLength(10);
    expect(node.store.get(KEY_A)).toBe(second.pairPem);
  });

  test('not where there are none: what somebody writes meanwhile is written over', async () => {
    node.beforeRequest(2, () => {
      node.store.put(KEY_A, second.pairPem);
    });
    expect((await node.put(first, { [A]: [A] })).isNew).toBe(false);
    expect(node.store.asked).toHaveLength(2);
    expect(node.store.get(KEY_A)).toContain(first.chainPem);
  });
});

describe('a put that cannot be put in place here', () => {
  test('is taken back from etcd: the old value, and no key where there was none', async () => {
    node.store.put(KEY_A, first.pairPem);
    node.hold(A, first);
    const before = node.zone.get(A);
    lackRoomFor(B);
    await expect(node.put(second, { [A]: [A], [B]: [B] })).rejects.toEqual(refusal('zone-full'));
    expect(node.store.get(KEY_A)).toBe(first.pairPem);
    expect(node.store.get(KEY_B)).toBeUndefined();
    expect(node.zone.get(A)).toBe(before);
    expect(node.zone.get(B)).toBeUndefined();
    expect(locks()).toEqual([]);
  });

  test('is taken back where the zone has no room for a lock', async () => {
    vi.spyOn(node.zone, 'add').mockImplementation(() => {
      throw fullError();
    });
    const failed = expect(node.put(second, { [A]: [A] })).rejects;
    await failed.toMatchObject({ name: 'SharedMemoryError' });
    expect(node.store.get(KEY_A)).toBeUndefined();
  });

  test('is left where somebody has written one of its keys since', async () => {
    lackRoomFor(A);
    node.afterRequest(2, () => {
      node.store.put(KEY_B, third.pairPem);
    });
    await expect(node.put(second, { [A]: [A], [B]: [B] })).rejects.toEqual(refusal('zone-full'));
    expect(node.store.get(KEY_A)).toContain(second.chainPem);
    expect(node.store.get(KEY_B)).toBe(third.pairPem);
  });

  test('says why, also where etcd does not answer any more', async () => {
    lackRoomFor(A);
    node.beforeRequest(3, () => {
      throw new Error('connection refused');
    });
    await expect(node.put(second, { [A]: [A] })).rejects.toEqual(refusal('zone-full'));
    expect(node.store.asked).toHaveLength(3);
  });
});

describe('a put that was overtaken on its way', () => {
  test('by a round that has come further leaves the slot, and is answered', async () => {
    node.afterRequest(2, () => {
      node.follow(rangeAt(3));
      node.hold(A, third, { source: 'etcd', etcd: 'h:3' });
    });
    const { record } = await node.put(first, { [A]: [A] });
    expect(pemOf(node.zone.get(A)!)).toBe(pemIn(third));
    expect(pemOf(record)).toBe(pemIn(first));
  });

  test('by a newer value of one key puts the others in place', async () => {
    node.follow(rangeAt(1));
    node.afterRequest(2, () => {
      node.hold(A, third, { source: 'etcd', etcd: 'h:3' });
    });
    await node.put(first, { [A]: [A], [B]: [B] });
    expect(pemOf(node.zone.get(A)!)).toBe(pemIn(third));
    expect(pemOf(node.zone.get(B)!)).toBe(pemIn(first));
  });
});

describe('a key that is new', () => {
  test('is noted before its slot is written', async () => {
    node.follow(rangeAt(1));
    const set = vi.spyOn(node.zone, 'set');
    await node.put(first, { [A]: [A] });
    expect(node.listing).toEqual([true]);
    const written = set.mock.calls.map(([key]) => key);
    expect(written.slice(0, 4)).toEqual(['#lock:#etcd', `#lock:${A}`, '#etcd:state', A]);
  });

  test.each([
    ['is none that was there when its range was last read', rangeAt(2), [false]],
    ['is noted where it was made after that', rangeAt(1), [true]],
    ['is noted in its own range', rangeAt(1, { to: '/certs/0' }), [false, true]],
  ])('%s', async (_, range, listing) => {
    node.store.put(KEY_A, second.pairPem);
    const rest = range.to === '' ? [] : [rangeAt(1, { after: range.to })];
    node.follow(range, ...rest);
    await node.put(first, { [A]: [A] });
    expect(node.listing).toEqual(listing);
  });

  test('is none that was only changed since, and then nothing is noted', async () => {
    node.store.put(KEY_A, second.pairPem);
    node.follow(rangeAt(2));
    node.store.put(KEY_A, third.pairPem);
    const before = node.zone.get('#etcd:state');
    const set = vi.spyOn(node.zone, 'set');
    await node.put(first, { [A]: [A] });
    expect(node.zone.get('#etcd:state')).toBe(before);
    expect(set).not.toHaveBeenCalledWith('#etcd:state', expect.anything());
  });

  test('is not noted where it was overtaken', async () => {
    node.follow(rangeAt(1));
    node.afterRequest(2, () => {
      node.hold(A, third, { source: 'etcd', etcd: 'h:3' });
    });
    await node.put(first, { [A]: [A] });
    expect(node.listing).toEqual([false]);
  });

  test('and several are noted in one go', async () => {
    node.follow(rangeAt(1, { to: KEY_A }), rangeAt(1, { after: KEY_A }));
    const set = vi.spyOn(node.zone, 'set');
    await node.put(first, { [A]: [A], [B]: [B] });
    expect(node.listing).toEqual([true, true]);
    expect(set.mock.calls.filter(([key]) => key === '#etcd:state')).toHaveLength(1);
  });
});
