import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Etcd } from '../../../src/etcd/client.js';
import {
  FOLLOWER,
  expectFollower,
  expectNew,
  findPosition,
  hasPassed,
  historyIdIn,
  isInRange,
  isSameHistory,
  putPosition,
  revisionIn,
  sinceOf,
  versionOf,
} from '../../../src/etcd/position.js';
import { tryLock, unlock } from '../../../src/zone/locks.js';
import { FakeZone } from '../../support/fake_zone.js';
import { positionAt, rangeAt } from '../../support/positions.js';

const NOW = Date.UTC(2026, 0, 1);
const PREFIX = '/certs/';

let zone: FakeZone;
let etcd: Etcd;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  zone = new FakeZone();
  etcd = { url: '', prefix: PREFIX, user: '', passwordFile: '', sealKeyFile: '', zone };
});

afterEach(() => {
  vi.useRealTimers();
});

const refusal = (code: string): unknown => expect.objectContaining({ code });

describe('who follows', () => {
  test('goes on while the lock is its own, and not when it is free or of another one', () => {
    const result = tryLock(zone, FOLLOWER);
    const ticket = result.state === 'locked' ? result.ticket : '';
    const ask = (asked: string) => () => {
      expectFollower(zone, asked);
    };
    expect(ask(ticket)).not.toThrow();
    expect(ask(`${ticket}0`)).toThrow(refusal('store-unavailable'));
    unlock(zone, FOLLOWER, ticket);
    expect(ask(ticket)).toThrow(refusal('store-unavailable'));
  });
});

describe('the position', () => {
  test('is none before it is put', () => {
    expect(findPosition(etcd)).toBeNull();
  });

  test('is found as it was put, with the time of that', () => {
    const position = positionAt([rangeAt(5), rangeAt(7, { after: '/certs/m', isCleared: true })]);
    putPosition(zone, position);
    expect(findPosition(etcd)).toEqual({ ...position, at: `${NOW}` });
  });

  test('is none of keys under another prefix', () => {
    putPosition(zone, positionAt([rangeAt(5)]));
    expect(findPosition({ ...etcd, prefix: '/other/' })).toBeNull();
  });

  test.each([1, 50, 200])('of %d ranges takes whole pages, so that the next one fits', (count) => {
    putPosition(zone, positionAt(Array.from({ length: count }, (_, i) => rangeAt(i))));
    expect(zone.get('#etcd:state')!.length % 4096).toBe(0);
    expect(findPosition(etcd)!.ranges).toHaveLength(count);
  });

  test('that has no room is an error, and in a full zone it has that of the last one', () => {
    zone.room = 0;
    expect(() => {
      putPosition(zone, positionAt([rangeAt(5)]));
    }).toThrow(refusal('zone-full'));
    zone.room = 1;
    putPosition(zone, positionAt([rangeAt(5)]));
    expect(zone.room).toBe(0);
    putPosition(zone, positionAt([rangeAt(6)]));
    expect(sinceOf(findPosition(etcd)!)).toBe(6);
  });

  test('is that of the oldest range', () => {
    expect(sinceOf(positionAt([rangeAt(7), rangeAt(5), rangeAt(9)]))).toBe(5);
    expect(sinceOf(positionAt([rangeAt(0), rangeAt(5)]))).toBe(0);
  });
});

describe('a range', () => {
  test.each([
    ['/certs/b', '', '', true],
    ['/certs/b', '/certs/a', '', true],
    ['/certs/b', '/certs/b', '', false],
    ['/certs/b', '/certs/c', '', false],
    ['/certs/b', '', '/certs/b', true],
    ['/certs/b', '', '/certs/a', false],
    ['/certs/b', '/certs/a', '/certs/c', true],
    ['/certs/ba', '/certs/a', '/certs/b', false],
  ])('has the key %s: after "%s", to "%s": %s', (key, after, to, expected) => {
    expect(isInRange(rangeAt(5, { after, to }), key)).toBe(expected);
  });
});

describe('a key that is written here', () => {
  const halves = (more = {}) =>
    positionAt([rangeAt(5, { to: '/certs/m', ...more }), rangeAt(9, { after: '/certs/m' })]);

  test.each([
    ['new', '/certs/a', 6, [true, false]],
    ['as old as the last look', '/certs/a', 5, [false, false]],
    ['older', '/certs/a', 1, [false, false]],
    ['new in the other half', '/certs/n', 10, [false, true]],
    ['known in the other half', '/certs/n', 6, [false, false]],
  ])('is %s', (_, key, created, listing) => {
    const position = halves();
    expect(expectNew(position, key, created)).toBe(listing.includes(true));
    expect(position.ranges.map(({ needsListing }) => needsListing)).toEqual(listing);
  });

  test('is nothing to note where all keys are gone through anyhow, or there is no range', () => {
    expect(expectNew(halves({ needsListing: true }), '/certs/a', 6)).toBe(false);
    expect(expectNew(positionAt([]), '/certs/a', 6)).toBe(false);
  });
});

describe('an answer', () => {
  const position = positionAt([rangeAt(5), rangeAt(9)]);

  test.each([
    ['the same', {}, true],
    ['later', { term: 3, revision: 10 }, true],
    ['another cluster', { cluster: '8' }, false],
    ['of an earlier election', { term: 1 }, false],
    ['before what one range has', { revision: 8 }, false],
  ])('is of the same history: %s', (_, more, expected) => {
    const header = { cluster: '7', term: 2, revision: 9, ...more };
    expect(isSameHistory(position, header)).toBe(expected);
  });
});

describe('what a slot has', () => {
  const position = positionAt([rangeAt(5, { to: '/certs/m' }), rangeAt(9, { after: '/certs/m' })]);

  test.each([
    ['nothing, and its range is behind', '/certs/a', '', 6, false],
    ['nothing, and its range has come to it', '/certs/a', '', 5, true],
    ['nothing, and its range is further', '/certs/a', '', 4, true],
    ['nothing, and the other range is further', '/certs/a', '', 8, false],
    ['an older version', '/certs/a', 'h:6', 7, false],
    ['the version itself', '/certs/a', 'h:7', 7, false],
    ['a newer version', '/certs/a', 'h:8', 7, true],
    ['a newer version by number, and not by text', '/certs/a', 'h:10', 9, true],
    ['a version of another history', '/certs/a', 'g:8', 7, false],
    ['a version of no history', '/certs/a', ':8', 7, false],
  ])('has passed a revision: %s', (_, key, held, revision, expected) => {
    expect(hasPassed(position, key, held, revision)).toBe(expected);
  });

  test('has passed nothing where nothing was followed', () => {
    expect(hasPassed(null, '/certs/a', 'h:8', 7)).toBe(false);
  });
});

test.each([
  [positionAt([]), 'h:7', 'h'],
  [null, ':7', ''],
])('a version says its history and its revision', (position, version, historyId) => {
  expect(versionOf(position, 7)).toBe(version);
  expect(historyIdIn(version)).toBe(historyId);
  expect(revisionIn(version)).toBe(7);
});

test('no version is of no history, and of no revision', () => {
  expect([historyIdIn(''), revisionIn('')]).toEqual(['', 0]);
});
