import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { RecordMeta } from '../../../src/zone/meta.js';
import {
  STALE_TOKEN,
  readMeta,
  holdsPair,
  isCleared,
  isFresh,
  isServable,
  withCheckedAt,
  makeRecord,
  partOf,
  pemOf,
  markStale,
  withCheckedNow,
  withMeta,
} from '../../../src/zone/record.js';
import { type Pem } from '../../../src/x509/pem.js';
import { FIRST_TOKEN } from '../../../src/zone/clear_token.js';

const NOW = Date.UTC(2026, 0, 1);
const INTERVAL = 10_000;
const TOKEN = 'mabcdefg1234';
const OTHER_TOKEN = 'mabcdefg1235';

// Before the record below is made, at this time.
vi.useFakeTimers({ now: NOW, toFake: ['Date'] });

beforeEach(() => {
  vi.setSystemTime(NOW);
});

afterAll(() => {
  vi.useRealTimers();
});

function pemBlock(label: string, body: string): string {
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

const PEM: Pem = { chain: pemBlock('CERTIFICATE', 'AQ=='), key: pemBlock('PRIVATE KEY', 'Ag==') };
const FACTS: RecordMeta = { source: 'disk', files: '1:2:3:4:5', notAfter: 1, loadedAt: 2 };
const RECORD = makeRecord(TOKEN, FACTS, PEM);

const freeText = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string({
    unit: fc.constantFrom(
      '\n',
      '\r',
      '"',
      '\\',
      '{',
      '}',
      '\0',
      '\u2028',
      '\ud800',
      'é',
      '😀',
      '-----',
    ),
  }),
);

const meta: fc.Arbitrary<RecordMeta> = fc.record(
  {
    source: fc.constant('disk' as const),
    files: freeText,
    notAfter: fc.nat(),
    loadedAt: fc.nat(),
    problem: fc.record({ code: freeText, detail: freeText }),
  },
  { requiredKeys: ['source', 'files', 'notAfter', 'loadedAt'] },
);

const body = fc.base64String({ minLength: 4, maxLength: 400 });
const pem: fc.Arbitrary<Pem> = fc.record({
  chain: fc
    .array(body, { minLength: 1, maxLength: 4 })
    .map((bodies) => bodies.map((text) => pemBlock('CERTIFICATE', text)).join('')),
  key: body.map((text) => pemBlock('PRIVATE KEY', text)),
});

const token = fc.stringMatching(/^[0-9a-z]{12}$/);

const record = fc
  .tuple(token, meta, fc.option(pem))
  .map(([current, known, held]) => makeRecord(current, known, held));

/** A record in which one stretch, often in the header, is replaced by something else. */
const mutated = fc
  .tuple(record, fc.oneof(fc.nat(40), fc.nat(2000)), fc.nat(40), freeText)
  .map(([text, at, length, other]) => text.slice(0, at) + other + text.slice(at + length));

const anyText = fc.oneof(freeText, mutated, record);
const interval = fc.constantFrom(0, 1, INTERVAL);

/** What a record holds, apart from its token and the time it was looked at. */
function contentsOf(text: string): object {
  return {
    meta: readMeta(text),
    chain: partOf(text, 'chain'),
    key: partOf(text, 'key'),
    pem: pemOf(text),
  };
}

describe('a record', () => {
  test('gives back the meta and the pair it was made of, whatever text is in them', () => {
    fc.assert(
      fc.property(token, meta, pem, (current, known, pair) => {
        const text = makeRecord(current, known, pair);
        expect(readMeta(text)).toEqual(known);
        expect(partOf(text, 'chain')).toBe(pair.chain);
        expect(partOf(text, 'key')).toBe(pair.key);
        expect(pemOf(text)).toBe(pair.key + pair.chain);
        expect(holdsPair(text)).toBe(true);
      }),
    );
  });

  test('without a pair gives back its meta, and nothing to serve', () => {
    fc.assert(
      fc.property(token, meta, (current, known) => {
        const text = makeRecord(current, known, null);
        expect(contentsOf(text)).toEqual({ meta: known, chain: '', key: '', pem: '' });
        expect(holdsPair(text)).toBe(false);
        expect(isServable(text, current, INTERVAL)).toBe(false);
        expect(isFresh(text, current, INTERVAL)).toBe(true);
      }),
    );
  });

  test('holds the longest chain that a pair may have', () => {
    const chain = pemBlock('CERTIFICATE', 'A'.repeat(140_000));
    const text = makeRecord(TOKEN, FACTS, { chain, key: PEM.key });
    expect(contentsOf(text)).toEqual({ meta: FACTS, chain, key: PEM.key, pem: PEM.key + chain });
  });

  test('that is not there has nothing to serve', () => {
    expect([pemOf(''), partOf('', 'chain'), partOf('', 'key')]).toEqual(['', '', '']);
    expect(readMeta('')).toBeNull();
  });
});

describe('withCheckedNow', () => {
  test('keeps the pair and the meta, and makes the record fresh', () => {
    fc.assert(
      fc.property(token, meta, fc.option(pem), token, (before, known, held, after) => {
        vi.setSystemTime(NOW);
        const text = makeRecord(before, known, held);
        vi.setSystemTime(NOW + INTERVAL);
        const fresh = withCheckedNow(text, after);
        expect(contentsOf(fresh)).toEqual(contentsOf(text));
        expect(isFresh(fresh, after, 1)).toBe(true);
        expect(isServable(fresh, after, 1)).toBe(held !== null);
      }),
    );
  });
});

describe('markStale', () => {
  test('keeps the pair and the meta, and is served under no token', () => {
    fc.assert(
      fc.property(token, meta, pem, (current, known, held) => {
        const text = makeRecord(current, known, held);
        const stale = markStale(text);
        expect(contentsOf(stale)).toEqual(contentsOf(text));
        expect(holdsPair(stale)).toBe(true);
        expect(isCleared(stale, current)).toBe(true);
        expect(isServable(stale, current, 0)).toBe(false);
        expect(isServable(stale, FIRST_TOKEN, 0)).toBe(false);
      }),
    );
  });

  test('its token is as long as others', () => {
    expect(STALE_TOKEN).toHaveLength(FIRST_TOKEN.length);
  });
});

describe('withMeta', () => {
  test('keeps the pair, replaces the meta, and makes the record fresh', () => {
    fc.assert(
      fc.property(token, meta, fc.option(pem), token, meta, (before, old, held, after, known) => {
        vi.setSystemTime(NOW);
        const text = makeRecord(before, old, held);
        vi.setSystemTime(NOW + INTERVAL);
        const changed = withMeta(text, after, known);
        expect(contentsOf(changed)).toEqual({ ...contentsOf(text), meta: known });
        expect(isFresh(changed, after, 1)).toBe(true);
        expect(isServable(changed, after, 1)).toBe(held !== null);
      }),
    );
  });
});

describe('a clear', () => {
  test('makes every record of before stale', () => {
    expect(isServable(RECORD, TOKEN, 0)).toBe(true);
    expect(isServable(RECORD, OTHER_TOKEN, 0)).toBe(false);
    expect(isFresh(RECORD, OTHER_TOKEN, 0)).toBe(false);
    expect(isCleared(RECORD, TOKEN)).toBe(false);
    expect(isCleared(RECORD, OTHER_TOKEN)).toBe(true);
  });
});

describe('the check interval', () => {
  test.each<[string, number, number, boolean]>([
    ['at once', 0, INTERVAL, true],
    ['one millisecond before its end', INTERVAL - 1, INTERVAL, true],
    ['at its end', INTERVAL, INTERVAL, false],
    ['long after', INTERVAL * 1000, INTERVAL, false],
    ['the clock set back by a millisecond', -1, INTERVAL, false],
    ['the clock set back by a year', -365 * 86_400_000, INTERVAL, false],
    ['0, at once', 0, 0, true],
    ['0, ten years later', 10 * 365 * 86_400_000, 0, true],
    ['0, the clock set back', -1, 0, false],
  ])('%s', (_, age, length, expected) => {
    vi.setSystemTime(NOW + age);
    expect(isServable(RECORD, TOKEN, length)).toBe(expected);
    expect(isFresh(RECORD, TOKEN, length)).toBe(expected);
  });
});

describe('text that is no record', () => {
  test.each(['212345678901', '412345678901'])('a clear token, %s', (token) => {
    expect(readMeta(token)).toBeNull();
  });

  test('no reader throws', () => {
    fc.assert(
      fc.property(anyText, token, interval, (text, current, length) => {
        for (const reader of [readMeta, holdsPair, pemOf]) {
          expect(() => reader(text)).not.toThrow();
        }
        expect(() => partOf(text, 'chain') + partOf(text, 'key')).not.toThrow();
        expect(() => isServable(text, current, length)).not.toThrow();
        expect(() => isFresh(text, current, length)).not.toThrow();
      }),
      { numRuns: 1000 },
    );
  });

  test('is never served under another token than its own', () => {
    fc.assert(
      fc.property(anyText, token, interval, (text, current, length) => {
        fc.pre(text.slice(1, 13) !== current);
        expect(isServable(text, current, length)).toBe(false);
        expect(isFresh(text, current, length)).toBe(false);
      }),
      { numRuns: 1000 },
    );
  });

  test('is a pair to factsOf only with PEM for both halves', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        fc.pre(readMeta(text) !== null && holdsPair(text));
        expect(partOf(text, 'chain')).toMatch(/^-----BEGIN [^]*-----\n$/);
        expect(partOf(text, 'key')).toMatch(/^-----BEGIN [^]*-----\n$/);
      }),
    );
  });

  // Where the key ends, and where the chain does.
  const ENDS = [26, 32] as const;
  const endIn = (at: number): number => Number(RECORD.slice(at, at + 6));
  const withEnd = (at: number, end: string): string =>
    RECORD.slice(0, at) + end.slice(-6).padStart(6, '0') + RECORD.slice(at + 6);
  const withoutKey = RECORD.replace(PEM.key, '');
  const BAD_ENDS = ENDS.flatMap((at): [string, string][] => [
    [`an end at ${at} that is one too early`, withEnd(at, `${endIn(at) - 1}`)],
    [`an end at ${at} that is one too late`, withEnd(at, `${endIn(at) + 1}`)],
    [`an end at ${at} that is far behind`, withEnd(at, '999999')],
    [`an end at ${at} that is no number`, withEnd(at, 'xxxxxx')],
    [`an end at ${at} that is 0`, withEnd(at, '0')],
    [`an end at ${at} that is endless`, withEnd(at, ' 1e999')],
    [`an end at ${at} that is negative`, withEnd(at, '-00001')],
  ]);

  test.each<[string, string]>([
    ['another kind', '1' + RECORD.slice(1)],
    ['letters for the time', RECORD.slice(0, 13) + 'x'.repeat(13) + RECORD.slice(26)],
    ...BAD_ENDS,
    ['meta that are not JSON', RECORD.replace('{', '[')],
    ['meta cut off', RECORD.slice(0, -1)],
    ['no line ends', RECORD.replace(/\n/g, '')],
    ['no chain', makeRecord(TOKEN, FACTS, { chain: '', key: PEM.key })],
    ['no key', makeRecord(TOKEN, FACTS, { chain: PEM.chain, key: '' })],
    ['a key taken out', withoutKey],
    ['a key that is no PEM', makeRecord(TOKEN, FACTS, { chain: PEM.chain, key: 'x\n' })],
    ['a chain that is no PEM', makeRecord(TOKEN, FACTS, { chain: '-x\n', key: PEM.key })],
  ])('%s', (_, text) => {
    expect(readMeta(RECORD)).toEqual(FACTS);
    expect(readMeta(text)).toBeNull();
  });

  test.each(['null', '5', '"text"', '[]', '{}', '{"files":1,"notAfter":1}', '{"files":""}'])(
    'meta that are %s',
    (text) => {
      const meta = JSON.stringify(FACTS);
      expect(readMeta(RECORD.replace(meta, text))).toBeNull();
      expect(readMeta(makeRecord(TOKEN, FACTS, null).replace(meta, text))).toBeNull();
    },
  );

  test.each<[string, string]>([
    ...BAD_ENDS,
    ['no line ends', RECORD.replace(/\n/g, '')],
    ['no chain', makeRecord(TOKEN, FACTS, { chain: '', key: PEM.key })],
    ['no key', makeRecord(TOKEN, FACTS, { chain: PEM.chain, key: '' })],
    ['a key taken out', withoutKey],
  ])('%s: is not served, however fresh', (_, text) => {
    expect(isFresh(text, TOKEN, INTERVAL)).toBe(true);
    expect(isServable(text, TOKEN, INTERVAL)).toBe(false);
  });

  test('a record cut off anywhere is not served, and nothing is known of it', () => {
    for (let length = 0; length < RECORD.length; length++) {
      expect(readMeta(RECORD.slice(0, length))).toBeNull();
      // The first character of the facts is the last that is looked at.
      const isServed = length > RECORD.indexOf('{');
      expect(isServable(RECORD.slice(0, length), TOKEN, INTERVAL)).toBe(isServed);
    }
  });
});

test('withCheckedAt keeps all but the time', () => {
  const text = withCheckedAt(RECORD, `${NOW - INTERVAL + 1}`);
  expect(contentsOf(text)).toEqual(contentsOf(RECORD));
  expect(isServable(text, TOKEN, INTERVAL)).toBe(true);
  expect(isServable(withCheckedAt(text, `${NOW - INTERVAL}`), TOKEN, INTERVAL)).toBe(false);
});
