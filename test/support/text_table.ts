/** A row of a table: its cells by the title of their column. */
export type Row<Column extends string> = Record<Column, string>;

export interface Section<Column extends string> {
  title: string;
  rows: Row<Column>[];
}

/**
 * Reads a table that is written as text: its first line has the columns' titles, each with a `|` between. A line without
 * one is the title of a section. Throws where a row has more cells than there are columns, or fewer.
 */
export function readTable<Column extends string>(
  columns: readonly Column[],
  text: string,
): Section<Column>[] {
  const [head = '', ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  if (cellsOf(head).join() !== columns.join()) throw new Error(`The table begins with: ${head}`);
  const sections: Section<Column>[] = [{ title: '', rows: [] }];
  for (const line of lines) {
    if (line.includes('|')) sections.at(-1)!.rows.push(rowOf(columns, line));
    else sections.push({ title: line.trim(), rows: [] });
  }
  return sections.filter(({ rows }) => rows.length > 0);
}

/** The rows of a table without sections, or of all. */
export function readRows<Column extends string>(
  columns: readonly Column[],
  text: string,
): Row<Column>[] {
  return readTable(columns, text).flatMap(({ rows }) => rows);
}

function rowOf<Column extends string>(columns: readonly Column[], line: string): Row<Column> {
  const cells = cellsOf(line);
  if (cells.length !== columns.length) throw new Error(`Not ${columns.length} cells: ${line}`);
  return Object.fromEntries(columns.map((column, i) => [column, cells[i]])) as Row<Column>;
}

function cellsOf(line: string): string[] {
  return line.split('|').map((cell) => cell.trim());
}

/** What a word of a table stands for. Throws where it stands for nothing. */
export function meaningOf<T>(words: Readonly<Record<string, T>>, word: string): T {
  const meaning = words[word];
  if (meaning === undefined) throw new Error(`The table has an unknown word: "${word}"`);
  return meaning;
}
