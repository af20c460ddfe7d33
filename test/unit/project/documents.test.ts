import { readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import {
  PAGES,
  parsePage,
  pasteableBlocks,
  ROOT,
  runnerFault,
  walk,
} from '../../support/documents.js';

const textOf = (page: string): string => readFileSync(join(ROOT, page), 'utf8');

test('there are pages, and blocks in them', () => {
  expect(PAGES).toContain('README.md');
  expect(PAGES.flatMap(pasteableBlocks).length).toBeGreaterThan(80);
});

test.each(PAGES)('%s: each block that can be pasted is run by a test', (page) => {
  const faults = pasteableBlocks(page).map(runnerFault);
  expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
});

test('the index has every page of its folder, once', () => {
  const listed = [...textOf('docs/README.md').matchAll(/^\| \[([\w-]+\.md)\]\(\1\)/gm)].map(
    ([, name]) => name,
  );
  const pages = PAGES.filter((page) => dirname(page) === 'docs' && page !== 'docs/README.md');
  expect([...listed].sort()).toEqual(pages.map((page) => basename(page)).sort());
});

test('the README can be read in one go', () => {
  expect(textOf('README.md').split('\n').length).toBeLessThanOrEqual(301);
});

test('CONTRIBUTING.md has the commands that there are, and no other', () => {
  const { scripts } = JSON.parse(textOf('package.json')) as { scripts: object };
  const named = [...walk(parsePage('CONTRIBUTING.md'))].map((node) =>
    node.type === 'inlineCode' ? /\bnpm (?:run )?([\w:]+)/.exec(node.value)?.[1] : undefined,
  );
  const commands = new Set(named.filter((name) => name !== undefined));
  expect([...commands].sort()).toEqual(Object.keys(scripts).sort());
});
