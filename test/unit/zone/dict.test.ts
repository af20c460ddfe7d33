import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { readMeta, isServable, makeRecord } from '../../../src/zone/record.js';
import { isZoneFull, zoneNamed } from '../../../src/zone/dict.js';
import { FakeZone, fullError } from '../../support/fake_zone.js';
import { readSummary } from '../../../src/zone/summary.js';
import { isLocked, tryLock, unlock } from '../../../src/zone/locks.js';
import {
  expireMissing,
  forgetMissing,
  isMissing,
  missesOf,
  noteMissing,
} from '../../../src/zone/misses.js';
import { clearAll, FIRST_TOKEN, clearToken, reserveToken } from '../../../src/zone/clear_token.js';
import {
  findRecord,
  findSummary,
  isSlot,
  keysOf,
  putRecord,
  removeRecord,
} from '../../../src/zone/slots.js';
import { putOwnCounts } from '../../../src/zone/counters.js';

const NOW = Date.UTC(2026, 0, 1);
const NAME = 'a.example';
const INTERVAL = 10_000;
const LOCK_LIFETIME = 5000;
const PEM = '-----BEGIN X-----\n-----END X-----\n';

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const zoneFull: unknown = expect.objectContaining({ name: 'SharedMemoryError' });

test('zones are found by name, and that of the negative answers beside them', () => {
  const misses = new FakeZone();
  vi.stubGlobal('ngx', { shared: { certs: zone, certs_misses: misses } });
  expect(zoneNamed('certs')).toBe(zone);
  expect(missesOf('certs')).toBe(misses);
  expect(zoneNamed('others')).toBeUndefined();
  expect(missesOf('others')).toBeUndefined();
});

/** The ticket of a lock; undefined: another worker holds it. */
function lock(zone: FakeZone, slot: string): string | undefined {
  const result = tryLock(zone, slot);
  return result.state === 'locked' ? result.ticket : undefined;
}

describe('records', () => {
  test('are found as they were put, until they are removed', () => {
    expect(findRecord(zone, NAME)).toBeUndefined();
    expect(putRecord(zone, NAME, 'old')).toBe(true);
    expect(putRecord(zone, NAME, 'new')).toBe(true);
    expect(findRecord(zone, NAME)).toBe('new');
    removeRecord(zone, NAME);
    expect(findRecord(zone, NAME)).toBeUndefined();
  });

  test('a full zone takes no other name, and is not even asked', () => {
    zone.room = 0;
    const set = vi.spyOn(zone, 'set');
    expect(putRecord(zone, NAME, 'new')).toBe(false);
    expect(set).not.toHaveBeenCalled();
  });

  test('a record larger than the free space is not put', () => {
    vi.spyOn(zone, 'freeSpace').mockReturnValue(4096);
    expect(putRecord(zone, NAME, 'a'.repeat(4097))).toBe(false);
    expect(putRecord(zone, NAME, 'a'.repeat(4096))).toBe(true);
  });

  test('a full zone takes a new record in the place of the old', () => {
    putRecord(zone, NAME, 'old');
    zone.room = 0;
    expect(putRecord(zone, NAME, 'new')).toBe(true);
    expect(findRecord(zone, NAME)).toBe('new');
  });

  test.each<[string, number]>([
    ['a full zone', 0],
    ['a zone whose free space is in pieces', 1],
  ])('%s keeps the old record where the new one does not fit', (_, room) => {
    putRecord(zone, NAME, 'old');
    zone.room = room;
    const set = zone.set.bind(zone);
    vi.spyOn(zone, 'set').mockImplementation((name, value) => {
      if (value === 'new') throw fullError();
      return set(name, value);
    });
    expect(putRecord(zone, NAME, 'new')).toBe(false);
    expect(findRecord(zone, NAME)).toBe('old');
  });

  test('other errors than a full zone are thrown on', () => {
    vi.spyOn(zone, 'set').mockImplementation(() => {
      throw new TypeError('no');
    });
    expect(() => putRecord(zone, NAME, 'x')).toThrow(TypeError);
    expect(isZoneFull(new TypeError('no'))).toBe(false);
  });
});

describe('summaries and the list of names', () => {
  const meta = { source: 'disk' as const, files: '', notAfter: 7, loadedAt: 0 };
  const record = makeRecord(FIRST_TOKEN, meta, { chain: PEM, key: PEM });
  const problem = { code: 'weak', detail: '' };
  const refused = makeRecord(FIRST_TOKEN, { ...meta, problem }, null);

  test('a summary is what the record says, and goes with it', () => {
    putRecord(zone, NAME, record);
    expect(readSummary(findSummary(zone, NAME))).toEqual({
      isPair: true,
      notAfter: 7,
      problem: '',
      etcd: '',
    });
    putRecord(zone, NAME, refused);
    expect(readSummary(findSummary(zone, NAME))).toEqual({
      isPair: false,
      notAfter: 7,
      problem: 'weak',
      etcd: '',
    });
    putRecord(zone, NAME, makeRecord(FIRST_TOKEN, { ...meta, problem, etcd: 'mx1:7' }, null));
    expect(readSummary(findSummary(zone, NAME))).toMatchObject({ problem: 'weak', etcd: 'mx1:7' });
    removeRecord(zone, NAME);
    expect(findSummary(zone, NAME)).toBe('');
    expect([...zone.values.keys()]).toEqual([]);
  });

  test('the same summary is not written again', () => {
    putRecord(zone, NAME, record);
    const set = vi.spyOn(zone, 'set');
    putRecord(zone, NAME, record);
    expect(set.mock.calls.map(([key]) => key)).toEqual([NAME]);
  });

  test('a summary without room is made of the record, which is put all the same', () => {
    zone.room = 1;
    expect(putRecord(zone, NAME, record)).toBe(true);
    expect(zone.values.size).toBe(1);
    expect(readSummary(findSummary(zone, NAME)).notAfter).toBe(7);
  });

  test('names are those of records, however many there are', () => {
    const wanted = Array.from({ length: 1500 }, (_, i) => `${i}.example`);
    for (const name of wanted) putRecord(zone, name, record);
    clearAll(zone);
    lock(zone, NAME);
    vi.stubGlobal('ngx', { worker_id: 0 });
    putOwnCounts(zone, '{}');
    expect(keysOf(zone).filter(isSlot).sort()).toEqual(wanted.sort());
  });
});

describe('the clear token', () => {
  test('is the first one until a clear', () => {
    expect(clearToken(zone)).toBe(FIRST_TOKEN);
  });

  test.each(['', 'x', '0'.repeat(11), '0'.repeat(13)])('is not %j, which no clear made', (text) => {
    zone.set('#clear', text);
    expect(clearToken(zone)).toBe(FIRST_TOKEN);
    clearAll(zone);
    expect(clearToken(zone)).not.toBe(FIRST_TOKEN);
  });

  test('is another one after each clear, of the same length', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0);
    const tokens = [clearToken(zone)];
    for (let clears = 0; clears < 100; clears++) {
      vi.setSystemTime(NOW + clears);
      clearAll(zone);
      tokens.push(clearToken(zone));
    }
    expect(new Set(tokens).size).toBe(tokens.length);
    for (const token of tokens) expect(token).toHaveLength(FIRST_TOKEN.length);
  });

  test('two clears within a millisecond differ by chance', () => {
    vi.spyOn(Math, 'random').mockReturnValueOnce(0).mockReturnValueOnce(0.99999);
    clearAll(zone);
    const first = clearToken(zone);
    clearAll(zone);
    expect(clearToken(zone)).not.toBe(first);
    expect([first.length, clearToken(zone).length]).toEqual([12, 12]);
  });

  test('has its place before the first clear, and keeps its value', () => {
    reserveToken(zone);
    expect(zone.values.size).toBe(1);
    expect(clearToken(zone)).toBe(FIRST_TOKEN);
    clearAll(zone);
    const token = clearToken(zone);
    reserveToken(zone);
    expect(clearToken(zone)).toBe(token);
    expect(zone.values.size).toBe(1);
  });

  test('a full zone is no error to who reserves it, and one to who clears', () => {
    zone.room = 0;
    expect(() => {
      reserveToken(zone);
    }).not.toThrow();
    expect(() => {
      clearAll(zone);
    }).toThrow(zoneFull);
    expect(clearToken(zone)).toBe(FIRST_TOKEN);
  });
});

test('the store writes nothing of its own that passes for a record', () => {
  const time = fc.date({
    min: new Date('2001-09-09T01:46:40Z'),
    max: new Date('2059-01-01'),
    noInvalidDate: true,
  });
  const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(time, random, fc.constantFrom(0, 1, INTERVAL), (now, chance, interval) => {
      vi.setSystemTime(now);
      vi.spyOn(Math, 'random').mockReturnValue(chance);
      const own = new FakeZone();
      lock(own, NAME);
      noteMissing(own, 'b.example', FIRST_TOKEN);
      forgetMissing(own, 'c.example');
      clearAll(own);
      noteMissing(own, 'd.example', clearToken(own));
      expect(own.values.size).toBe(5);
      for (const value of own.values.values()) {
        expect(readMeta(value)).toBeNull();
        expect(isServable(value, clearToken(own), interval)).toBe(false);
        expect(isServable(value, FIRST_TOKEN, interval)).toBe(false);
      }
    }),
    { examples: [[new Date(1_000_000_000_000), 0, 0]] },
  );
});

describe('a lock', () => {
  /** What another worker does, which has another process number and so other tickets. */
  function otherWorker<T>(act: () => T): T {
    const other = process.pid + 1;
    const pid = vi.spyOn(process, 'pid', 'get').mockReturnValue(other);
    try {
      return act();
    } finally {
      pid.mockRestore();
    }
  }

  test('is taken once, until it is given back', () => {
    const ticket = lock(zone, NAME)!;
    expect(isLocked(zone, NAME, ticket)).toBe(true);
    expect(lock(zone, NAME)).toBeUndefined();
    expect(otherWorker(() => lock(zone, NAME))).toBeUndefined();
    unlock(zone, NAME, ticket);
    expect(isLocked(zone, NAME, ticket)).toBe(false);
    expect(otherWorker(() => lock(zone, NAME))).toBeDefined();
  });

  test('is for one name', () => {
    expect(lock(zone, NAME)).toBeDefined();
    expect(lock(zone, 'b.example')).toBeDefined();
  });

  test('is not kept under the name itself, nor leaves anything behind', () => {
    const ticket = lock(zone, NAME)!;
    expect(findRecord(zone, NAME)).toBeUndefined();
    unlock(zone, NAME, ticket);
    expect(zone.values.size).toBe(0);
  });

  test('two workers have different tickets at the same time, and one has another later', () => {
    const one = lock(zone, NAME);
    const other = otherWorker(() => lock(new FakeZone(), NAME));
    vi.setSystemTime(NOW + 1);
    const later = lock(new FakeZone(), NAME);
    expect(new Set([one, other, later]).size).toBe(3);
  });

  test.each<[string, number, boolean]>([
    ['not before its time', LOCK_LIFETIME - 1, false],
    ['after its time', LOCK_LIFETIME, true],
    ['when the clock was set back', -1, true],
  ])('is broken: %s', (_, age, isBroken) => {
    const dead = lock(zone, NAME)!;
    vi.setSystemTime(NOW + age);
    const ticket = lock(zone, NAME);
    expect(ticket !== undefined).toBe(isBroken);
    expect(isLocked(zone, NAME, dead)).toBe(!isBroken);
    if (ticket !== undefined) expect(isLocked(zone, NAME, ticket)).toBe(true);
  });

  test.each<[string, () => true, boolean]>([
    [
      'at once when its holder was killed',
      () => {
        throw new Error('kill failed with (3:No such process)');
      },
      true,
    ],
    [
      'not when nobody may ask for its holder',
      () => {
        throw new Error('kill failed with (1:Operation not permitted)');
      },
      false,
    ],
    ['not when its holder lives', () => true, false],
  ])('is broken: %s', (_, answer, isBroken) => {
    const ticket = otherWorker(() => lock(zone, NAME))!;
    const kill = vi.spyOn(process, 'kill').mockImplementation(answer);
    expect(lock(zone, NAME) !== undefined).toBe(isBroken);
    expect(isLocked(zone, NAME, ticket)).toBe(!isBroken);
    expect(kill).toHaveBeenCalledExactlyOnceWith(process.pid + 1, 0);
  });

  test("one that was broken is not given back in another's stead", () => {
    const slow = lock(zone, NAME)!;
    vi.setSystemTime(NOW + LOCK_LIFETIME);
    const ticket = lock(zone, NAME)!;
    unlock(zone, NAME, slow);
    expect(isLocked(zone, NAME, ticket)).toBe(true);
  });

  test.each<[string, (ticket: string) => void, boolean]>([
    ['holds it, it stays with that one', () => undefined, false],
    [
      'is done, it is free again',
      (ticket) => {
        unlock(zone, NAME, ticket);
      },
      true,
    ],
  ])('two workers find one dead, and the faster %s', (_, proceed, isFree) => {
    const dead = lock(zone, NAME)!;
    vi.setSystemTime(NOW + LOCK_LIFETIME);
    let faster = '';
    vi.spyOn(zone, 'get').mockImplementationOnce(() => {
      // The other one comes between what this one reads and what it does about it.
      faster = otherWorker(() => lock(zone, NAME))!;
      proceed(faster);
      return dead;
    });
    const ticket = lock(zone, NAME);
    expect(ticket !== undefined).toBe(isFree);
    expect(isLocked(zone, NAME, ticket ?? faster)).toBe(true);
  });

  test('that goes while it is looked at is not taken for dead', () => {
    lock(zone, NAME);
    vi.spyOn(zone, 'get').mockReturnValueOnce(undefined);
    expect(lock(zone, NAME)).toBeUndefined();
  });

  test('no room for one is an outcome of its own', () => {
    zone.room = 0;
    expect(tryLock(zone, NAME)).toEqual({ state: 'no-room' });
  });
});

describe('a negative answer', () => {
  const TOKEN = 'mabcdefg1234';
  const isNoted = (): boolean => isMissing(zone, NAME, TOKEN, INTERVAL);

  test('is given for the name, the token and the time it was noted with', () => {
    expect(isNoted()).toBe(false);
    noteMissing(zone, NAME, TOKEN);
    expect(isNoted()).toBe(true);
    expect(isMissing(zone, 'b.example', TOKEN, INTERVAL)).toBe(false);
    expect(isMissing(zone, NAME, 'mabcdefg1235', INTERVAL)).toBe(false);
    vi.setSystemTime(NOW + INTERVAL - 1);
    expect(isNoted()).toBe(true);
    vi.setSystemTime(NOW + INTERVAL);
    expect(isNoted()).toBe(false);
    expect(isMissing(zone, NAME, TOKEN, 0)).toBe(true);
  });

  test.each<[string, string, number]>([
    ['an old one', TOKEN, INTERVAL],
    ['one of before a clear', FIRST_TOKEN, 0],
  ])('%s makes room for a new one', (_, token, age) => {
    noteMissing(zone, NAME, token);
    vi.setSystemTime(NOW + age);
    expireMissing(zone, NAME);
    noteMissing(zone, NAME, TOKEN);
    expect(isNoted()).toBe(true);
  });

  test('is gone once it is taken back', () => {
    noteMissing(zone, NAME, TOKEN);
    forgetMissing(zone, NAME);
    expect(isNoted()).toBe(false);
    expect(isMissing(zone, NAME, TOKEN, 0)).toBe(false);
  });

  test('is not noted by who looked before it was taken back', () => {
    expireMissing(zone, NAME);
    forgetMissing(zone, NAME);
    noteMissing(zone, NAME, TOKEN);
    expect(isNoted()).toBe(false);
  });

  test('can be noted again some time after it was taken back', () => {
    forgetMissing(zone, NAME);
    vi.setSystemTime(NOW + LOCK_LIFETIME);
    expireMissing(zone, NAME);
    noteMissing(zone, NAME, TOKEN);
    expect(isNoted()).toBe(true);
  });

  test('does not outlive a clear in any order of two loads, new files and their clear', () => {
    /** One worker's handshake: three steps between which other workers may run. */
    function load(): (() => void)[] {
      let isThere = false;
      return [
        () => {
          expireMissing(zone, NAME);
        },
        () => {
          isThere = filesAreThere;
        },
        () => {
          if (!isThere) noteMissing(zone, NAME, TOKEN);
        },
      ];
    }
    let filesAreThere = false;
    const renewal = [
      () => {
        filesAreThere = true;
      },
      () => {
        forgetMissing(zone, NAME);
      },
    ];
    let orders = 0;
    for (const order of interleavings([0, 0, 0, 1, 1, 1, 2, 2])) {
      for (const isNotedBefore of [false, true]) {
        zone = new FakeZone();
        filesAreThere = false;
        if (isNotedBefore) noteMissing(zone, NAME, TOKEN);
        const workers = [load(), load(), [...renewal]];
        for (const worker of order) workers[worker]!.shift()!();
        expect(isNoted(), order.join(' ')).toBe(false);
        orders++;
      }
    }
    expect(orders).toBe(1120);
  });

  test('that finds the zone full empties it, and is noted after a while', () => {
    noteMissing(zone, 'b.example', TOKEN);
    noteMissing(zone, 'c.example', TOKEN);
    zone.room = 0;
    noteMissing(zone, NAME, TOKEN);
    expect([...zone.values.keys()]).toEqual(['#full']);
    vi.setSystemTime(NOW + LOCK_LIFETIME - 1);
    noteMissing(zone, NAME, TOKEN);
    expect(isNoted()).toBe(false);
    vi.setSystemTime(NOW + LOCK_LIFETIME);
    noteMissing(zone, NAME, TOKEN);
    expect(isNoted()).toBe(true);
  });

  test('is not noted by who looked before it was taken back, though the zone was full since', () => {
    expireMissing(zone, NAME);
    forgetMissing(zone, NAME);
    zone.room = 0;
    noteMissing(zone, 'b.example', TOKEN);
    noteMissing(zone, NAME, TOKEN);
    expect(isNoted()).toBe(false);
  });

  test('is taken back in a full zone, too', () => {
    noteMissing(zone, NAME, TOKEN);
    zone.room = 0;
    forgetMissing(zone, NAME);
    expect(isNoted()).toBe(false);
  });
});

/** Every order of these steps, equal ones taken as one: 0 0 1, 0 1 0, 1 0 0. */
function interleavings(steps: number[]): number[][] {
  if (steps.length === 0) return [[]];
  return [...new Set(steps)].flatMap((first) => {
    const rest = [...steps];
    rest.splice(rest.indexOf(first), 1);
    return interleavings(rest).map((order) => [first, ...order]);
  });
}
