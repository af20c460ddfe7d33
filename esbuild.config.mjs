// Builds dist/cert_rotation.js: `node esbuild.config.mjs`, or `-- --check` to compare instead of write.
import { readFileSync } from 'node:fs';
import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { basename } from 'node:path';
import { transform } from '@swc/core';
import { parse } from 'acorn';
import { build } from 'esbuild';
import ts from 'typescript';
import { readRooms, roomOf } from './rooms.mjs';

const OUT = 'dist/cert_rotation.js';

// From the lowest rank up: nothing is used before the file that declares it.
const ROOMS = readRooms().reverse();

/** @type {import('esbuild').BuildOptions} */
const COMMON = {
  bundle: true,
  write: false,
  format: 'esm',
  target: 'es2017',
  charset: 'utf8',
  external: ['fs', 'crypto'],
  // The headings of the cold half, which is bundled twice, are such comments meanwhile.
  legalComments: 'inline',
};

/**
 * The njs engine starts every handshake in a fresh clone of the VM, which runs the module's top level
 * again: each function declared there costs some 400 instructions, called or not. This plugin puts
 * everything behind src/warm.ts, and everything behind src/cold.ts, into one function each, run by the
 * first call of one of its exports.
 *
 * @type {import('esbuild').Plugin}
 */
const lazy = {
  name: 'lazy',
  setup(outer) {
    outer.onLoad({ filter: /[\\/]src[\\/](warm|cold)\.ts$/ }, async ({ path }) => ({
      // Lowered by itself, so that the helpers of the lowering are in the function as well.
      contents: wrap(
        basename(path, '.ts'),
        await lowered(withKeptHeadings(await bundled(path, '*'))),
      ),
      loader: 'js',
    }));
  },
};

/**
 * Bundles a module, with the files of each room together.
 *
 * @param {string} entry
 * @param {string} names what it exports, as after `export`
 * @param {import('esbuild').Plugin[]} [plugins]
 */
async function bundled(entry, names, plugins = []) {
  const options = { ...COMMON, plugins };
  const { metafile } = await build({ ...options, entryPoints: [entry], metafile: true });
  // esbuild writes modules in the order in which they are first imported.
  const files = Object.keys(metafile.inputs).sort();
  const ordered = ROOMS.flatMap((room) => files.filter((file) => roomOf(ROOMS, file) === room));
  const lost = files.filter((file) => !ordered.includes(file));
  if (lost.length > 0) throw new Error(`In no room of ARCHITECTURE.md: ${lost.join(', ')}`);
  const imports = ordered.map((file) => `import './${file}';\n`).join('');
  const contents = `${imports}export ${names} from '${entry}';`;
  const stdin = { contents, resolveDir: import.meta.dirname };
  const { outputFiles } = await build({ ...options, stdin });
  const file = outputFiles?.[0];
  if (!file) throw new Error('esbuild made no output');
  return file.text;
}

/**
 * Has esbuild keep the lines that say which file comes next.
 *
 * @param {string} code as esbuild bundles it
 */
function withKeptHeadings(code) {
  return code.replace(/^\/\/ (?=src\/)/gm, '//! ');
}

/**
 * Turns an ES module into one function that holds its body, and a stub for each export.
 *
 * @param {string} half what to call it: `cold` has its functions in what `start_cold` returns
 * @param {string} code an ES module as esbuild bundles it: imports, body, one export list
 */
function wrap(half, code) {
  let imports = '';
  let body = '';
  /** @type {string[]} */
  const names = [];
  let at = 0;
  for (const node of parse(code, { ecmaVersion: 2017, sourceType: 'module' }).body) {
    if (node.type === 'ImportDeclaration') {
      imports += code.slice(node.start, node.end) + '\n';
    } else if (node.type === 'ExportNamedDeclaration') {
      for (const { exported } of node.specifiers) {
        if (exported.type === 'Identifier') names.push(exported.name);
      }
    } else {
      continue;
    }
    body += code.slice(at, node.start);
    at = node.end;
  }
  body += code.slice(at);
  const stubs = names.map(
    (name) =>
      `export function ${name}(a, b, c, d, e) { return (${half} || (${half} = start_${half}())).${name}(a, b, c, d, e); }`,
  );
  return `${imports}
    let ${half};
    ${stubs.join('\n')}
    function start_${half}() {
      ${body}
      return { ${names.join(', ')} };
    }`;
}

async function bundle() {
  /** @type {unknown} */
  const manifest = JSON.parse(await readFile('package.json', 'utf8'));
  const { name, version, license, repository } =
    /** @type {{ name: string, version: string, license: string, repository: { url: string } }} */ (
      manifest
    );
  const url = repository.url.replace(/^git\+|\.git$/g, '');
  const code = await lowered(await bundled('./src/index.ts', '{ default }', [lazy]));
  return `/*! ${name} ${version} | ${license} | ${url} */\n${withMap(withDocs(code))}`;
}

/** A line that says which file comes next. */
const HEADING = /^( *)\/\/!? (src\/\S+)$/gm;

/**
 * Writes a list of the rooms above the code, and a line above each of them.
 *
 * @param {string} code
 */
function withMap(code) {
  /** @type {string[]} */
  const map = [];
  /** @type {string | undefined} */
  let before;
  const headed = code.replace(
    HEADING,
    (_, /** @type {string} */ indent, /** @type {string} */ file) => {
      const { name = '', duty = '' } = roomOf(ROOMS, file) ?? {};
      const isNew = name !== before;
      before = name;
      if (isNew) map.push(`//   ${`${indent}${name}`.padEnd(18)}${duty}\n`);
      return `${isNew ? `\n${indent}// ======== ${name}: ${duty}\n` : ''}${indent}// ${file}`;
    },
  );
  return `//
// The rooms of this file, in their order; src/ has the same ones. The indented ones are in start_warm() and
// start_cold(), which a handshake that is served a fresh version does not call.
//
${map.join('')}//
${headed}`;
}

/**
 * Puts the comments of src/ above the functions that other files call: esbuild drops them.
 *
 * @param {string} code
 */
function withDocs(code) {
  /** @type {{ file: string, at: number }[]} */
  const headings = [...code.matchAll(HEADING)].map(({ 2: file = '', index: at }) => ({ file, at }));
  const top = parse(code, { ecmaVersion: 2017, sourceType: 'module' }).body;
  const functions = top
    .flatMap((node) => (node.type === 'FunctionDeclaration' ? [node, ...node.body.body] : []))
    .filter((node) => node.type === 'FunctionDeclaration')
    .sort((a, b) => b.start - a.start);
  return functions.reduce((text, { start, id }) => {
    const file = headings.findLast(({ at }) => at < start)?.file;
    const doc = file && docOf(file, id.name);
    if (!doc) return text;
    const indent = ' '.repeat(start - text.lastIndexOf('\n', start) - 1);
    return `${text.slice(0, start)}${doc.replaceAll('\n', `\n${indent}`)}\n${indent}${text.slice(start)}`;
  }, code);
}

/** @type {Record<string, ts.SourceFile>} */
const sources = {};

/**
 * The comment above a function that a file exports.
 *
 * @param {string} file
 * @param {string} name what esbuild calls it: a number is added where another one has the name
 */
function docOf(file, name) {
  const source = (sources[file] ??= ts.createSourceFile(
    file,
    readFileSync(file, 'utf8'),
    ts.ScriptTarget.Latest,
  ));
  const { text } = source;
  const found = source.statements.find(
    (node) =>
      ts.isFunctionDeclaration(node) &&
      node.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) &&
      [name, name.replace(/\d+$/, '')].includes(node.name?.text ?? ''),
  );
  const comment = found && ts.getLeadingCommentRanges(text, found.pos)?.at(-1);
  return comment && text.startsWith('/**', comment.pos) ? text.slice(comment.pos, comment.end) : '';
}

/**
 * esbuild bundles, but does not lower `const` or `async` to ES5.
 *
 * @param {string} code an ES module
 */
async function lowered(code) {
  const es5 = await transform(code, {
    jsc: { target: 'es5', parser: { syntax: 'ecmascript' } },
    isModule: true,
    configFile: false,
    swcrc: false,
  });
  return es5.code;
}

const code = await bundle();
if (process.argv.includes('--check')) {
  if ((await readFile(OUT, 'utf8').catch(() => '')) !== code) {
    console.error(`${OUT} is not what src/ builds: run "npm run build" and commit the result.`);
    process.exit(1);
  }
  console.log(`${OUT} is what src/ builds.`);
} else {
  await mkdir('dist', { recursive: true });
  await writeFile(OUT, code);
  console.log(`${OUT}: ${(code.length / 1024).toFixed(1)} KiB`);
}
