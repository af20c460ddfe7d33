import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { restorePointer } from '../../../src/certs/pointers.js';
import type { Settings } from '../../../src/config/settings.js';
import { fileKey, rsaKey } from '../../../src/config/slot.js';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';
import type { RecordMeta } from '../../../src/zone/meta.js';
import { makePointer, makeRecord, readMeta } from '../../../src/zone/record.js';
import { putRecord, removeRecord } from '../../../src/zone/slots.js';
import { FakeZone } from '../../support/fake_zone.js';
import {
  DAY_S,
  ELSEWHERE,
  FIRST,
  META,
  NAME,
  NOW,
  NOW_S,
  OWN,
  PEM,
  PROBLEM,
  SECOND,
  THIRD,
  fileFor,
  keep,
  pointersIn,
} from '../../support/scanned.js';
import { contextWith } from '../../support/slots.js';
import { meaningOf, readRows } from '../../support/text_table.js';

let zone: FakeZone;

beforeEach(() => {
  vi.useFakeTimers({ now: NOW, toFake: ['Date'] });
  zone = new FakeZone();
});

afterEach(() => {
  vi.useRealTimers();
});

const FILES: Record<string, string> = { own: fileKey(NAME), first: FIRST, second: SECOND };
const SETTINGS: Record<string, Settings> = {
  own: OWN,
  elsewhere: ELSEWHERE,
  'elsewhere, etcd': { ...ELSEWHERE, followsEtcd: true },
};

describe('of several files for a name', () => {
  // `files` says where those of names are; `others` is the validity of the other one.
  const RANKING = ['files', 'best', 'validity', 'other', 'others'] as const;
  const rows = readRows(
    RANKING,
    `
files     | best   | validity          | other  | others
own       | own    | until yesterday   | first  | until tomorrow
own       | own    | from tomorrow     | first  | until tomorrow
own       | second | until tomorrow    | first  | until yesterday
own       | second | until tomorrow    | first  | from tomorrow
own       | second | until next week   | first  | until tomorrow
own       | second | until this second | first  | until yesterday
own       | second | until this second | first  | from tomorrow
own       | second | from this second  | first  | until tomorrow
own       | second | from this second  | first  | from tomorrow
own       | second | from tomorrow     | first  | until yesterday
own       | first  | until tomorrow    | second | until tomorrow
elsewhere | first  | until next week   | own    | until tomorrow
`,
  );

  const WEEK = NOW_S + 7 * DAY_S;
  const VALIDITIES: Record<string, { notBefore: number; notAfter: number }> = {
    'until yesterday': { notBefore: 0, notAfter: NOW_S - DAY_S },
    'until this second': { notBefore: 0, notAfter: NOW_S },
    'until tomorrow': { notBefore: 0, notAfter: NOW_S + DAY_S },
    'until next week': { notBefore: 0, notAfter: WEEK },
    'from this second': { notBefore: NOW_S, notAfter: WEEK },
    'from tomorrow': { notBefore: NOW_S + DAY_S, notAfter: WEEK },
  };

  function keepFor(key: string, validity: string, settings = ELSEWHERE): void {
    const { notBefore, notAfter } = meaningOf(VALIDITIES, validity);
    keep(zone, key, fileFor([NAME], { notAfter }, { notBefore }), settings);
  }

  test.each(rows)('files $files: $best, $validity, comes before $other, $others', (row) => {
    const settings = meaningOf(SETTINGS, row.files);
    const [best, other] = [meaningOf(FILES, row.best), meaningOf(FILES, row.other)];
    for (const isBestFirst of [true, false]) {
      zone.clear();
      if (isBestFirst) keepFor(best, row.validity, settings);
      keepFor(other, row.others, settings);
      if (!isBestFirst) keepFor(best, row.validity, settings);
      expect(pointersIn(zone)).toEqual({ [NAME]: [best, other] });
    }
  });

  test('all are known, in their order, and the next one follows when the best goes', () => {
    keepFor(THIRD, 'until yesterday');
    keepFor(SECOND, 'until next week');
    keepFor(FIRST, 'until tomorrow');
    expect(pointersIn(zone)).toEqual({ [NAME]: [SECOND, FIRST, THIRD] });
    keep(zone, SECOND, '');
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST, THIRD] });
    keep(zone, FIRST, fileFor(['b.example']));
    expect(pointersIn(zone)).toEqual({ [NAME]: [THIRD], 'b.example': [FIRST] });
  });

  test('one that has its name no more is forgotten', () => {
    keepFor(FIRST, 'until tomorrow');
    keepFor(SECOND, 'until tomorrow');
    removeRecord(zone, FIRST);
    putRecord(zone, SECOND, fileFor(['b.example']));
    keep(zone, THIRD, fileFor([NAME]));
    expect(pointersIn(zone)).toEqual({ [NAME]: [THIRD] });
  });

  test('the only one that was known, and has its name no more, is replaced', () => {
    keepFor(FIRST, 'until tomorrow');
    putRecord(zone, FIRST, fileFor(['b.example']));
    keepFor(SECOND, 'until tomorrow');
    expect(pointersIn(zone)).toEqual({ [NAME]: [SECOND] });
  });

  test('all are known in the RSA slot, too', () => {
    const settings = { ...ELSEWHERE, certFileRsa: '/certs/{name}.rsa.cert.pem' };
    for (const key of [SECOND, FIRST])
      keep(zone, key, fileFor([NAME], {}, { isRsa: true }), settings);
    expect(pointersIn(zone)).toEqual({ [rsaKey(NAME)]: [FIRST, SECOND] });
  });

  test('what is best changes with the time, when it is chosen anew', () => {
    keepFor(FIRST, 'until tomorrow');
    keepFor(SECOND, 'from tomorrow');
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST, SECOND] });
    vi.setSystemTime(NOW + 2 * DAY_S * 1000);
    expect(restorePointer(contextWith(ELSEWHERE, { zone }), zone, NAME, FIRST)).toBe(true);
    expect(pointersIn(zone)).toEqual({ [NAME]: [SECOND, FIRST] });
  });
});

describe("a slot's own pair and the file of a scan", () => {
  // The pair is from `source`, with files beside it or not, and was loaded before or after that of the file.
  const GIVING_WAY = ['files', 'file', 'source', 'beside', 'loaded', 'cleared', 'points'] as const;
  const rows = readRows(
    GIVING_WAY,
    `
files           | file  | source | beside | loaded | cleared | points
elsewhere       | first | disk   | files  | before |         | no
elsewhere       | first | disk   | files  | after  |         | no
elsewhere       | first | disk   |        | before | yes     | no
own             | own   | disk   | files  | before |         | yes
own             | own   | disk   | files  | after  |         | yes
own             | first | disk   | files  | before |         | no
elsewhere       | first | api    |        | before |         | yes
elsewhere       | first | api    |        | with   |         | no
elsewhere       | first | api    |        | after  |         | no
elsewhere       | first | api    |        | after  | yes     | yes
elsewhere       | first | api    | files  | before |         | no
elsewhere       | first | api    | files  | before | yes     | no
own             | own   | api    |        | before |         | yes
own             | own   | api    | files  | before |         | no
elsewhere, etcd | first | api    |        | before |         | yes
elsewhere, etcd | first | etcd   |        | before |         | no
elsewhere, etcd | first | etcd   |        | after  | yes     | no
elsewhere       | first | etcd   |        | before |         | yes
elsewhere       | first | etcd   |        | after  |         | no
elsewhere       | first | etcd   |        | after  | yes     | yes
`,
  );
  const LOADED: Record<string, number> = { before: NOW - 1, with: NOW, after: NOW + 1 };

  test.each(rows)(
    '$files: $source, files: "$beside", loaded $loaded, cleared: "$cleared": $points',
    ({ files, file, source, beside, loaded, cleared, points }) => {
      const meta: RecordMeta = {
        ...META,
        source: source as RecordMeta['source'],
        files: beside,
        loadedAt: meaningOf(LOADED, loaded),
        ...(cleared && { isCleared: true }),
      };
      const pair = makeRecord(FIRST_TOKEN, meta, PEM);
      putRecord(zone, NAME, pair);
      const key = meaningOf(FILES, file);
      keep(zone, key, fileFor([NAME]), meaningOf(SETTINGS, files));
      if (points === 'yes') expect(pointersIn(zone)).toEqual({ [NAME]: [key] });
      else expect(zone.get(NAME)).toBe(pair);
    },
  );

  test.each<[string, Partial<RecordMeta>, object]>([
    [
      'of the files of the name',
      { files: 's', problem: PROBLEM },
      { files: 's', problem: PROBLEM },
    ],
    [
      'of a value of etcd',
      { files: '', etcd: 'mx1:7', problem: { ...PROBLEM, isOfEtcd: true } },
      { files: '', etcd: 'mx1:7', problem: { ...PROBLEM, isOfEtcd: true } },
    ],
  ])('a refusal %s gives way, and goes into the pointer', (_, more, kept) => {
    putRecord(zone, NAME, makeRecord(FIRST_TOKEN, { ...META, ...more }, null));
    keep(zone, FIRST, fileFor([NAME]));
    expect(pointersIn(zone)).toEqual({ [NAME]: [FIRST] });
    expect(readMeta(zone.get(NAME)!)).toEqual({
      source: 'disk',
      notAfter: 0,
      loadedAt: 0,
      ...kept,
    });
    keep(zone, SECOND, fileFor([NAME], { notAfter: NOW_S + 9 * DAY_S }));
    expect(readMeta(zone.get(NAME)!)).toMatchObject({ others: [FIRST], ...kept });
  });

  test('a pair that gives way takes its reason with it', () => {
    putRecord(
      zone,
      NAME,
      makeRecord(
        FIRST_TOKEN,
        { ...META, source: 'api', files: '', loadedAt: NOW - 1, problem: PROBLEM },
        PEM,
      ),
    );
    keep(zone, FIRST, fileFor([NAME]));
    expect(zone.get(NAME)).toMatch(/\{\}$/);
  });

  test('a pair stays when the file goes', () => {
    keep(zone, FIRST, fileFor([NAME]));
    const pair = makeRecord(FIRST_TOKEN, META, PEM);
    putRecord(zone, NAME, pair);
    keep(zone, FIRST, '');
    expect(zone.get(NAME)).toBe(pair);
  });

  test('a pointer to other files stays when a file goes that it does not know', () => {
    keep(zone, FIRST, fileFor([NAME]));
    const pointer = makePointer(SECOND, {});
    putRecord(zone, NAME, pointer);
    keep(zone, FIRST, '');
    expect(zone.get(NAME)).toBe(pointer);
  });
});
