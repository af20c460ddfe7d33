import { readFileSync } from 'node:fs';
import { type ImportDeclaration, type ModuleDeclaration, type Statement, parse } from 'acorn';
import { describe, expect, test } from 'vitest';
import { readRooms } from '../../../rooms.mjs';

// What dist/cert_rotation.js is, whatever src/ says. That the one is built from the other, the build's --check tells.

const BUNDLE = new URL('../../../dist/cert_rotation.js', import.meta.url);

const code = readFileSync(BUNDLE, 'utf8');
const top = parse(code, { ecmaVersion: 2020, sourceType: 'module' }).body;

const HANDLERS = [
  'admin',
  'clear_cache',
  'clear_stream',
  'delete_cert',
  'follow',
  'js_cert',
  'js_cert_rsa',
  'js_key',
  'js_key_rsa',
  'js_pair',
  'js_pair_rsa',
  'list_certs',
  'metrics',
  'put_cert',
  'scan',
];

const isModuleSyntax = (node: Statement | ModuleDeclaration): node is ModuleDeclaration =>
  node.type.startsWith('Import') || node.type.startsWith('Export');

/** The functions that make what a handshake with a fresh version does not need. */
const halves = ['start_warm', 'start_cold'].map((name) => {
  const found = top.find((node) => node.type === 'FunctionDeclaration' && node.id.name === name);
  if (found?.type !== 'FunctionDeclaration') throw new Error(`no function ${name}`);
  return found;
});

function functionNames(nodes: typeof top): string[] {
  return nodes.flatMap((node) => (node.type === 'FunctionDeclaration' ? [node.id.name] : []));
}

test('is ES5, but for import and export', () => {
  let script = code;
  for (const { start, end } of top.filter(isModuleSyntax)) {
    script = script.slice(0, start) + ' '.repeat(end - start) + script.slice(end);
  }
  expect(() => parse(script, { ecmaVersion: 5, sourceType: 'script' })).not.toThrow();
});

test('begins with its name, version, licence and home', () => {
  const manifest = JSON.parse(
    readFileSync(new URL('../../../package.json', import.meta.url), 'utf8'),
  ) as { name: string; version: string; license: string; repository: { url: string } };
  const { name, version, license, repository } = manifest;
  const banner = code.slice(0, code.indexOf('\n'));
  expect(banner).toMatch(/^\/\*! .* \*\/$/);
  for (const part of [name, version, license, repository.url.replace(/^git\+|\.git$/g, '')]) {
    expect(banner).toContain(part);
  }
});

describe('shows an operator where things are', () => {
  const rooms = readRooms();
  const headings = [...code.matchAll(/^ *\/\/ =+ (\S+): (.*)$/gm)].map(([, ...heading]) => heading);

  test('by a map of its rooms, in the order in which they come', () => {
    const head = code.slice(0, code.indexOf('\n\n'));
    const map = [...head.matchAll(/^\/\/ {3,}(\S+) +(.*)$/gm)].map(([, ...entry]) => entry);
    expect(map).toEqual(headings);
    const listed = rooms.map(({ name, duty }) => [name, duty]);
    expect(map).toEqual(expect.arrayContaining(listed));
    expect(listed).toEqual(expect.arrayContaining(map));
  });

  test('each room stands together, once at the top level and once in each half', () => {
    const halfAt = (at: number): string =>
      halves.find(({ start, end }) => start < at && at < end)?.id.name ?? '';
    const places = [...code.matchAll(/^ *\/\/ =+ (\S+):/gm)].map(
      ({ 1: name, index }) => `${halfAt(index)} ${name!}`,
    );
    expect(places).toEqual([...new Set(places)]);
  });

  test('by a line above each file of src/', () => {
    const named = [...code.matchAll(/^ *\/\/ src\/(\S+)$/gm)].map(([, file]) => file);
    const files = rooms.flatMap(({ name, files: own }) =>
      name.endsWith('/') ? own.map((file) => `${name}${file}.ts`) : [name],
    );
    expect([...new Set(named)].sort()).toEqual(files.sort());
  });

  test.each(HANDLERS)('by a comment above %s', (handler) => {
    expect(code).toMatch(new RegExp(`\\*/\\n *function ${handler}\\d*\\(`));
  });
});

test('has a default export and no other, with the handlers of the contract', async () => {
  const module = (await import(BUNDLE.href)) as Record<string, Record<string, unknown>>;
  expect(Object.keys(module)).toEqual(['default']);
  const handlers = module['default']!;
  expect(Object.keys(handlers).sort()).toEqual(HANDLERS);
  for (const handler of Object.values(handlers)) expect(handler).toBeTypeOf('function');
});

test('imports nothing that njs does not have', () => {
  const sources = top
    .filter((node): node is ImportDeclaration => node.type === 'ImportDeclaration')
    .map((node) => node.source.value);
  expect(['fs', 'crypto']).toEqual(expect.arrayContaining(sources));
});

describe('costs a handshake little to load', () => {
  test('few functions at the top level', () => {
    // Some 400 instructions each with the njs engine, of three million that a handshake takes.
    expect(functionNames(top).length).toBeLessThan(48);
  });

  test('what reads certificates is in a function that is run when it is needed', () => {
    const cold = ['readPair', 'readCertificate', 'readBlocks', 'checkFiles', 'refreshSlot'];
    const [warmHalf, coldHalf] = halves.map(({ body }) => functionNames(body.body));
    expect(coldHalf).toEqual(expect.arrayContaining(cold));
    expect(warmHalf).toContain('isMissing');
    const early = [...functionNames(top), ...warmHalf!];
    expect(early.filter((name) => cold.includes(name))).toEqual([]);
  });

  test('the top level only declares: nothing is called, no regular expression made', () => {
    const statements = top.filter((node) => !isModuleSyntax(node));
    for (const node of statements) {
      expect(['FunctionDeclaration', 'VariableDeclaration']).toContain(node.type);
    }
    const variables = statements.filter((node) => node.type === 'VariableDeclaration');
    const text = variables.map(({ start, end }) => code.slice(start, end)).join('\n');
    expect(text).not.toMatch(/[(/]/);
  });
});
