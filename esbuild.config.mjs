// Builds dist/cert_rotation.js: `node esbuild.config.mjs`, or `-- --check` to compare instead of write.
import { readFileSync } from 'node:fs';
import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { transform } from '@swc/core';
import { build } from 'esbuild';
import ts from 'typescript';
import { readRooms, roomOf } from './rooms.mjs';
import { TOP, divide, pathTo, readStages } from './stages.mjs';

/** @typedef {import('./stages.mjs').Item} Item */
/** @typedef {import('./stages.mjs').Stage} Stage */

const INDEX = 'src/index.ts';
const OUT = 'dist/cert_rotation.js';

// From the lowest rank up: nothing is used before the file that declares it.
const ROOMS = readRooms().reverse();

const STAGES = readStages();

/** @type {import('esbuild').BuildOptions} */
const COMMON = {
  bundle: true,
  write: false,
  format: 'esm',
  target: 'es2017',
  charset: 'utf8',
  external: ['fs', 'crypto'],
};

/** Bundles src/, with the files of each room together. */
async function bundled() {
  const { metafile } = await build({ ...COMMON, entryPoints: [INDEX], metafile: true });
  // esbuild writes modules in the order in which they are first imported.
  const files = Object.keys(metafile.inputs).sort();
  const ordered = ROOMS.flatMap((room) => files.filter((file) => roomOf(ROOMS, file) === room));
  const lost = files.filter((file) => !ordered.includes(file));
  if (lost.length > 0) throw new Error(`In no room of ARCHITECTURE.md: ${lost.join(', ')}`);
  const imports = ordered.map((file) => `import './${file}';\n`).join('');
  const contents = `${imports}export { default } from './${INDEX}';`;
  const stdin = { contents, resolveDir: import.meta.dirname };
  const { outputFiles } = await build({ ...COMMON, stdin });
  const file = outputFiles?.[0];
  if (!file) throw new Error('esbuild made no output');
  return file.text;
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

async function bundle() {
  /** @type {unknown} */
  const manifest = JSON.parse(await readFile('package.json', 'utf8'));
  const { name, version, license, repository } =
    /** @type {{ name: string, version: string, license: string, repository: { url: string } }} */ (
      manifest
    );
  const url = repository.url.replace(/^git\+|\.git$/g, '');
  const code = await lowered(await bundled());
  const items = divide(code, STAGES, fileIn(code));
  const moduleSyntax = (/** @type {string} */ kind) =>
    items
      .filter(({ type }) => type.startsWith(kind))
      .map(({ start, end }) => `${code.slice(start, end)}\n`)
      .join('');
  return `/*! ${name} ${version} | ${license} | ${url} */
//
${mapOf()}${moduleSyntax('Import')}${printed(code, items, TOP)}${moduleSyntax('Export')}`;
}

/**
 * Tells which file of src/ a place comes from, by the lines that esbuild writes above each file's code.
 *
 * @param {string} code
 */
function fileIn(code) {
  const headings = [...code.matchAll(/^\/\/ (src\/\S+)$/gm)];
  return (/** @type {number} */ at) => headings.findLast(({ index }) => index < at)?.[1] ?? '';
}

/** @param {Stage} stage */
function insideOf(stage) {
  return STAGES.filter(({ outer }) => outer === stage.name);
}

/** Lists the rooms and the stages, in lines of comment. */
function mapOf() {
  const line = (/** @type {string} */ name, /** @type {string} */ duty) =>
    `//   ${name.padEnd(28)} ${duty}\n`;
  return `// The rooms of src/, in their order:
//
${ROOMS.map(({ name, duty }) => line(name, duty)).join('')}//
// Each has its functions that every handshake needs at the top level, and the others in stages. A stage is a function that
// declares others: stage() calls it once, when one of them is needed for the first time.
//
${STAGES.map((one) => line(`${'  '.repeat(pathTo(STAGES, one).length - 2)}${startOf(one)}()`, one.duty)).join('')}//
`;
}

/**
 * Prints what a stage declares, and the stages inside of it.
 *
 * @param {string} code
 * @param {Item[]} items
 * @param {Stage} stage
 * @returns {string}
 */
function printed(code, items, stage) {
  let room = '';
  let file = '';
  let text = '';
  for (const item of items) {
    if (item.stage !== stage || !/^(Function|Variable)/.test(item.type)) continue;
    const { name = '', duty = '' } = roomOf(ROOMS, item.file) ?? {};
    if (name && name !== room) text += `\n// ======== ${name}: ${duty}\n`;
    if (file !== item.file) text += `// ${item.file}\n`;
    room = name;
    file = item.file;
    const doc = file && item.type === 'FunctionDeclaration' ? docOf(file, item.names[0] ?? '') : '';
    text += `${doc && `${doc}\n`}${textOf(code, items, item, stage)}\n`;
  }
  return `${text}\n${stage === TOP ? makerOfStages() : endOf(items, stage)}${insideOf(stage)
    .map((inner) => startPrinted(code, items, inner))
    .join('')}`;
}

/**
 * Prints the function that makes a stage. Its body is not indented: QuickJS keeps the source of each function with it, so that
 * each stage has that of those inside it once more.
 *
 * @param {string} code
 * @param {Item[]} items
 * @param {Stage} stage
 */
function startPrinted(code, items, stage) {
  const body = printed(code, items, stage);
  return `/** Made for ${stage.duty}. */\nfunction ${startOf(stage)}() {\n${body}}\n`;
}

/** @param {Stage} stage */
function startOf({ name }) {
  return `start_${name}`;
}

/** The function that all stages are made by. */
function makerOfStages() {
  const starts = insideOf(TOP).map(startOf);
  const outers = STAGES.filter(({ outer }) => outer)
    .map(({ name, outer }) => `name === "${name}" ? "${outer}" :\n            `)
    .join('');
  return `// ======== The stages
var stages;
/** The entries of a stage. It is made at the first call, after the stage that it is inside of. */
function stage(name) {
    if (!stages) stages = { ${starts.map((start) => `${start}: ${start}`).join(', ')} };
    if (!stages[name]) {
        var start = "start_" + name;
        if (!stages[start]) stage(
            ${outers}"");
        stages[name] = stages[start]();
    }
    return stages[name];
}
`;
}

/**
 * The end of the function that makes a stage.
 *
 * @param {Item[]} items
 * @param {Stage} stage
 */
function endOf(items, stage) {
  const starts = insideOf(stage).map((inner) => `stages.${startOf(inner)} = ${startOf(inner)};\n`);
  const entries = items
    .filter((item) => item.isEntry && item.stage === stage)
    .map(({ names }) => names[0]);
  return `${starts.join('')}return {\n${entries.map((name) => `    ${name}: ${name}`).join(',\n')}\n};\n`;
}

/**
 * The text of an item, with the constants that it uses, and with the entries that it calls taken from their stages.
 *
 * @param {string} code
 * @param {Item[]} items
 * @param {Item} item
 * @param {Stage} stage the item's
 */
function textOf(code, items, item, stage) {
  let text = '';
  let at = item.start;
  for (const use of item.uses.toSorted((a, b) => a.start - b.start)) {
    const used = items.find(({ names }) => names.includes(use.name));
    text += code.slice(at, use.start) + (used ? useOf(code, item, stage, used, use) : use.name);
    at = use.end;
  }
  return text + code.slice(at, item.end);
}

/**
 * @param {string} code
 * @param {Item} item
 * @param {Stage} stage the item's
 * @param {Item} used what `item` uses
 * @param {import('./stages.mjs').Use} use where
 */
function useOf(code, item, stage, used, { name, end }) {
  if (used.constant) return `${used.constant} /* ${name} */`;
  const inner = used.isEntry && used.stage;
  if (!inner || pathTo(STAGES, stage).includes(inner)) return name;
  const entry = `stage("${inner.name}").${name}`;
  if (code.charAt(end) === '(') return entry;
  if (item.file !== INDEX) throw new Error(`${item.file}: ${name} is used as a value.`);
  // nginx calls a handler with one argument.
  return `function(r) {\n        return ${entry}(r);\n    }`;
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
