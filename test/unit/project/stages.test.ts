import { describe, expect, test } from 'vitest';
import { divide, readStages, type Stage } from '../../../stages.mjs';

// How the build divides a bundle. That dist/ is divided so, bundle.test.ts says.

const FILE = 'src/some.ts';

function listed(name: string, outer: string, ...entries: string[]): Stage {
  return { name, outer, duty: '', entries: entries.map((entry) => ({ name: entry, file: FILE })) };
}

const STAGES = [
  listed('look', '', 'resolve'),
  listed('sweep', 'look', 'sweep'),
  listed('read', 'look', 'read'),
  listed('admin', 'read', 'admin'),
];

/** The stage of each name that a script declares; '' for the top level. */
function stagesOf(code: string): Record<string, string | undefined> {
  const items = divide(`${code}\nexport { hot as default };`, STAGES, () => FILE);
  return Object.fromEntries(
    items.flatMap(({ names, stage }) => names.map((name) => [name, stage?.name])),
  );
}

const ENTRIES = `
  function hot() { resolve(); admin(); }
  function resolve() { read(); sweep(); }
  function sweep() {}
  function read() {}
  function admin() {}`;

describe('divide', () => {
  test('puts an entry into its own stage, whatever calls it', () => {
    expect(stagesOf(ENTRIES)).toEqual({
      hot: '',
      resolve: 'look',
      sweep: 'sweep',
      read: 'read',
      admin: 'admin',
    });
  });

  test.each([
    ['one stage, into that one', 'sweep', ['sweep']],
    ['a stage and one inside of it, into the outer one', 'read', ['admin', 'read']],
    ['two stages side by side, into the one around both', 'look', ['sweep', 'admin']],
    ['a stage and the top level, into the top level', '', ['admin', 'hot']],
  ])('puts a function that is needed in %s', (_, where, needing) => {
    const calls = needing.map((name) => [`${name}() {`, `${name}() { own();`]);
    const code = calls.reduce((text, [from = '', to = '']) => text.replace(from, to), ENTRIES);
    const all = stagesOf(`${code} function own() { further(); } function further() {}`);
    expect(all).toMatchObject({ own: where, further: where });
  });

  test('has a variable once, where all that use it can see it', () => {
    const code = ENTRIES.replace('sweep() {}', 'sweep() { count++; }')
      .replace('read() {}', 'read() { return count; }')
      .concat('var count = start(); function start() { return 1; }');
    expect(stagesOf(code)).toMatchObject({ count: 'look', start: 'look' });
  });

  test('takes a local variable for what it is', () => {
    const code = ENTRIES.replace('hot() {', 'hot(own) { own();').replace(
      'admin() {}',
      'admin() { own(); }',
    );
    expect(stagesOf(`${code} function own() {}`)).toMatchObject({ own: 'admin' });
  });

  test.each([
    ['var LIMIT = 5;', '5'],
    ['var NAME = "a";', '"a"'],
    ['var LIMIT = 5; function hot2() { LIMIT = 6; }', ''],
    ['var LIST = [];', ''],
    ['var BOTH = 5, OTHER = 6;', ''],
  ])('takes a name for a number or a string for a constant: %s', (declaration, constant) => {
    const use = declaration.includes('hot2') ? 'hot2(); LIMIT;' : `${declaration.split(' ')[1]!};`;
    const code = `${declaration} ${ENTRIES.replace('hot() {', `hot() { ${use}`)} export { hot as default };`;
    expect(divide(code, STAGES, () => FILE)[0]).toMatchObject({ constant });
  });

  test('refuses an entry that is not there, code that nothing needs, and its own names', () => {
    expect(() => stagesOf(ENTRIES.replace('function sweep', 'function other'))).toThrow('sweep');
    expect(() => stagesOf(`${ENTRIES} function lost() {}`)).toThrow('Nothing needs lost');
    expect(() => stagesOf(ENTRIES.replace('hot() {', 'hot(stage) {'))).toThrow('stage');
  });
});

test('readStages reads the entries of each stage', () => {
  const row = '| `admin` | `read` | requests | `a()` in `src/a.ts`, `b()` in `src/b.ts` |\n';
  expect(
    readStages(`${row}| \`look\` | the top level | a look | \`c()\` in \`src/c.ts\` |`),
  ).toEqual([
    {
      name: 'admin',
      outer: 'read',
      duty: 'requests',
      entries: [
        { name: 'a', file: 'src/a.ts' },
        { name: 'b', file: 'src/b.ts' },
      ],
    },
    { name: 'look', outer: '', duty: 'a look', entries: [{ name: 'c', file: 'src/c.ts' }] },
  ]);
});
