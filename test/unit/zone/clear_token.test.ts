import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  adoptToken,
  clearAll,
  clearToken,
  FIRST_TOKEN,
  noteStoreToken,
  reserveToken,
} from '../../../src/zone/clear_token.js';
import { FakeZone } from '../../support/fake_zone.js';

const NOW = Date.UTC(2026, 0, 1);

const zoneFull: unknown = expect.objectContaining({ name: 'SharedMemoryError' });

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
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

describe("the store's clear token", () => {
  const [OLD, NEW] = ['000000000001', '000000000002'];

  test('is taken over once, as a clear of the zone', () => {
    const first = adoptToken(zone, clearToken(zone), OLD);
    expect(first).toBe(clearToken(zone));
    expect(adoptToken(zone, first, OLD)).toBe(first);
    const second = adoptToken(zone, first, NEW);
    expect(second).toBe(clearToken(zone));
    expect(new Set([FIRST_TOKEN, first, second]).size).toBe(3);
  });

  test('is not taken over where this nginx has placed it', () => {
    adoptToken(zone, FIRST_TOKEN, OLD);
    noteStoreToken(zone, NEW);
    clearAll(zone, NEW);
    expect(adoptToken(zone, NEW, NEW)).toBe(NEW);
  });

  test('that was read before the last clear brings no earlier token back', () => {
    const before = adoptToken(zone, FIRST_TOKEN, OLD);
    noteStoreToken(zone, NEW);
    clearAll(zone, NEW);
    const after = adoptToken(zone, before, OLD);
    expect([before, OLD, NEW]).not.toContain(after);
    expect(clearToken(zone)).toBe(after);
  });

  test('in a zone without room for a note clears nothing again and again', () => {
    reserveToken(zone);
    zone.room = 0;
    const token = adoptToken(zone, FIRST_TOKEN, OLD);
    expect(adoptToken(zone, token, OLD)).toBe(token);
  });
});
