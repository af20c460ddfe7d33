import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { refuse } from '../../../src/engine/refusal.js';
import { clearAll, FIRST_TOKEN, clearToken } from '../../../src/zone/clear_token.js';
import { hasRoom, isZoneFull, replaceValue, spaceOf, zoneNamed } from '../../../src/zone/dict.js';
import { tryLock } from '../../../src/zone/locks.js';
import { forgetMissing, noteMissing } from '../../../src/zone/misses.js';
import { readMeta, isServable } from '../../../src/zone/record.js';
import { FakeZone, fullError } from '../../support/fake_zone.js';

const NAME = 'a.example';
const INTERVAL = 10_000;

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
  vi.useFakeTimers({ toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

test('zones are found by name', () => {
  vi.stubGlobal('ngx', { shared: { certs: zone } });
  expect(zoneNamed('certs')).toBe(zone);
  expect(zoneNamed('others')).toBeUndefined();
});

describe('a value', () => {
  test('a full zone takes no other key, and is not even asked', () => {
    zone.room = 0;
    const set = vi.spyOn(zone, 'set');
    expect(replaceValue(zone, NAME, 'new')).toBe(false);
    expect(set).not.toHaveBeenCalled();
  });

  test('a value larger than the free space is not put', () => {
    vi.spyOn(zone, 'freeSpace').mockReturnValue(4096);
    expect(replaceValue(zone, NAME, 'a'.repeat(4097))).toBe(false);
    expect(replaceValue(zone, NAME, 'a'.repeat(4096))).toBe(true);
  });

  test('a full zone takes a new value in the place of the old', () => {
    replaceValue(zone, NAME, 'old');
    zone.room = 0;
    expect(replaceValue(zone, NAME, 'new')).toBe(true);
    expect(zone.get(NAME)).toBe('new');
  });

  test.each<[string, number]>([
    ['a full zone', 0],
    ['a zone whose free space is in pieces', 1],
  ])('%s keeps the old value where the new one does not fit', (_, room) => {
    replaceValue(zone, NAME, 'old');
    zone.room = room;
    const set = zone.set.bind(zone);
    vi.spyOn(zone, 'set').mockImplementation((name, value) => {
      if (value === 'new') throw fullError();
      return set(name, value);
    });
    expect(replaceValue(zone, NAME, 'new')).toBe(false);
    expect(zone.get(NAME)).toBe('old');
  });

  test('other errors than a full zone are thrown on', () => {
    vi.spyOn(zone, 'set').mockImplementation(() => {
      throw new TypeError('no');
    });
    expect(() => replaceValue(zone, NAME, 'x')).toThrow(TypeError);
    expect(isZoneFull(new TypeError('no'))).toBe(false);
  });
});

describe('a write', () => {
  test('tells of a lack of room, and throws other errors on', () => {
    expect(hasRoom(() => zone.set(NAME, ''))).toBe(true);
    zone.room = 0;
    expect(hasRoom(() => zone.set('b.example', ''))).toBe(false);
    expect(() => hasRoom(() => refuse('malformed', 'no'))).toThrow('no');
  });
});

test('the space of a zone is told in bytes', () => {
  zone.free = 4096;
  expect(spaceOf(zone)).toEqual({ capacity: zone.capacity, free: 4096 });
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
      tryLock(own, NAME);
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
