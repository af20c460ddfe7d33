import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { table } from '../load/markdown.js';

// What both differential tests do with many pairs: take them in batches, and report what became of each kind.

/**
 * Works on pairs in batches.
 *
 * @param size of a batch
 * @param count how many pairs in all
 * @param work gets a batch, and the number of pairs before it
 * @param onProgress told after each batch what was done so far
 */
export async function inBatches<Pair, Result>(
  pairs: Iterator<Pair, never>,
  size: number,
  count: number,
  work: (batch: Pair[], first: number) => Promise<Result[]>,
  onProgress: (done: Result[]) => void,
): Promise<Result[]> {
  const done: Result[] = [];
  while (done.length < count) {
    const length = Math.min(size, count - done.length);
    const batch = Array.from({ length }, () => pairs.next().value);
    done.push(...(await work(batch, done.length)));
    onProgress(done);
  }
  return done;
}

/** How many pairs a column counts, under its head. */
export type Column<Pair> = [head: string, isCounted: (pair: Pair) => boolean];

/**
 * A row for each kind of pairs, and one for all.
 *
 * @param what the head of the first column
 */
export function tableByKind<Pair extends { kind: string }>(
  what: string,
  pairs: Pair[],
  columns: Column<Pair>[],
): string {
  const kinds = [...new Set(pairs.map(({ kind }) => kind))].sort();
  const row = (title: string, own: Pair[]): string[] => [
    title,
    String(own.length),
    ...columns.map(([, isCounted]) => String(own.filter(isCounted).length)),
  ];
  const rows = kinds.map((kind) =>
    row(
      kind,
      pairs.filter((pair) => pair.kind === kind),
    ),
  );
  const head = [what, 'pairs', ...columns.map(([title]) => title)];
  return table(head, [...rows, row('all', pairs)]).join('\n') + '\n';
}

/** The most of a report that is shown, in characters. */
const MOST_SHOWN = 4000;

/** Writes a report, and shows its beginning. */
export function writeReport(path: string, parts: string[]): void {
  const text = parts.join('\n');
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  console.log(`${text.slice(0, MOST_SHOWN)}\n${path}`);
}
