// Keeps the documents true: every block that can be pasted is run by a test, from the document itself.
//
// A block in ```text or ```console shows output. Every other block can be pasted, needs a language, and has one runner:
//
// - ```nginx: test/integration/guides/nginx_blocks.test.ts, for all pages. The words behind the language say where the block
//   goes: `nginx whole`, `main`, `http`, `server` (the one that speaks TLS), `location` (in that server), `admin` (the
//   server of the requests), `stream` or `stream-server`. All blocks under one heading are one configuration, so
//   that alternatives need headings of their own. A version, as in `nginx server 1.27.4`, is the oldest nginx that takes the block.
//   What a configuration lacks is added: the import, the zones, the listeners.
// - ```sh, ini, json, yaml, diff and all others: the page's own test, which has its name:
//   docs/etcd.md has test/integration/guides/etcd.test.ts, README.md readme.test.ts, nginx/README.md nginx.test.ts.
//   It calls `openPage('docs/etcd.md')` once, at the top, takes the blocks with `take` and runs them. The file fails where it
//   leaves one out. A page that needs no container has its test in test/unit/project. Blocks of another page, which come
//   first, are read with `readPage`; `startDebian` of debian.ts is a fresh machine to paste into.
//
// test/unit/project/documents.test.ts fails where a block has no runner.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Code, Nodes } from 'mdast';
import { fromMarkdown } from 'mdast-util-from-markdown';
import { toString } from 'mdast-util-to-string';
import { afterAll, expect } from 'vitest';

export const ROOT = resolve(import.meta.dirname, '../..');

/** Languages of blocks that nobody pastes. */
const OUTPUT = ['text', 'console'];
const RUNNER_FOLDERS = ['test/integration/guides', 'test/unit/project'];

/** Where a block of nginx can go. */
export const CONTEXTS = [
  ...['whole', 'main', 'http', 'server', 'location', 'admin'],
  ...['stream', 'stream-server'],
] as const;
export type Context = (typeof CONTEXTS)[number];

export interface Block {
  /** The document, from the top of the repository. */
  page: string;
  /** The heading above it; empty: there is none. */
  heading: string;
  /** Empty where the document names none. */
  language: string;
  /** What stands behind the language. */
  words: string[];
  line: number;
  text: string;
}

/** Blocks of a page that its test has to run. */
export interface Page {
  /** The blocks of a language, under one heading if that is given. Throws where there is none. */
  take: (language: string, heading?: string) => Block[];
  /** The same as one text. */
  takeText: (language: string, heading?: string) => string;
  /** What the blocks of nginx under a heading say, for a test that has a use of its own for them. */
  nginx: (heading: string) => string;
}

/** Every document of the repository, those that are not committed yet too. */
export const PAGES = execFileSync(
  'git',
  ['ls-files', '--cached', '--others', '--exclude-standard', '*.md'],
  { cwd: ROOT, encoding: 'utf8' },
)
  .split('\n')
  .filter((page) => page !== '' && existsSync(join(ROOT, page)));

export function parsePage(page: string): ReturnType<typeof fromMarkdown> {
  return fromMarkdown(readFileSync(join(ROOT, page), 'utf8'));
}

/** The nodes of a document in the order in which they stand. */
export function* walk(node: Nodes): Generator<Nodes> {
  yield node;
  if ('children' in node) for (const child of node.children) yield* walk(child);
}

/** The fenced blocks of a page that can be pasted. */
export function pasteableBlocks(page: string): Block[] {
  const blocks: Block[] = [];
  let heading = '';
  for (const node of walk(parsePage(page))) {
    if (node.type === 'heading') heading = toString(node);
    if (node.type === 'code') blocks.push(blockOf(node, page, heading));
  }
  return blocks.filter(({ language }) => !OUTPUT.includes(language));
}

function blockOf(node: Code, page: string, heading: string): Block {
  return {
    page,
    heading,
    language: node.lang ?? '',
    words: node.meta?.split(' ') ?? [],
    line: node.position?.start.line ?? 0,
    text: node.value,
  };
}

/** Every block of a language in all pages. */
export function blocksIn(language: string): Block[] {
  return PAGES.flatMap(pasteableBlocks).filter((block) => block.language === language);
}

/** Where a block of nginx goes; undefined: it does not say. */
export function contextOf({ words }: Block): Context | undefined {
  return CONTEXTS.find((context) => context === words[0]);
}

/** What is wrong with who runs a block; undefined: a test runs it. */
export function runnerFault(block: Block): string | undefined {
  const { page, language, line } = block;
  const at = `${page}:${line}`;
  if (language === '') return `${at}: the block has no language`;
  if (language === 'nginx')
    return contextOf(block) ? undefined : `${at}: say which of ${CONTEXTS.join(', ')} it is for`;
  const candidates = RUNNER_FOLDERS.map((folder) => `${folder}/${slugOf(page)}.test.ts`);
  return candidates.some((file) => opens(file, page))
    ? undefined
    : `${at}: no ${candidates.join(' or ')} opens the page`;
}

/** Whether a test file is there and has a page run. */
function opens(file: string, page: string): boolean {
  const path = join(ROOT, file);
  if (!existsSync(path)) return false;
  const text = readFileSync(path, 'utf8');
  return text.includes('openPage(') && text.includes(`'${page}'`);
}

function slugOf(page: string): string {
  const name = basename(page, '.md');
  const isIndex = name === 'README' && dirname(page) !== '.';
  return (isIndex ? basename(dirname(page)) : name).toLowerCase();
}

/** Opens a page for the test that runs its blocks; the test file fails if it does not take all. */
export function openPage(page: string): Page {
  const taken = new Set<Block>();
  const blocks = pasteableBlocks(page);
  afterAll(() => {
    const left = blocks.filter((block) => block.language !== 'nginx' && !taken.has(block));
    expect(left, `${page} has blocks that its test does not run`).toEqual([]);
  });
  return pageOf(page, blocks, (block) => taken.add(block));
}

/** The same for a test of another page, which goes on where this one ends. */
export function readPage(page: string): Page {
  return pageOf(page, pasteableBlocks(page), () => undefined);
}

function pageOf(page: string, blocks: Block[], note: (block: Block) => unknown): Page {
  function take(language: string, heading?: string): Block[] {
    const found = blocks.filter(
      (block) =>
        block.language === language && (heading === undefined || block.heading === heading),
    );
    if (found.length === 0)
      throw new Error(`${page} has no block of ${language} under "${heading ?? ''}"`);
    found.forEach(note);
    return found;
  }
  const takeText = (language: string, heading?: string): string =>
    take(language, heading)
      .map(({ text }) => `${text}\n`)
      .join('');
  return { take, takeText, nginx: (heading) => takeText('nginx', heading) };
}
