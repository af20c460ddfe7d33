import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';
import { type Room, readRooms, roomOf } from '../../../rooms.mjs';

// ARCHITECTURE.md says how src/ is built. Each test holds the one to the other.

/** The aim is 40: this is the longest that there is. */
const LONGEST_FUNCTION = 40;
const LONGEST_FILE = 330;

const map = readFileSync('ARCHITECTURE.md', 'utf8');
const rooms = readRooms(map);

interface File {
  path: string;
  lines: number;
  /** The modules that it imports, types included: paths of src/, or names as `fs`. */
  imports: string[];
  functions: { name: string; lines: number }[];
  /** The globals that it touches, with and without a property: `ngx.shared`, `setTimeout`. */
  globals: string[];
}

function readSource(path: string): File {
  const text = readFileSync(path, 'utf8');
  const source = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const lineOf = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
  const functions: File['functions'] = [];
  const globals: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node)) {
      const name = (ts.isVariableDeclaration(node.parent) ? node.parent : node).name?.getText();
      const lines = lineOf(node.end) - lineOf(node.getStart()) + 1;
      functions.push({ name: name ?? '', lines });
    }
    if (ts.isIdentifier(node)) {
      const { parent } = node;
      // `ngx` alone would be handed on, and nobody see what is taken of it.
      const isObject = ts.isPropertyAccessExpression(parent) && parent.expression === node;
      globals.push(isObject ? parent.getText() : node.text);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  const imports = ts
    .preProcessFile(text, true, true)
    .importedFiles.map(({ fileName: name }) =>
      name.startsWith('.') ? `${join(dirname(path), name)}.ts` : name,
    );
  return { path, lines: text.trimEnd().split('\n').length, imports, functions, globals };
}

const files = readdirSync('src', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts'))
  .sort()
  .map((name) => readSource(`src/${name}`));

/** What the code spans of a text say. */
function spansOf(text: string): string[] {
  return [...text.matchAll(/`([^`\n]+)`/g)].map(([, span = '']) => span);
}

function isCall(span: string): boolean {
  return span.endsWith('()');
}

/** Where a file's import leads up, or to another room of the rank. */
function isForbidden(from: Room | undefined, to: Room | undefined): boolean {
  return from !== to && !(from && to && to.rank < from.rank);
}

describe('the table of rooms', () => {
  test('has every file of src/, each in one room, and no other', () => {
    const listed = rooms.flatMap(({ name, files: own }) =>
      name.endsWith('/') ? own.map((file) => `src/${name}${file}.ts`) : [`src/${name}`],
    );
    expect(listed.sort()).toEqual(files.map(({ path }) => path));
  });

  test('goes from the highest rank to the lowest', () => {
    const ranks = rooms.map(({ rank }) => rank);
    expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
  });

  test('names the one file that touches the dictionary, files, and the network', () => {
    const owned = rooms.flatMap((room) => room.owned.map(({ resource }) => resource));
    expect(owned).toEqual(expect.arrayContaining(['ngx.shared', 'fs', 'ngx.fetch']));
  });
});

describe('src/ is as the table says', () => {
  test('a file imports from its own room or a lower rank', () => {
    const wrong = files.flatMap(({ path, imports }) =>
      imports
        .filter(
          (to) => to.startsWith('src/') && isForbidden(roomOf(rooms, path), roomOf(rooms, to)),
        )
        .map((to) => `${path} -> ${to}`),
    );
    expect(wrong).toEqual([]);
  });

  test('no files import each other in a circle', () => {
    // A file is done once all that it imports are: those of a circle, and those that import one, never are.
    let left = files;
    for (let before = -1; left.length !== before;) {
      before = left.length;
      const open = left.map(({ path }) => path);
      left = left.filter(({ imports }) => imports.some((to) => open.includes(to)));
    }
    expect(left.map(({ path }) => path)).toEqual([]);
  });

  test.each(rooms.flatMap(({ name, owned }) => owned.map((one) => ({ room: name, ...one }))))(
    '$resource is touched in $file, and nowhere else',
    ({ room, resource, file }) => {
      const touching = files.filter(
        ({ imports, globals }) => imports.includes(resource) || globals.includes(resource),
      );
      expect(touching.map(({ path }) => path)).toEqual([file]);
      expect(file.startsWith(`src/${room}`)).toBe(true);
    },
  );

  test('no other module than these is imported, and nothing of ngx is taken in another way', () => {
    const owned = rooms.flatMap((one) => one.owned.map(({ resource }) => resource));
    const others = files.flatMap(({ imports }) => imports.filter((to) => !to.startsWith('src/')));
    expect(owned).toEqual(expect.arrayContaining(others));
    expect(files.filter(({ globals }) => globals.includes('ngx'))).toEqual([]);
  });

  test(`no file is over ${LONGEST_FILE} lines`, () => {
    expect(files.filter(({ lines }) => lines > LONGEST_FILE)).toEqual([]);
  });

  test(`no function is over ${LONGEST_FUNCTION} lines`, () => {
    const long = files.flatMap(({ path, functions }) =>
      functions
        .filter(({ lines }) => lines > LONGEST_FUNCTION)
        .map(({ name }) => `${path} ${name}`),
    );
    expect(long).toEqual([]);
  });
});

describe('what ARCHITECTURE.md names is there', () => {
  test('every path', () => {
    const paths = spansOf(map).filter((span) =>
      /^(src|test|nginx|dist)\/|^[\w.]+\.(ts|mjs|md)$/.test(span),
    );
    const missing = paths.filter((path) => !existsSync(path) && !existsSync(`src/${path}`));
    expect(missing).toEqual([]);
  });

  test('every room', () => {
    const named = spansOf(map).filter((span) => /^\w+\/$/.test(span));
    const known = rooms.map(({ name }) => name);
    expect(named.filter((name) => !existsSync(name) && !known.includes(name))).toEqual([]);
  });

  test('every function, in the file that is named after it', () => {
    const wrong: string[] = [];
    for (const item of map.split(/^(?=\d\. |- |#|\|)/m)) {
      let waiting: string[] = [];
      for (const span of spansOf(item)) {
        if (isCall(span)) waiting.push(span.slice(0, -2));
        const file = files.find(({ path }) => path === span);
        if (!file) continue;
        const isThere = (name: string): boolean => file.functions.some((one) => one.name === name);
        wrong.push(...waiting.filter((name) => !isThere(name)).map((name) => `${span} ${name}`));
        waiting = [];
      }
      wrong.push(...waiting.map((name) => `no file after ${name}`));
    }
    expect(wrong).toEqual([]);
  });

  test('four journeys, each by way of functions', () => {
    const journeys = map.split(/^### /m).slice(1);
    const named = journeys.map((text) => spansOf(text.split(/^## /m)[0]!).filter(isCall).length);
    expect(named).toHaveLength(4);
    expect(named).not.toContain(0);
  });
});
