import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { count, countsOf, refusalLabels, seriesOf } from '../../../src/zone/counters.js';
import { FakeZone } from '../../support/fake_zone.js';

let zone: FakeZone;
const counts = () => countsOf(zone, zone.keys());

beforeEach(() => {
  zone = new FakeZone();
  asWorker(0);
});

afterEach(() => {
  vi.unstubAllGlobals();
});

function asWorker(worker_id: number): void {
  vi.stubGlobal('ngx', { worker_id });
}

describe('counting', () => {
  test('adds one to a series, and leaves the others', () => {
    expect(counts()).toEqual({});
    count(zone, 'clears_total', 'scope="all"');
    count(zone, 'clears_total', 'scope="all"');
    count(zone, 'deletes_total', '');
    expect(counts()).toEqual({ 'clears_total{scope="all"}': 2, deletes_total: 1 });
  });

  test('adds up what the workers have counted', () => {
    count(zone, 'deletes_total', '');
    asWorker(1);
    count(zone, 'deletes_total', '');
    count(zone, 'clears_total', 'scope="all"');
    expect(counts()).toEqual({ 'clears_total{scope="all"}': 1, deletes_total: 2 });
  });

  test('writes nothing that another worker writes, and never takes away what it has written', () => {
    count(zone, 'deletes_total', '');
    const before = new Map(zone.values);
    const taken = [vi.spyOn(zone, 'pop'), vi.spyOn(zone, 'delete')];
    asWorker(1);
    for (let i = 0; i < 3; i++) count(zone, 'deletes_total', '');
    for (const [key, value] of before) expect(zone.get(key)).toBe(value);
    for (const call of taken) expect(call).not.toHaveBeenCalled();
  });

  test('is left out where the zone has no room', () => {
    zone.room = 0;
    const set = vi.spyOn(zone, 'set');
    count(zone, 'deletes_total', '');
    expect(counts()).toEqual({});
    expect(set).not.toHaveBeenCalled();
  });

  test('goes on in a zone that has become full', () => {
    count(zone, 'deletes_total', '');
    zone.room = 0;
    count(zone, 'deletes_total', '');
    expect(counts()).toEqual({ deletes_total: 2 });
  });
});

test('a series is named as in the text format', () => {
  expect(seriesOf('deletes_total', '')).toBe('deletes_total');
  expect(seriesOf('refusals_total', refusalLabels('disk', 'weak'))).toBe(
    'refusals_total{via="disk",code="weak"}',
  );
});
