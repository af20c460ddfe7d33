import { execFileSync } from 'node:child_process';
import { dirname, join, normalize } from 'node:path';
import GithubSlugger from 'github-slugger';
import { toString } from 'mdast-util-to-string';
import { expect, test } from 'vitest';
import { PAGES, parsePage, walk } from '../../support/documents.js';

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  encoding: 'utf8',
})
  .split('\n')
  .filter(Boolean);
const folders = files.map(dirname);

/** The names that GitHub gives to a document's headings. */
function headingsOf(page: string): string[] {
  const slugger = new GithubSlugger();
  return [...walk(parsePage(page))].flatMap((node) =>
    node.type === 'heading' ? [slugger.slug(toString(node))] : [],
  );
}

/** Where the links and images of a document lead that are not to another site. */
function linksOf(page: string): [file: string, heading: string][] {
  return [...walk(parsePage(page))].flatMap((node) => {
    if (node.type !== 'link' && node.type !== 'image') return [];
    if (/^[a-z]+:/.test(node.url)) return [];
    const [path = '', heading = ''] = node.url.split('#');
    const file = path === '' ? page : normalize(join(dirname(page), path)).replace(/\/$/, '');
    return [[file, heading] as [string, string]];
  });
}

test.each(PAGES)('%s: links lead somewhere', (page) => {
  const dead = linksOf(page).filter(([file, heading]) => {
    const isThere = files.includes(file) || folders.includes(file);
    return !isThere || (heading !== '' && !headingsOf(file).includes(heading));
  });
  expect(dead).toEqual([]);
});
