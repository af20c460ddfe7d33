import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import {
  expireMissing,
  forgetMissing,
  isMissing,
  missesOf,
  noteMissing,
} from '../../../src/zone/misses.js';
import { FakeZone } from '../../support/fake_zone.js';

const NOW = Date.UTC(2026, 0, 1);
const NAME = 'a.example';
const INTERVAL = 10_000;
const LOCK_LIFETIME = 5000;

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('the zone of the negative answers is found beside the other one', () => {
  vi.stubGlobal('ngx', { shared: { certs: new FakeZone(), certs_misses: zone } });
  expect(missesOf('certs')).toBe(zone);
  expect(missesOf('others')).toBeUndefined();
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
