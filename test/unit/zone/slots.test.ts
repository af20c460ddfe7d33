import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { clearAll, FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import { putOwnCounts } from '../../../src/zone/counters.js';
import { tryLock } from '../../../src/zone/locks.js';
import type { RecordMeta } from '../../../src/zone/meta.js';
import { makePointer, makeRecord } from '../../../src/zone/record.js';
import {
  eachSlice,
  findRecord,
  findSummary,
  findVersion,
  isSlot,
  keysOf,
  noteLeftOut,
  putRecord,
  removeRecord,
} from '../../../src/zone/slots.js';
import { readFileSummary, readSummary } from '../../../src/zone/summary.js';
import { FakeZone, PagedZone, fullError } from '../../support/fake_zone.js';

const NAME = 'a.example';
const FILE = '*file:first';
const PEM = '-----BEGIN X-----\n-----END X-----\n';

const meta = { source: 'disk' as const, files: '', notAfter: 7, loadedAt: 0 };
const record = makeRecord(FIRST_TOKEN, meta, { chain: PEM, key: PEM });
const problem = { code: 'weak', detail: '' };
const refused = makeRecord(FIRST_TOKEN, { ...meta, problem }, null);

let zone: FakeZone;

beforeEach(() => {
  zone = new FakeZone();
});

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('a record', () => {
  test('is found as it was put, until it is removed', () => {
    expect(findRecord(zone, NAME)).toBeUndefined();
    expect(putRecord(zone, NAME, 'old')).toBe(true);
    expect(putRecord(zone, NAME, 'new')).toBe(true);
    expect(findRecord(zone, NAME)).toBe('new');
    removeRecord(zone, NAME);
    expect(findRecord(zone, NAME)).toBeUndefined();
  });

  test('that has no room is not put, and neither is its summary', () => {
    putRecord(zone, NAME, record);
    vi.spyOn(zone, 'freeSpace').mockReturnValue(0);
    zone.room = 0;
    expect(putRecord(zone, 'b.example', record)).toBe(false);
    expect(zone.keys()).toEqual([NAME, `#summary:${NAME}`]);
  });

  test('that does not fit in the place of another leaves that with its summary', () => {
    putRecord(zone, NAME, record);
    const before = [...zone.values].sort();
    const set = zone.set.bind(zone);
    vi.spyOn(zone, 'set').mockImplementation((key, value) => {
      if (value === refused) throw fullError();
      return set(key, value);
    });
    expect(putRecord(zone, NAME, refused)).toBe(false);
    expect([...zone.values].sort()).toEqual(before);
  });
});

describe('in a full zone without a store', () => {
  const PAGES = 64;
  let full: PagedZone;

  /** A record of so many pages, without the meta's part. */
  const recordOf = (more: Partial<RecordMeta>, size = 3000): string => {
    const chain = `-----BEGIN X-----\n${'x'.repeat(size)}\n-----END X-----\n`;
    return makeRecord(FIRST_TOKEN, { ...meta, ...more }, { chain, key: PEM });
  };

  /** Puts records until there is no room for another one. */
  function fill(size = 3000): void {
    for (let i = 0; putRecord(full, `n${i}.example`, recordOf({ source: 'api' }, size)); i++);
  }

  /** How often a record is not there while others are put in its place. */
  function replaceOften(more: Partial<RecordMeta>, size = 3000): number {
    let missing = 0;
    full.atStep = () => {
      if (full.get('n0.example') === undefined) missing++;
    };
    for (let i = 0; i < 20; i++) {
      const next = recordOf({ ...more, loadedAt: i }, size);
      expect(putRecord(full, 'n0.example', next)).toBe(true);
      expect(full.get('n0.example')).toBe(next);
    }
    full.atStep = () => undefined;
    return missing;
  }

  beforeEach(() => {
    full = new PagedZone(PAGES);
  });

  test.each([
    ['that was put', { source: 'api' as const }, 3000],
    ['that was put, of two pages', { source: 'api' as const }, 7000],
    ['of etcd', { source: 'etcd' as const, etcd: 'h:7' }, 3000],
    ['whose files are no good any more', { problem }, 3000],
  ])('a pair %s is there at each moment while another one takes its place', (_, more, size) => {
    putRecord(full, 'n0.example', recordOf(more, size));
    fill(size);
    expect(replaceOften(more, size)).toBe(0);
  });

  test('a pair of files, which comes back from these, takes no room for that', () => {
    for (let i = 0; putRecord(full, `n${i}.example`, recordOf({})); i++);
    expect(full.get('#reserve')).toBeUndefined();
    expect(replaceOften({})).toBeGreaterThan(0);
  });

  test('a new name does not get the room', () => {
    fill();
    expect(full.get('#reserve')).toBeDefined();
    expect(putRecord(full, 'new.example', recordOf({ source: 'api' }))).toBe(false);
    expect(full.get('#reserve')).toBeDefined();
  });

  test('a pair that is larger than the room takes the place of the one before all the same', () => {
    fill();
    const large = recordOf({ source: 'api' }, 7000);
    full.values.delete('n1.example');
    expect(putRecord(full, 'n0.example', large)).toBe(true);
    expect(full.get('n0.example')).toBe(large);
  });

  test('a small zone has all its room for pairs', () => {
    full = new PagedZone(8);
    fill();
    expect(full.get('#reserve')).toBeUndefined();
    expect(replaceOften({ source: 'api' })).toBeGreaterThan(0);
  });
});

describe('a summary', () => {
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

  test('of a pointer is that of its file', () => {
    putRecord(zone, FILE, record);
    putRecord(zone, NAME, makePointer(FILE, {}));
    expect(zone.get(`#summary:${NAME}`)).toBeUndefined();
    expect(findSummary(zone, NAME)).toBe(findSummary(zone, FILE));
  });

  test('of a file that is left out says what it looked like, until it is forgotten', () => {
    noteLeftOut(zone, FILE, 'stamp');
    expect(readFileSummary(findSummary(zone, FILE))).toEqual({
      files: 'stamp',
      names: [],
      isRsa: false,
    });
    expect(findRecord(zone, FILE)).toBeUndefined();
    noteLeftOut(zone, FILE, '');
    expect(zone.keys()).toEqual([]);
  });
});

describe('the version of etcd', () => {
  test('is that of the summary, or of the record where that had no room', () => {
    const taken = makeRecord(FIRST_TOKEN, { ...meta, etcd: 'h:7' }, { chain: PEM, key: PEM });
    expect(findVersion(zone, NAME)).toBe('');
    putRecord(zone, NAME, taken);
    expect(findVersion(zone, NAME)).toBe('h:7');
    zone.delete(`#summary:${NAME}`);
    expect(findVersion(zone, NAME)).toBe('h:7');
    putRecord(zone, NAME, record);
    expect(findVersion(zone, NAME)).toBe('');
  });
});

test('names are those of records, however many there are', () => {
  const wanted = Array.from({ length: 1500 }, (_, i) => `${i}.example`);
  for (const name of wanted) putRecord(zone, name, record);
  clearAll(zone);
  tryLock(zone, NAME);
  vi.stubGlobal('ngx', { worker_id: 0 });
  putOwnCounts(zone, '{}');
  expect(keysOf(zone).filter(isSlot).sort()).toEqual(wanted.sort());
});

test('slots are gone through in slices, each once, and other keys are left out', async () => {
  const slots = Array.from({ length: 2500 }, (_, i) => `${i}.example`);
  const sizes: number[] = [];
  const seen: string[] = [];
  await eachSlice([...slots, '#clear', FILE], (slice) => {
    sizes.push(slice.length);
    seen.push(...slice);
  });
  expect(sizes).toEqual([1000, 1000, 501]);
  expect(seen).toEqual([...slots, FILE]);
});
