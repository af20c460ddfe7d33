import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import {
  isRoomy,
  pointsOnlyTo,
  restorePointer,
  restorePointers,
  slotsFor,
} from '../../../src/certs/pointers.js';
import type { Settings } from '../../../src/config/settings.js';
import { rsaKey } from '../../../src/config/slot.js';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import { tryLock } from '../../../src/zone/locks.js';
import {
  holdsPair,
  isCleared,
  makePointer,
  makeRecord,
  readMeta,
} from '../../../src/zone/record.js';
import { keysOf, removeRecord } from '../../../src/zone/slots.js';
import { FakeZone, fullError } from '../../support/fake_zone.js';
import {
  ELSEWHERE,
  FIRST,
  META,
  NAME,
  NOW,
  PEM,
  PROBLEM,
  SECOND,
  fileFor,
  keep,
  pointersIn,
} from '../../support/scanned.js';
import { contextWith } from '../../support/slots.js';

const WITH_RSA = { ...ELSEWHERE, certFileRsa: '/certs/{name}.rsa.cert.pem' };

let zone: FakeZone;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  zone = new FakeZone();
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

/** Has another worker hold the lock of a slot. */
function lockElsewhere(slot: string): void {
  expect(tryLock(zone, slot).state).toBe('locked');
}

const locks = (): string[] => zone.keys().filter((key) => key.startsWith('#lock:'));

describe('the slots of a certificate', () => {
  test.each<[string, Settings, boolean, string[]]>([
    ['are the first ones', ELSEWHERE, false, ['a.example', '*.b.example']],
    [
      'are the first ones for RSA too, without an RSA slot',
      ELSEWHERE,
      true,
      ['a.example', '*.b.example'],
    ],
    ['are the first ones for others than RSA', WITH_RSA, false, ['a.example', '*.b.example']],
    ['are the RSA slots for RSA', WITH_RSA, true, ['*rsa:a.example', '*rsa:*.b.example']],
  ])('%s', (_, settings, isRsa, slots) => {
    expect(slotsFor(settings, ['a.example', '*.b.example'], isRsa)).toEqual(slots);
  });
});

describe('a file that is kept', () => {
  test('has a pointer in the slot of each of its names', () => {
    const record = fileFor([NAME, '*.b.example']);
    expect(keep(zone, FIRST, record)).toBe(true);
    expect(zone.get(FIRST)).toBe(record);
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST], '*.b.example': [FIRST] });
    expect(locks()).toEqual([]);
  });

  test('has a pointer that is looked at by the next handshake', () => {
    keep(zone, FIRST, fileFor([NAME]));
    expect(isCleared(zone.get(NAME)!, FIRST_TOKEN)).toBe(true);
  });

  test('loses the pointers of the names that it has no more', () => {
    keep(zone, FIRST, fileFor([NAME, 'b.example']));
    keep(zone, FIRST, fileFor(['b.example', 'c.example']));
    expect(pointersIn(zone)).toEqual({ 'b.example': [FIRST], 'c.example': [FIRST] });
    expect(zone.get(NAME)).toBeUndefined();
  });

  test('is dropped with all of its pointers', () => {
    keep(zone, FIRST, fileFor([NAME, 'b.example']));
    keep(zone, FIRST, '');
    expect(zone.keys()).toEqual([]);
  });

  test('has its pointers in the RSA slots while it is RSA', () => {
    keep(zone, FIRST, fileFor([NAME], {}, { isRsa: true }), WITH_RSA);
    expect(pointersIn(zone)).toEqual({ [rsaKey(NAME)]: [FIRST] });
    keep(zone, FIRST, fileFor([NAME]), WITH_RSA);
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST] });
    keep(zone, FIRST, fileFor([NAME], {}, { isRsa: true }), WITH_RSA);
    expect(pointersIn(zone)).toEqual({ [rsaKey(NAME)]: [FIRST] });
  });

  test('and was refused without a pair before has none', () => {
    const record = makeRecord(FIRST_TOKEN, { ...META, problem: PROBLEM }, null);
    expect(keep(zone, FIRST, record)).toBe(true);
    expect(zone.get(FIRST)).toBe(record);
    expect(pointersIn(zone)).toEqual({});
  });

  test('is written after its pointers were taken away, and before others are put', () => {
    keep(zone, FIRST, fileFor([NAME]));
    const order: string[] = [];
    const [set, drop] = [zone.set.bind(zone), zone.delete.bind(zone)];
    vi.spyOn(zone, 'set').mockImplementation((key, value) => {
      if (!key.startsWith('#')) order.push(`put ${key}`);
      return set(key, value);
    });
    vi.spyOn(zone, 'delete').mockImplementation((key) => {
      if (!key.startsWith('#')) order.push(`drop ${key}`);
      return drop(key);
    });
    keep(zone, FIRST, fileFor(['b.example']));
    expect(order).toEqual([`drop ${NAME}`, `put ${FIRST}`, 'put b.example']);
  });

  test('leaves a pointer that says the same as it is', () => {
    keep(zone, FIRST, fileFor([NAME]));
    const before = zone.get(NAME);
    vi.setSystemTime(NOW + 1000);
    keep(zone, FIRST, fileFor([NAME], { files: 'other' }));
    expect(zone.get(NAME)).toBe(before);
  });
});

describe('a file one of whose slots another worker is busy with', () => {
  test.each([
    ['that it gets', 'c.example'],
    ['that it has', 'b.example'],
    ['that it loses', NAME],
    ['that it loses, of the other kind', rsaKey(NAME)],
  ])('is not kept: %s', (_, slot) => {
    keep(zone, FIRST, fileFor([NAME, 'b.example']));
    lockElsewhere(slot);
    const before = [...zone.values];
    expect(keep(zone, FIRST, fileFor(['b.example', 'c.example']))).toBe(false);
    expect([...zone.values]).toEqual(before);
  });

  test('is kept where the zone has no room for a lock, which nobody holds then', () => {
    const set = zone.set.bind(zone);
    vi.spyOn(zone, 'set').mockImplementation((key, value) => {
      if (key.startsWith('#lock:')) throw fullError();
      return set(key, value);
    });
    expect(keep(zone, FIRST, fileFor([NAME]))).toBe(true);
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST] });
  });
});

describe('a sixteenth of the zone', () => {
  const least = (1 << 20) / 16;

  test.each([
    [least, true],
    [least - 1, false],
  ])('is kept free: %d bytes free, room for more: %s', (free, expected) => {
    zone.free = free;
    expect(isRoomy(zone)).toBe(expected);
  });

  test('is not taken by a new file: it is known, and each handshake reads it', () => {
    zone.free = least - 1;
    keep(zone, FIRST, fileFor([NAME]));
    const record = zone.get(FIRST)!;
    expect(holdsPair(record)).toBe(false);
    expect(isCleared(record, FIRST_TOKEN)).toBe(true);
    expect(readMeta(record)).toEqual(readMeta(fileFor([NAME])));
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST] });
  });

  test('is not kept from a file whose pair is held', () => {
    keep(zone, FIRST, fileFor([NAME]));
    zone.free = least - 1;
    const renewed = fileFor([NAME], { files: 'other' });
    keep(zone, FIRST, renewed);
    expect(zone.get(FIRST)).toBe(renewed);
  });

  test('or more, where a pair does not fit all the same: it is known, and the old one is gone', () => {
    keep(zone, FIRST, fileFor([NAME]));
    const set = zone.set.bind(zone);
    vi.spyOn(zone, 'set').mockImplementation((key, value) => {
      if (key === FIRST && holdsPair(value)) throw fullError();
      return set(key, value);
    });
    keep(zone, FIRST, fileFor([NAME], { files: 'other' }));
    expect(holdsPair(zone.get(FIRST)!)).toBe(false);
    expect(readMeta(zone.get(FIRST)!)!.files).toBe('other');
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST] });
  });
});

describe('slots that were emptied', () => {
  beforeEach(() => {
    keep(zone, FIRST, fileFor([NAME, 'b.example']), WITH_RSA);
    keep(zone, SECOND, fileFor([NAME], {}, { isRsa: true }), WITH_RSA);
    for (const slot of [NAME, 'b.example', rsaKey(NAME)]) removeRecord(zone, slot);
  });

  test('have their pointers back, and others none', () => {
    restorePointers(
      contextWith(WITH_RSA, { zone }),
      zone,
      keysOf(zone),
      (slot) => slot !== 'b.example',
    );
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST], [rsaKey(NAME)]: [SECOND] });
    expect(locks()).toEqual([]);
  });

  test('are left to the next scan where another worker is busy with them', () => {
    lockElsewhere(NAME);
    expect(restorePointer(contextWith(WITH_RSA, { zone }), zone, NAME, FIRST)).toBe(false);
    restorePointers(contextWith(WITH_RSA, { zone }), zone, keysOf(zone), () => true);
    expect(pointersIn(zone)).toEqual({ 'b.example': [FIRST], [rsaKey(NAME)]: [SECOND] });
    expect(locks()).toEqual([`#lock:${NAME}`]);
  });
});

test.each<[string, string | undefined, boolean]>([
  ['a pointer to the file', makePointer(FIRST, {}), true],
  ['a pointer to another one', makePointer(SECOND, {}), false],
  ['a pointer that knows another one', makePointer(FIRST, { others: [SECOND] }), false],
  ['a pointer with a reason', makePointer(FIRST, { files: 's', problem: PROBLEM }), false],
  ['a pair', makeRecord(FIRST_TOKEN, META, PEM), false],
  ['nothing', undefined, false],
  ['an empty text', '', false],
])('whether %s points to one file alone, and says nothing else', (_, held, expected) => {
  expect(pointsOnlyTo(held, FIRST)).toBe(expected);
});
