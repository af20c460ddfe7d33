import { beforeEach, describe, expect, test, vi } from 'vitest';

import { count, countsOf, refusalLabels, seriesOf } from '../../src/counters';
import { FakeZone } from './fake_zone';

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
});

describe('counting', () => {
  test('adds one to a series, and leaves the others', () => {
    expect(countsOf(zone)).toBeUndefined();
    count(zone, 'clears_total', 'scope="all"');
    count(zone, 'clears_total', 'scope="all"');
    count(zone, 'deletes_total', '');
    expect(countsOf(zone)).toEqual({ 'clears_total{scope="all"}': 2, deletes_total: 1 });
  });

  test('loses nothing when another worker counts in between', () => {
    count(zone, 'deletes_total', '');
    const pop = zone.pop.bind(zone);
    // The other one finds nothing, as this one has it, and puts a value of its own there.
    vi.spyOn(zone, 'pop').mockImplementationOnce((key) => {
      const value = pop(key);
      count(zone, 'deletes_total', '');
      return value;
    });
    count(zone, 'deletes_total', '');
    expect(countsOf(zone)).toEqual({ deletes_total: 3 });
  });

  test('is left out where the zone has no room', () => {
    zone.room = 0;
    const add = vi.spyOn(zone, 'add');
    count(zone, 'deletes_total', '');
    expect(countsOf(zone)).toBeUndefined();
    expect(add).not.toHaveBeenCalled();
  });

  test('goes on in a zone that has become full', () => {
    count(zone, 'deletes_total', '');
    zone.room = 0;
    count(zone, 'deletes_total', '');
    expect(countsOf(zone)).toEqual({ deletes_total: 2 });
  });
});

test('a series is named as in the text format', () => {
  expect(seriesOf('deletes_total', '')).toBe('deletes_total');
  expect(seriesOf('refusals_total', refusalLabels('disk', 'weak'))).toBe(
    'refusals_total{via="disk",code="weak"}',
  );
});
