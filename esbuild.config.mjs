// Builds dist/cert_rotation.js: `node esbuild.config.mjs`, or `-- --check` to compare instead of write.
import { readFile, writeFile, mkdir } from 'node:fs/promises';
import { transform } from '@swc/core';
import { parse } from 'acorn';
import { build } from 'esbuild';

const OUT = 'dist/cert_rotation.js';

/** @type {import('esbuild').BuildOptions} */
const COMMON = {
  bundle: true,
  write: false,
  format: 'esm',
  target: 'es2017',
  charset: 'utf8',
  external: ['fs', 'crypto'],
  legalComments: 'none',
};

/**
 * The njs engine starts every handshake in a fresh clone of the VM, which runs the module's top level
 * again: each function declared there costs some 400 instructions, called or not. This plugin puts
 * everything behind src/cold.ts into one function, run by the first call of one of its exports.
 *
 * @type {import('esbuild').Plugin}
 */
const lazyCold = {
  name: 'lazy-cold',
  setup(outer) {
    outer.onLoad({ filter: /[\\/]src[\\/]cold\.ts$/ }, async ({ path }) => ({
      // Lowered by itself, so that the helpers of the lowering are in the function as well.
      contents: wrap(await lowered(await bundled({ ...COMMON, entryPoints: [path] }))),
      loader: 'js',
    }));
  },
};

/** @param {import('esbuild').BuildOptions} options */
async function bundled(options) {
  const { outputFiles } = await build(options);
  const file = outputFiles?.[0];
  if (!file) throw new Error('esbuild made no output');
  return file.text;
}

/**
 * Turns an ES module into one function that holds its body, and a stub for each export.
 *
 * @param {string} code an ES module as esbuild bundles it: imports, body, one export list
 */
function wrap(code) {
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
    (name) => `export function ${name}(a, b) { return (cold || (cold = start())).${name}(a, b); }`,
  );
  return `${imports}
    let cold;
    ${stubs.join('\n')}
    function start() {
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
  const code = await bundled({ ...COMMON, entryPoints: ['src/index.ts'], plugins: [lazyCold] });
  return `/*! ${name} ${version} | ${license} | ${url} */\n${await lowered(code)}`;
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
