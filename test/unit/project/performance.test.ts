import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../../support/documents.js';

// The figures of docs/performance.md are those of the reports.

const REPORTS = join(ROOT, 'test/load/reports');

/** The rows of a document's tables, heads left out. Spreads, as in "1.2 (1.1 to 1.3)", are left out as well. */
function rowsOf(path: string): string[][] {
  const lines = readFileSync(path, 'utf8').split('\n');
  const isLine = (line = ''): boolean => /^\| ?:?-+/.test(line);
  return lines
    .filter((line, i) => line.startsWith('|') && !isLine(line) && !isLine(lines[i + 1]))
    .map((line) =>
      line
        .slice(1, line.lastIndexOf('|'))
        .split('|')
        .map((cell) =>
          cell
            .trim()
            .replace(/ \([^()]* to [^()]*\)$/, '')
            .replace('**missed**', 'missed'),
        ),
    );
}

/** Whether one row has all cells of another, in their order. */
function has(row: string[], cells: string[]): boolean {
  let at = 0;
  for (const cell of row) if (cell === cells[at]) at++;
  return at === cells.length && row[0] === cells[0];
}

const reports = readdirSync(REPORTS)
  .filter((name) => name !== 'npm-test')
  .flatMap((name) => rowsOf(join(REPORTS, name, 'report.md')));
// The first table is that of the reports.
const rows = rowsOf(join(ROOT, 'docs/performance.md')).filter(
  ([first]) => !first?.includes('/reports/'),
);

test('every row is one of a report', () => {
  expect(rows.length).toBeGreaterThan(50);
  const unknown = rows.filter((cells) => !reports.some((row) => has(row, cells)));
  expect(unknown).toEqual([]);
});

test('every target that was missed is there', () => {
  const missed = reports.filter((row) => row.at(-1) === 'missed').map((row) => row.slice(0, 3));
  expect(missed.length).toBeGreaterThan(0);
  expect(missed.filter((cells) => !rows.some((row) => has(row, cells)))).toEqual([]);
});
