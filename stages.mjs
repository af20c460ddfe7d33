// Divides the bundle into stages: see ARCHITECTURE.md, whose table of them this file reads.
import { readFileSync } from 'node:fs';
import { parse } from 'acorn';
import { analyze } from 'eslint-scope';

/**
 * @typedef {object} Stage
 * @property {string} name '' for the top level
 * @property {string} outer the stage that it is inside of
 * @property {string} duty
 * @property {{ name: string, file: string }[]} entries the functions that are called from outside of it
 */

/**
 * @typedef {object} Item a statement of the top level of a module
 * @property {number} start where its text begins
 * @property {number} end
 * @property {string} type of the statement, as ESTree has it
 * @property {string} file of src/ that it comes from; '' for a helper of the lowering
 * @property {string[]} names that it declares
 * @property {Use[]} uses the places where it uses what another item declares
 * @property {string} constant the text of the number or string that it gives a name to; '' where it is something else
 * @property {Stage | undefined} stage undefined for a constant
 * @property {boolean} isEntry
 */

/**
 * @typedef {object} Use
 * @property {string} name
 * @property {number} start
 * @property {number} end
 */

/** @type {Stage} */
export const TOP = { name: '', outer: '', duty: '', entries: [] };

const ROW = /^\| `(\w+)` \| (?:`(\w+)`|the top level) \| (.+?) \| (.+?) \|$/gm;
const ENTRY = /`(\w+)\(\)` in `([^`]+)`/g;

/**
 * Reads the table of stages in ARCHITECTURE.md.
 *
 * @param {string} [text] of ARCHITECTURE.md
 * @returns {Stage[]} in the order of the table: a stage comes after the one that it is inside of
 */
export function readStages(text = readFileSync('ARCHITECTURE.md', 'utf8')) {
  return [...text.matchAll(ROW)].map(([, name = '', outer = '', duty = '', entries = '']) => ({
    name,
    outer,
    duty,
    entries: [...entries.matchAll(ENTRY)].map(([, entry = '', file = '']) => ({
      name: entry,
      file,
    })),
  }));
}

/**
 * Divides a script into stages. An item is in the innermost stage around all stages that need it. An entry is in its own stage,
 * and calling it makes that stage first. A constant is in none: its value stands where it is used.
 *
 * @param {string} code ES5, but for `import` and `export`
 * @param {Stage[]} stages
 * @param {(at: number) => string} fileAt the file of src/ that the code at a place comes from
 * @returns {Item[]} in the order of the script
 */
export function divide(code, stages, fileAt) {
  const items = itemsOf(code, fileAt);
  const declaring = new Map(items.flatMap((item) => item.names.map((name) => [name, item])));
  const place = (/** @type {Item} */ item, /** @type {Stage} */ needing) => {
    const before = item.stage;
    item.stage = before ? around(stages, before, needing) : needing;
    if (item.stage === before) return;
    for (const { name } of item.uses) {
      const used = declaring.get(name);
      if (used && !used.isEntry && !used.constant) place(used, item.stage);
    }
  };
  const entries = stages.flatMap((stage) =>
    stage.entries.map((entry) => ({ item: entryItem(items, entry), stage })),
  );
  for (const { item, stage } of entries) place(item, stage);
  for (const item of items) if (item.type.startsWith('Export')) place(item, TOP);
  const lost = items.filter(({ stage, constant }) => !stage && !constant);
  if (lost.length > 0)
    throw new Error(`Nothing needs ${lost.flatMap(({ names }) => names).join(', ')}.`);
  return items;
}

/**
 * @param {Item[]} items
 * @param {{ name: string, file: string }} entry
 */
function entryItem(items, { name, file }) {
  // esbuild adds a number to a name that another file has as well.
  const named = new RegExp(`^${name}\\d*$`);
  const found = items.filter(
    (item) => item.file === file && item.names.some((one) => named.test(one)),
  );
  const [item] = found;
  if (!item || found.length > 1) throw new Error(`${file} has no function ${name} for a stage.`);
  item.isEntry = true;
  return item;
}

/**
 * The innermost stage around two.
 *
 * @param {Stage[]} stages
 * @param {Stage} a
 * @param {Stage} b
 */
function around(stages, a, b) {
  const outers = pathTo(stages, a);
  return pathTo(stages, b).findLast((stage) => outers.includes(stage)) ?? TOP;
}

/**
 * The stages around a stage, the top level first, and the stage itself.
 *
 * @param {Stage[]} stages
 * @param {Stage} stage
 * @returns {Stage[]}
 */
export function pathTo(stages, stage) {
  if (stage === TOP) return [TOP];
  const outer = stages.find(({ name }) => name === stage.outer) ?? TOP;
  return [...pathTo(stages, outer), stage];
}

/** The names that the build gives to what makes stages. */
const OWN_NAMES = /^(stages?|start_\w+)$/;

/** @type {{ ecmaVersion: 2017, sourceType: 'module' }} */
const SYNTAX = { ecmaVersion: 2017, sourceType: 'module' };

/**
 * The statements of a script, and what they need of each other.
 *
 * @param {string} code
 * @param {(at: number) => string} fileAt
 * @returns {Item[]}
 */
function itemsOf(code, fileAt) {
  const tree = parse(code, { ...SYNTAX, ranges: true });
  const items = tree.body.map((node) => ({
    ...{ start: node.start, end: node.end, type: node.type, file: fileAt(node.start) },
    names: /** @type {string[]} */ ([]),
    uses: /** @type {Use[]} */ ([]),
    constant: constantIn(node),
    ...{ stage: undefined, isEntry: false },
  }));
  const itemAt = (/** @type {number} */ at) =>
    items.find(({ start, end }) => start <= at && at < end);
  // The two libraries have types of their own for the same tree.
  const { scopes } = analyze(
    /** @type {import('estree').Program} */ (/** @type {unknown} */ (tree)),
    SYNTAX,
  );
  const taken = scopes.flatMap(({ variables }) => variables.map(({ name }) => name));
  const own = taken.find((name) => OWN_NAMES.test(name));
  if (own) throw new Error(`${own} is a name of the stages, and src/ uses it as well.`);
  const top = scopes.find(({ type }) => type === 'module');
  for (const { name, identifiers, references } of top?.variables ?? []) {
    const declaring = itemAt(rangeOf(identifiers[0])[0]);
    declaring?.names.push(name);
    if (declaring && references.some((one) => one.isWrite() && !one.init)) declaring.constant = '';
    for (const { identifier } of references) {
      const [start, end] = rangeOf(identifier);
      const using = itemAt(start);
      if (using !== declaring) using?.uses.push({ name, start, end });
    }
  }
  return items;
}

/**
 * @param {import('acorn').Statement | import('acorn').ModuleDeclaration} node a statement of code that was `const` before it was
 *   lowered
 */
function constantIn(node) {
  const only =
    node.type === 'VariableDeclaration' &&
    node.declarations.length === 1 &&
    node.declarations[0]?.init;
  const isConstant = only && only.type === 'Literal' && /^(number|string)$/.test(typeof only.value);
  return isConstant ? (only.raw ?? '') : '';
}

/**
 * @param {{ range?: [number, number] | undefined } | undefined} node
 * @returns {[number, number]}
 */
function rangeOf(node) {
  if (!node?.range) throw new Error('A node of the syntax tree has no range.');
  return node.range;
}
