import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { checkFiles } from '../../../src/certs/check.js';
import { slotPaths } from '../../../src/config/paths.js';
import { stampOfSlot } from '../../../src/disk/stamp.js';
import { checkedAt, isCleared, readMeta } from '../../../src/zone/record.js';
import {
  COLUMNS,
  FILES,
  LATER,
  TOKEN,
  decisionOf,
  situationOf,
  wantedOf,
  type CheckRow,
  type Situation,
} from '../../support/check_words.js';
import { createAuthority } from '../../support/certificates.js';
import { countReads, writeFiles } from '../../support/slots.js';
import { readTable } from '../../support/text_table.js';

// The decision over a slot's files. test/support/check_words.ts says what the words stand for.
const TABLE = `
held                | cleared | files       | setting           | record  | facts                               | says

a pair of etcd stays, whatever there is in files
etcd pair           |         | new         | etcd              | kept    | as held                             | same
etcd pair           | yes     | new         | etcd              | kept    | as held                             | same
filed etcd pair     | yes     | mismatch    | etcd              | kept    | as held                             | same
etcd pair           |         | new         |                   | new     | of the files                        | loaded
filed etcd pair     |         | same        |                   | kept    | as held                             | same

a value of etcd that was refused stays where there are no files, and files stand in for it
etcd refusal        |         | none        | etcd              | reason  | as held                             | same
etcd refusal        | yes     | none        | etcd              | reason  | as held                             | same
etcd refusal        |         | none        |                   | dropped |                                     | missing
etcd refusal        |         | new         | etcd              | new     | of the files, etcd's problem        | loaded
etcd refusal        |         | mismatch    | etcd              | reason  | none, files now, key-mismatch       | refused: nothing
put, etcd refused   | yes     | new         | etcd              | new     | of the files, etcd's problem        | loaded
put, etcd refused   |         | none        | etcd              | kept    | put alone                           |
old, etcd refused   |         | new         | etcd              | new     | of the files, etcd's problem        | loaded
old, etcd refused   |         | mismatch    | etcd              | kept    | as held, files now, key-mismatch    | refused: held
old, etcd refused   |         | none        | etcd              | kept    | as held, files '', unreadable       | refused: held
old, etcd refused   | yes     | none        | etcd              | dropped |                                     | missing

a pointer stays, and does not look at files that the scan has as well
pointer             |         | new         | own scan          | kept    | none                                |
pointer             | yes     | mismatch    | own scan          | kept    | none                                |
pointer to two      |         | new         | own scan          | kept    | none, others                        |
pointer to two      | yes     | none        | own scan          | kept    | none, others                        |
refused pointer     |         | new         | own scan          | kept    | none                                |
pointer, etcd refused |       | new         | own scan, etcd    | kept    | none, etcd's problem                |
old                 |         | new         | own scan          | new     | of the files                        | loaded

a pointer stays where there are no files elsewhere, and gives way to good ones
pointer             |         | none        | scan              | kept    | none                                |
pointer             | yes     | none        | scan              | kept    | none                                |
pointer to two      |         | none        | scan              | kept    | none, others                        |
refused pointer     |         | none        | scan              | kept    | none                                |
pointer, etcd refused |       | none        | scan, etcd        | kept    | none, etcd's problem                |
pointer to two      |         | no chain    | scan              | kept    | none, others                        |
pointer             |         | new         | scan              | new     | of the files                        | loaded
pointer to two      |         | new         | scan              | new     | of the files                        | loaded
pointer, etcd refused |       | new         | scan, etcd        | new     | of the files, etcd's problem        | loaded
pointer             |         | mismatch    | scan              | kept    | none, files now, key-mismatch       | refused: found
pointer to two      |         | mismatch    | scan              | kept    | none, others, files now, key-mismatch | refused: found
pointer to two      |         | no key      | scan              | kept    | none, others, files '', unreadable  | refused: found
refused pointer     |         | same        | scan              | kept    | as held                             | same
refused pointer     | yes     | same        | scan              | new     | of the files                        | loaded

no files, and nothing that could be served without them
nothing             |         | none        |                   | dropped |                                     | missing
junk                |         | none        |                   | dropped |                                     | missing
half a record       |         | none        |                   | dropped |                                     | missing
refusal             |         | none        |                   | dropped |                                     | missing
refusal             | yes     | none        |                   | dropped |                                     | missing
nothing             |         | none        | file              | dropped |                                     | missing
nothing             |         | no chain    | scan              | dropped |                                     | missing

no files, and a pair that never was in one
put                 |         | none        |                   | kept    | put alone                           |
put                 | yes     | none        |                   | kept    | put alone, cleared                  |
put, outlived       |         | none        |                   | kept    | put alone, cleared                  |
put, outlived       | yes     | none        |                   | kept    | put alone, cleared                  |
filed put           |         | none        |                   | kept    | put alone                           |
filed put           | yes     | none        |                   | kept    | put alone, cleared                  |
etcd pair           |         | none        |                   | kept    | put alone                           |
etcd pair           | yes     | none        |                   | kept    | put alone, cleared                  |

no files any more, of a pair that was in some
old                 |         | none        |                   | kept    | as held, files '', unreadable       | refused: held
refused old         |         | none        |                   | kept    | as held, files '', unreadable       | refused: held
old                 | yes     | none        |                   | dropped |                                     | missing
refused old         | yes     | none        |                   | dropped |                                     | missing

the files of the last look are not read, unless a clear came
old                 |         | same        |                   | kept    | as held                             | same
filed put           |         | same        |                   | kept    | as held                             | same
refused old         |         | same        |                   | kept    | as held                             | same
refusal             |         | same        |                   | reason  | as held                             | same
old                 | yes     | same        |                   | kept    | of the files, loaded then           | unchanged
filed put           | yes     | same        |                   | kept    | of the files, loaded then           | unchanged
refused old         | yes     | same        |                   | kept    | of the files, loaded then           | unchanged
refusal             | yes     | same        |                   | new     | of the files                        | loaded

a pair that passes is taken
nothing             |         | new         |                   | new     | of the files                        | loaded
junk                |         | new         |                   | new     | of the files                        | loaded
half a record       |         | new         |                   | new     | of the files                        | loaded
refusal             |         | new         |                   | new     | of the files                        | loaded
old                 |         | new         |                   | new     | of the files                        | loaded
old                 | yes     | new         |                   | new     | of the files                        | loaded
refused old         |         | new         |                   | new     | of the files                        | loaded
put                 |         | new         |                   | new     | of the files                        | loaded
put, outlived       |         | new         |                   | new     | of the files                        | loaded
filed put           |         | new         |                   | new     | of the files                        | loaded
old                 |         | touched     |                   | kept    | of the files, loaded then           | unchanged
put                 |         | touched     |                   | kept    | of the files, loaded then           | unchanged
old                 |         | new         | one file          | new     | of the files                        | loaded
nothing             |         | expired     |                   | new     | of the files                        | loaded late
expired             |         | expired     |                   | new     | of the files                        | loaded late

a pair that does not pass is noted, and what is held stays
nothing             |         | mismatch    |                   | reason  | none, files now, key-mismatch       | refused: nothing
junk                |         | mismatch    |                   | reason  | none, files now, key-mismatch       | refused: nothing
refusal             |         | mismatch    |                   | reason  | none, files now, key-mismatch       | refused: nothing
old                 |         | mismatch    |                   | kept    | as held, files now, key-mismatch    | refused: held
old                 | yes     | mismatch    |                   | kept    | as held, files now, key-mismatch    | refused: held
refused old         |         | mismatch    |                   | kept    | as held, files now, key-mismatch    | refused: held
put                 |         | mismatch    |                   | kept    | as held, files now, key-mismatch    | refused: held
put, outlived       |         | mismatch    |                   | kept    | as held, files now, key-mismatch    | refused: held
nothing             |         | garbage     |                   | reason  | none, files now, malformed          | refused: nothing
old                 |         | garbage     |                   | kept    | as held, files now, malformed       | refused: held
nothing             |         | no point    |                   | reason  | none, files now, unsupported-key    | refused: nothing
old                 |         | expired     |                   | kept    | as held, files now, expired         | refused: held
nothing             |         | of b        |                   | reason  | none, files now, name-not-covered   | refused: nothing
old                 |         | of b        |                   | kept    | as held, files now, name-not-covered | refused: held

what cannot be read is tried again by each look
nothing             |         | no key      |                   | reason  | none, files '', unreadable          | refused: nothing
nothing             |         | no chain    |                   | reason  | none, files '', unreadable          | refused: nothing
nothing             |         | a folder    |                   | reason  | none, files '', unreadable          | refused: nothing
old                 |         | no key      |                   | kept    | as held, files '', unreadable       | refused: held
old                 |         | no chain    |                   | kept    | as held, files '', unreadable       | refused: held
old                 |         | no chain    | scan              | kept    | as held, files '', unreadable       | refused: held

the RSA slot takes RSA keys alone
nothing             |         | RSA         | rsa               | new     | of the files                        | loaded
nothing             |         | new         | rsa               | reason  | none, files now, unsupported-key    | refused: nothing
old                 |         | new         | rsa               | kept    | as held, files now, unsupported-key | refused: held
nothing             |         | RSA         |                   | new     | of the files                        | loaded

the fallback need not be covered
nothing             |         | of b        | fallback          | new     | of the files                        | loaded
old                 |         | of b        | fallback          | new     | of the files                        | loaded
old                 |         | mismatch    | fallback          | kept    | as held, files now, key-mismatch    | refused: held

one file for all names leaves no record under a name that it is not for
nothing             |         | of b        | shared            | dropped |                                     | missing
refusal             |         | of b        | shared            | dropped |                                     | missing
pointer to two      |         | of b        | shared, scan      | kept    | none, others                        |
nothing             |         | of b        | own scan          | dropped |                                     | missing
old                 |         | of b        | shared            | kept    | as held, files now, name-not-covered | refused: held
nothing             |         | mismatch    | shared            | reason  | none, files now, key-mismatch       | refused: nothing
nothing             |         | new         | shared            | new     | of the files                        | loaded

a file of a scan is for the names of its certificate
nothing             |         | new         | file              | new     | of the files, found                 | loaded
nothing             |         | of b        | file              | new     | of the files, found                 | loaded
nothing             |         | RSA         | file              | new     | of the files, found                 | loaded
found               |         | new         | file              | new     | of the files, found                 | loaded
found               | yes     | same        | file              | kept    | of the files, loaded then, found    | unchanged
found               |         | same        | file              | kept    | as held                             | same
nothing             |         | new         | file, just now    | new     | of the files, files '', found       | loaded
nothing             |         | no name     | file              | reason  | none, files now, name-not-covered   | refused: nothing
found               |         | no name     | file              | kept    | as held, files now, name-not-covered | refused: held
nothing             |         | no key      | file              | reason  | none, files now, unreadable         | refused: nothing
nothing             |         | dangling    | file              | reason  | none, files '', unreadable          | refused: nothing
found               |         | no key      | file              | kept    | as held, files now, unreadable      | refused: held
found               |         | none        | file              | kept    | as held, files '', unreadable       | refused: held
found               | yes     | none        | file              | dropped |                                     | missing

a file of a scan that is an authority's certificate alone is left out
nothing             |         | issuer      | file              | dropped |                                     | left out
refusal             |         | issuer      | file              | dropped |                                     | left out
found               |         | issuer      | file              | kept    | as held, files now, unreadable      | refused: held
nothing             |         | issuer      |                   | reason  | none, files '', unreadable          | refused: nothing
`;

const sections = readTable(COLUMNS, TABLE);
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'njs-cert-rotation-check-'));
  vi.useFakeTimers({ toFake: ['Date'] });
});

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  rmSync(folder, { recursive: true });
});

describe.each(sections.map(({ title, rows }) => [title, rows] as const))('%s', (_, rows) => {
  test.each(rows.map((row) => [titleOf(row), row] as const))('%s', (_, row) => {
    const situation = situationOf(folder, row);
    const { context, slot, held } = situation;
    const result = checkFiles(context, slot, held);
    expect(decisionOf(situation, result)).toEqual(wantedOf(situation, row, result));
    if (result.record === '') return;
    // It counts as looked at now.
    expect(isCleared(result.record, context.token)).toBe(false);
    expect(checkedAt(result.record)).toBe(Date.now());
  });
});

describe('a reason is told once', () => {
  test.each([
    ['while the files are the same, though a clear has them read again', 'mismatch', LATER],
    ['while the files cannot be read', 'no key', TOKEN],
  ])('%s', (_, files, token) => {
    const { context, slot, held } = found(files);
    const first = checkFiles(context, slot, held);
    expect(first.result).toBe('refused');
    const again = checkFiles({ ...context, token }, slot, first.record);
    expect({ ...again, record: readMeta(again.record) }).toEqual({
      record: readMeta(first.record),
    });
  });

  test.each([
    ['the files are others', 'mismatch', 'mismatch'],
    ['the reason is another one', 'no key', 'a folder'],
  ])('and again where %s', (_, before, after) => {
    const first = found(before);
    const { record } = checkFiles(first.context, first.slot, first.held);
    const { context, slot } = found(after);
    expect(checkFiles(context, slot, record).result).toBe('refused');
  });
});

test('a reason is told again where only its code is another one', () => {
  const { context, slot, held } = found('mismatch');
  const first = checkFiles(context, slot, held).record;
  const other = first.replace('"code":"key-mismatch"', '"code":"weak"');
  const later = { ...context, token: LATER };
  expect(checkFiles(later, slot, other)).toMatchObject({ result: 'refused', code: 'key-mismatch' });
});

describe('files that change while they are read', () => {
  test('are read again, and are to be looked at once more', () => {
    const { context, slot, stamp } = found('mismatch');
    const files = slotPaths(context.settings, slot);
    const reads = countReads(files.key, (nth) => {
      if (nth === 1) FILES['new']!(files);
    });
    const { result, record } = checkFiles(context, slot, undefined);
    expect(result).toBe('loaded');
    expect(reads()).toBe(2);
    expect(readMeta(record)!.files).toBe(stamp);
    expect(stampOfSlot(context.settings, slot)).not.toBe(stamp);
  });

  test('are read three times, and no more', () => {
    const { context, slot } = found('mismatch');
    const files = slotPaths(context.settings, slot);
    const reads = countReads(files.key, () => {
      FILES['mismatch']!(files);
    });
    expect(checkFiles(context, slot, undefined)).toMatchObject({ code: 'key-mismatch' });
    expect(reads()).toBe(3);
  });

  test('are read once where they do not change, though they do not pass', () => {
    const { context, slot } = found('mismatch');
    const reads = countReads(slotPaths(context.settings, slot).key, () => undefined);
    expect(checkFiles(context, slot, undefined)).toMatchObject({ code: 'key-mismatch' });
    expect(reads()).toBe(1);
  });

  test('are not read again where they pass', () => {
    const { context, slot } = found('new');
    const files = slotPaths(context.settings, slot);
    const reads = countReads(files.key, () => {
      FILES['touched']!(files);
    });
    expect(checkFiles(context, slot, undefined).result).toBe('loaded');
    expect(reads()).toBe(1);
  });
});

test('of a certificate for many names three are named', async () => {
  const { context, slot } = found('new', 'file');
  const names = ['a.example', 'b.example', 'c.example', 'd.example', 'e.example'];
  const files = slotPaths(context.settings, slot);
  const message = async (count: number): Promise<string | undefined> => {
    writeFiles(files, await (await createAuthority()).issue({ names: names.slice(0, count) }));
    return checkFiles(context, slot, undefined).message;
  };
  expect(await message(3)).toContain(': a.example, b.example, c.example: loaded from');
  expect(await message(5)).toContain(': a.example, b.example, c.example and 2 more: loaded from');
});

/** What is found in a slot that holds nothing. */
function found(files: string, setting = ''): Situation {
  return situationOf(folder, {
    ...{ held: 'nothing', cleared: '', files, setting },
    ...{ record: '', facts: '', says: '' },
  });
}

function titleOf({ held, cleared, files, setting }: CheckRow): string {
  const last = cleared === 'yes' ? `${held}, cleared` : held;
  return [last, `files: ${files}`, ...(setting ? [setting] : [])].join('; ');
}
