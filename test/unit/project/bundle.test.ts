import { readFileSync } from 'node:fs';
import {
  type FunctionDeclaration,
  type ImportDeclaration,
  type ModuleDeclaration,
  type Statement,
  parse,
} from 'acorn';
import { describe, expect, test } from 'vitest';
import { readRooms } from '../../../rooms.mjs';
import { readStages } from '../../../stages.mjs';

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

type Body = (Statement | ModuleDeclaration)[];

interface Stage {
  /** '' for the top level. */
  name: string;
  /** The stage that it is inside of. */
  outer: string;
  start: number;
  end: number;
  functions: string[];
}

function stagesIn(body: Body, stage: Omit<Stage, 'functions'>): Stage[] {
  const functions = body.filter((node) => node.type === 'FunctionDeclaration');
  const inner = functions.filter(({ id }) => id.name.startsWith('start_'));
  const own = functions.filter((node) => !inner.includes(node)).map(({ id }) => id.name);
  const startOf = ({ id, start, end, body }: FunctionDeclaration): Stage[] =>
    stagesIn(body.body, { name: id.name.slice('start_'.length), outer: stage.name, start, end });
  return [...inner.flatMap(startOf), { ...stage, functions: own }];
}

/** Those inside of others come before these. */
const stages = stagesIn(top, { name: '', outer: '', start: 0, end: code.length });

function functionsOf(stage: string): string[] {
  return stages.find(({ name }) => name === stage)?.functions ?? [];
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
  const head = code.slice(0, code.indexOf('\n\n'));
  const lines = [...head.matchAll(/^\/\/ {3,}(\S+) +(.*)$/gm)].map(([, ...entry]) => entry);
  const headings = [...code.matchAll(/^ *\/\/ =+ (\S+\/|\S+\.ts): (.*)$/gm)];

  test('by a list of the rooms, from the lowest rank up, and of the stages', () => {
    const listed = rooms.map(({ name, duty }) => [name, duty]).reverse();
    const made = readStages().map(({ name, duty }) => [`start_${name}()`, duty]);
    expect(lines).toEqual([...listed, ...made]);
    const named = new Map(headings.map(([, name, duty]) => [name, duty]));
    expect([...named].sort()).toEqual(listed.sort());
  });

  test('each room stands together, once in each stage', () => {
    const stageAt = (at: number): string =>
      stages.find(({ start, end }) => start < at && at < end)?.name ?? '';
    const places = headings.map(({ 1: name, index }) => `${stageAt(index)} ${name!}`);
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

test('has its stages inside of each other as ARCHITECTURE.md says', () => {
  const made = stages.filter(({ name }) => name).map(({ name, outer }) => ({ name, outer }));
  const listed = readStages().map(({ name, outer }) => ({ name, outer }));
  expect(made).toHaveLength(listed.length);
  expect(made).toEqual(expect.arrayContaining(listed));
});

test('has each function once', () => {
  const all = stages.flatMap(({ functions }) => functions);
  expect(all).toEqual([...new Set(all)]);
});

describe('costs a handshake little to load', () => {
  // Some 400 instructions each with the njs engine, of three million that a handshake takes.
  test('few functions at the top level', () => {
    expect(functionsOf('').length).toBeLessThan(13);
  });

  test('few functions for a look at the store', () => {
    expect(functionsOf('warm').length).toBeLessThan(25);
    expect(functionsOf('look').length).toBeLessThan(140);
  });

  test.each([
    ['warm', ['isMissing']],
    ['look', ['refreshSlot', 'checkFiles']],
    ['read', ['readPair', 'readCertificate', 'readBlocks']],
    ['scan', ['scanSlice']],
    ['etcd', ['catchUp', 'readHeader']],
    ['admin', ['expectAllowed', 'readBody', 'putThrough']],
  ])('the stage %s has %s, and no stage around it has', (stage, functions) => {
    expect(functionsOf(stage)).toEqual(expect.arrayContaining(functions));
  });

  test('the top level only declares: nothing is called, no regular expression made', () => {
    const statements = top.filter((node) => !isModuleSyntax(node));
    for (const node of statements) {
      expect(['FunctionDeclaration', 'VariableDeclaration']).toContain(node.type);
    }
    const made = statements
      .flatMap((node) => (node.type === 'VariableDeclaration' ? node.declarations : []))
      .flatMap(({ init }) =>
        init?.type === 'ObjectExpression'
          ? init.properties.map((one) => (one.type === 'Property' ? one.value.type : one.type))
          : (init?.type ?? []),
      );
    expect(new Set(made)).toEqual(new Set(['Identifier', 'FunctionExpression']));
  });
});
