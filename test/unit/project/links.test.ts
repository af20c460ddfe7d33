import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

const tracked = execFileSync('git', ['ls-files'], { encoding: 'utf8' }).split('\n').filter(Boolean);
const folders = tracked.map(dirname);

/** The names that GitHub gives to a document's headings. */
function headingsOf(file: string): string[] {
  const headings = readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm);
  return [...headings].map(([, text = '']) =>
    text
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

/** Where the links of a document lead that are not to another site. */
function linksOf(file: string): [file: string, heading: string][] {
  const links = readFileSync(file, 'utf8').matchAll(/\]\((?![a-z]+:)([^)#\s]*)(?:#([^)\s]*))?\)/g);
  return [...links].map(([, path = '', heading = '']) => [
    path === '' ? file : normalize(join(dirname(file), path)).replace(/\/$/, ''),
    heading,
  ]);
}

test.each(tracked.filter((file) => file.endsWith('.md')))('%s: links lead somewhere', (file) => {
  const dead = linksOf(file).filter(([path, heading]) => {
    const isThere = tracked.includes(path) || folders.includes(path);
    return !isThere || (heading !== '' && !headingsOf(path).includes(heading));
  });
  expect(dead).toEqual([]);
});
