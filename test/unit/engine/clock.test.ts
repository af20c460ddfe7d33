import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { TIMESTAMP_LENGTH, isWithin, timestamp } from '../../../src/engine/clock.js';

const NOW = Date.UTC(2026, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
});

test('a time is read at its offset', () => {
  expect(isWithin(timestamp(), 0, 1)).toBe(true);
  expect(isWithin('ab' + timestamp() + '9', 2, 1)).toBe(true);
  expect(isWithin('ab' + timestamp(), 0, 0)).toBe(false);
});

test('a time has 13 digits', () => {
  for (const year of [2002, 2026, 2285]) {
    vi.setSystemTime(Date.UTC(year, 0, 1));
    expect(timestamp()).toMatch(/^\d{13}$/);
    expect(timestamp()).toHaveLength(TIMESTAMP_LENGTH);
  }
});

test.each([
  ['at once', 0, 1000, true],
  ['just before an interval is over', 999, 1000, true],
  ['when it is over', 1000, 1000, false],
  ['a time to come', -1, 1000, false],
  ['long ago, and no interval', 1e9, 0, true],
  ['a time to come, and no interval', -1, 0, false],
])('a time is within an interval: %s', (_, age, interval, expected) => {
  const then = timestamp();
  vi.setSystemTime(NOW + age);
  expect(isWithin(then, 0, interval)).toBe(expected);
});

test('an empty text is the time of 1970, and another text is no time', () => {
  expect(isWithin('', 0, 0)).toBe(true);
  expect(isWithin('no time', 0, 0)).toBe(false);
});
