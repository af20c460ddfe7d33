import { describe, expect, test } from 'vitest';
import { decide, type Situation } from '../../../src/certs/decision.js';
import { meaningOf, readTable, type Row } from '../../support/text_table.js';

// Each row stands for all situations that it describes: an empty cell for every value, and one with commas for each of
// these. Every situation is described by one row.
const COLUMNS = ['has', 'source', 'files', 'cleared', 'etcd', 'scanned', 'do'] as const;
const TABLE = `
has              | source    | files         | cleared | etcd | scanned | do

a pointer to a file that is the name's own as well
pointer          |           |               |         |      | yes     | drop

a pair of etcd, or the reason why its value was refused
pair             | etcd      |               |         | yes  |         | keep
nothing, refusal | etcd      | none          |         | yes  |         | keep
pointer          | etcd      | none          |         | yes  | no      | keep

no files
pair             | api       | none          |         |      |         | keep-without-files
pair             | etcd      | none          |         | no   |         | keep-without-files
pair             | unknown   | none          |         |      |         | keep-without-files
pair             | disk      | none          | no      |      |         | note-files-gone
pair             | disk      | none          | yes     |      |         | drop
nothing, refusal | disk, api, unknown | none |         |      |         | drop
nothing, refusal | etcd      | none          |         | no   |         | drop
pointer          | disk, api, unknown | none |         |      | no      | drop
pointer          | etcd      | none          |         | no   | no      | drop

the files of the last look
pair             | disk, api, unknown | same | no      |      |         | keep
pair             | etcd      | same          | no      | no   |         | keep
refusal          |           | same          | no      |      |         | keep
pointer          |           | same          | no      |      | no      | keep
pair             | disk, api, unknown | same | yes     |      |         | read-files
pair             | etcd      | same          | yes     | no   |         | read-files
refusal          |           | same          | yes     |      |         | read-files
pointer          |           | same          | yes     |      | no      | read-files
nothing          |           | same          |         |      |         | read-files

other files
nothing, refusal |           | changed       |         |      |         | read-files
pair             | disk, api, unknown | changed |      |      |         | read-files
pair             | etcd      | changed       |         | no   |         | read-files
pointer          |           | changed       |         |      | no      | read-files
`;

type DecisionRow = Row<(typeof COLUMNS)[number]>;

const WORDS = { yes: true, no: false };
const SOURCES = { disk: 'disk', api: 'api', etcd: 'etcd', unknown: 'unknown' } as const;
const HAS = { nothing: 'nothing', refusal: 'refusal', pair: 'pair', pointer: 'pointer' } as const;
const FILES = { none: 'none', same: 'same', changed: 'changed' } as const;

/** The values that a cell stands for. */
function valuesOf<T>(words: Readonly<Record<string, T>>, cell: string): T[] {
  if (cell === '') return Object.values(words);
  return cell.split(', ').map((word) => meaningOf(words, word));
}

/** All situations that a row describes. */
function situationsOf(row: DecisionRow): Situation[] {
  const all: Situation[] = [];
  for (const has of valuesOf(HAS, row.has))
    for (const source of valuesOf(SOURCES, row.source))
      for (const files of valuesOf(FILES, row.files))
        for (const isCleared of valuesOf(WORDS, row.cleared))
          for (const followsEtcd of valuesOf(WORDS, row.etcd))
            for (const isScanned of valuesOf(WORDS, row.scanned)) {
              const known = source === 'unknown' ? undefined : source;
              all.push({ has, source: known, files, isCleared, followsEtcd, isScanned });
            }
  return all;
}

const EVERY = { has: '', source: '', files: '', cleared: '', etcd: '', scanned: '', do: '' };
const sections = readTable(COLUMNS, TABLE);

describe.each(sections.map(({ title, rows }) => [title, rows] as const))('%s', (_, rows) => {
  test.each(rows.map((row) => [Object.values(row).join(' | '), row] as const))('%s', (__, row) => {
    for (const situation of situationsOf(row)) {
      expect(decide(situation), JSON.stringify(situation)).toEqual({ do: row.do });
    }
  });
});

test('every situation is in one row of the table', () => {
  const keysOf = (situations: Situation[]): string[] =>
    situations
      .map((situation) => JSON.stringify([situation, situation.source ?? 'unknown']))
      .sort();
  const described = sections.flatMap(({ rows }) => rows.flatMap(situationsOf));
  expect(keysOf(described)).toEqual(keysOf(situationsOf(EVERY)));
});
