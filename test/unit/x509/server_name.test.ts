import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { normalise, normaliseWithWildcard, wildcardOf } from '../../../src/x509/server_name.js';

const CHARSET = /^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/;

/** A name of this many characters, in labels of at most 63. */
function nameOfLength(length: number): string {
  return 'abc.'.repeat(64).slice(0, length - 1) + 'x';
}

const name = fc
  .array(fc.stringMatching(/^[a-z0-9_-]{1,12}$/), { minLength: 1, maxLength: 6 })
  .map((labels) => labels.join('.'));

/** Text that is nearly a name, and text that is nothing like one. */
const text = fc.oneof(
  name,
  fc.string({ unit: 'binary' }),
  fc.string({ unit: fc.constantFrom('a', 'Z', '9', '-', '_', '.', '..', '/', '\\', '*', '\0') }),
);

describe('normalise', () => {
  test.each<[string, string]>([
    ['a.example', 'a.example'],
    ['A.Example.COM', 'a.example.com'],
    ['a.example.', 'a.example'],
    ['localhost', 'localhost'],
    ['_sip._tcp.example', '_sip._tcp.example'],
    ['xn--bcher-kva.example', 'xn--bcher-kva.example'],
    ['192.0.2.1', '192.0.2.1'],
  ])('%j is the name %j', (written, expected) => {
    expect(normalise(written)).toBe(expected);
  });

  test.each([
    ...['', '.', '..', '.a', 'a..', 'a..b', '../certs/x', 'a/b', 'a\\b', '/etc/passwd', '%2e%2e'],
    ...[
      '*',
      '*.example',
      'a b',
      ' a',
      'a ',
      'a\n',
      'a\0',
      'a\0.example',
      'a:443',
      '[::1]',
      '#clear',
    ],
    ...['bücher.example', 'İ.example', 'a\u3002example', '{name}', '__proto__:'],
  ])('%j is no name', (written) => {
    expect(normalise(written)).toBe('');
  });

  test('any text gives a name that is lower-case and cannot lead out of a folder, or none', () => {
    fc.assert(
      fc.property(text, (written) => {
        const result = normalise(written);
        if (result === '') return;
        expect(result).toMatch(CHARSET);
        expect(result).not.toContain('..');
        expect(result).not.toContain('/');
        expect(result.length).toBeLessThanOrEqual(253);
      }),
      { numRuns: 1000 },
    );
  });

  test('a name stays as it is, in any case and with or without one trailing dot', () => {
    fc.assert(
      fc.property(
        name,
        fc.infiniteStream(fc.boolean()),
        fc.boolean(),
        (plain, isUpper, isDotted) => {
          const written = Array.from(plain, (char) =>
            isUpper.next().value ? char.toUpperCase() : char,
          ).join('');
          expect(normalise(written + (isDotted ? '.' : ''))).toBe(plain);
        },
      ),
    );
  });

  test('one other character makes it none', () => {
    const other = fc.string({ unit: 'binary-ascii', minLength: 1, maxLength: 1 });
    fc.assert(
      fc.property(name, fc.nat(), other, (plain, at, char) => {
        fc.pre(!/[a-z0-9_.-]/i.test(char));
        const middle = at % (plain.length + 1);
        expect(normalise(plain.slice(0, middle) + char + plain.slice(middle))).toBe('');
      }),
    );
  });

  test('twice is the same as once', () => {
    fc.assert(
      fc.property(text, (written) => {
        expect(normalise(normalise(written))).toBe(normalise(written));
      }),
    );
  });

  test('253 characters are the most, not counting a trailing dot', () => {
    expect(normalise(nameOfLength(253))).toBe(nameOfLength(253));
    expect(normalise(nameOfLength(253) + '.')).toBe(nameOfLength(253));
    expect(normalise(nameOfLength(254))).toBe('');
    expect(normalise(nameOfLength(254) + '.')).toBe('');
    expect(normalise(nameOfLength(253) + '..')).toBe('');
    expect(normalise('a'.repeat(1 << 20))).toBe('');
  });
});

describe('normaliseWithWildcard', () => {
  test.each<[string, string]>([
    ['*.example.com', '*.example.com'],
    ['*.Example.COM.', '*.example.com'],
    ['*.example', '*.example'],
    ['A.example.', 'a.example'],
  ])('%j is the name %j', (written, expected) => {
    expect(normaliseWithWildcard(written)).toBe(expected);
  });

  test.each([
    '*',
    '*.',
    '*..',
    '**.a',
    '*a.example',
    '*ab.example',
    'a.*.example',
    'a.*',
    '*.*.a',
    '*./a',
    '*.../a',
  ])('%j is no name', (written) => {
    expect(normaliseWithWildcard(written)).toBe('');
  });

  test('is normalise, but for a leading "*."', () => {
    fc.assert(
      fc.property(text, (written) => {
        fc.pre(!written.startsWith('*.'));
        expect(normaliseWithWildcard(written)).toBe(normalise(written));
      }),
    );
    fc.assert(
      fc.property(text, (written) => {
        const parent = normalise(written);
        expect(normaliseWithWildcard('*.' + written)).toBe(parent && '*.' + parent);
      }),
    );
  });

  test('253 characters are the most, with the "*."', () => {
    expect(normaliseWithWildcard('*.' + nameOfLength(251))).toBe('*.' + nameOfLength(251));
    expect(normaliseWithWildcard('*.' + nameOfLength(251) + '.')).toBe('*.' + nameOfLength(251));
    expect(normaliseWithWildcard('*.' + nameOfLength(252))).toBe('');
  });
});

describe('wildcardOf', () => {
  test('puts "*" in the place of the first label, and of no other', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z0-9_-]{1,12}$/), name, (label, parent) => {
        expect(wildcardOf(`${label}.${parent}`)).toBe(`*.${parent}`);
      }),
    );
  });

  test('a name of one label has none', () => {
    expect(wildcardOf('localhost')).toBe('');
  });

  test('of a normalised name is a normalised wildcard', () => {
    fc.assert(
      fc.property(text, (written) => {
        const wildcard = wildcardOf(normalise(written));
        expect(normaliseWithWildcard(wildcard)).toBe(wildcard);
      }),
    );
  });
});

test('a letter that is ASCII only in lower case is no part of a name', () => {
  // U+212A, the Kelvin sign.
  expect(normalise('\u212Aa.example')).toBe('');
});
