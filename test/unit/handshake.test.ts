import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { RecordMeta } from '../../src/zone/meta.js';
import {
  makePointer,
  makeRecord,
  makeVersionRecord,
  withCheckedNow,
  withFreshUntil,
} from '../../src/zone/record.js';
import { FakeZone } from '../support/fake_zone.js';
import { noteMissing } from '../../src/zone/misses.js';
import { FIRST_TOKEN } from '../../src/zone/clear_token.js';

// What a handshake costs that is served from the zone, counted on the bundle. That the real engines open no file then,
// the integration tests see.

type Handler = 'js_pair' | 'js_cert' | 'js_key' | 'js_pair_rsa' | 'js_cert_rsa' | 'js_key_rsa';
type Handlers = Record<Handler, (r: object) => string>;

const { default: handlers } = (await import(
  new URL('../../dist/cert_rotation.js', import.meta.url).href
)) as { default: Handlers };

const FACTS: RecordMeta = { source: 'disk', files: '', notAfter: 0, loadedAt: 0 };
const pem = (label: string): string => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
/** What makes PEM a value that nginx takes for one. */
const DATA = 'data:\n';
const CHAIN = pem('CERTIFICATE');
const KEY = pem('PRIVATE KEY');
const RSA_KEY = pem('RSA PRIVATE KEY');

/** Every call of a zone, in that order. */
let calls: string[];

function watched(zone: FakeZone, name: string): FakeZone {
  return new Proxy(zone, {
    get: (target, property) => {
      const value: unknown = Reflect.get(target, property);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]): unknown => {
        calls.push(`${name}.${String(property)} ${String(args[0])}`);
        return Reflect.apply(value, target, args);
      };
    },
  });
}

/** A handshake that may not touch files or logs. */
function handshake(servername: string, settings = {}): object {
  return { variables: { ssl_server_name: servername, ...settings } };
}

/** The same where names may have an RSA pair, too. */
function handshakeOfTwo(servername: string): object {
  return handshake(servername, { cert_file_rsa: '/certs/{name}.rsa.pem' });
}

const file = vi.spyOn(fs, 'statSync');

beforeEach(() => {
  calls = [];
  file.mockClear();
  const certs = new FakeZone();
  const misses = new FakeZone();
  const record = makeRecord(FIRST_TOKEN, FACTS, { chain: CHAIN, key: KEY });
  certs.set('a.example', record);
  certs.set('*.w.example', record);
  noteMissing(misses, 'a.w.example', FIRST_TOKEN);
  const found = { names: ['found.example', '*.found.example'], isRsa: false, notBefore: 0 };
  certs.set(
    '*file:found',
    makeRecord(FIRST_TOKEN, { ...FACTS, found }, { chain: CHAIN, key: KEY }),
  );
  for (const slot of found.names) {
    certs.set(slot, withCheckedNow(makePointer('*file:found', {}), FIRST_TOKEN));
  }
  for (const left of ['left.example', '*.left.example', 'localhost']) {
    certs.set(left, withCheckedNow(makePointer('*file:found', {}), FIRST_TOKEN));
  }
  for (const missing of ['*.example', 'a.left.example']) {
    noteMissing(misses, missing, FIRST_TOKEN);
  }
  certs.set('stale.example', makePointer('*file:found', {}));
  noteMissing(misses, 'a.found.example', FIRST_TOKEN);
  const rsaRecord = makeRecord(FIRST_TOKEN, FACTS, { chain: CHAIN, key: RSA_KEY });
  certs.set('*rsa:a.example', rsaRecord);
  certs.set('ec.example', record);
  certs.set('*rsa:rsa.example', rsaRecord);
  certs.set('*rsa:*.w.example', rsaRecord);
  certs.set('*rsa:*.x.example', rsaRecord);
  for (const missing of [
    ...['*rsa:ec.example', 'rsa.example', '*rsa:a.w.example'],
    ...['a.x.example', '*rsa:a.x.example', '*.x.example'],
  ]) {
    noteMissing(misses, missing, FIRST_TOKEN);
  }
  const shared = { certs: watched(certs, 'certs'), certs_misses: watched(misses, 'misses') };
  vi.stubGlobal('ngx', { shared });
});

afterEach(() => {
  expect(file).not.toHaveBeenCalled();
  vi.unstubAllGlobals();
});

describe('a handshake that is served from the zone', () => {
  test('reads the clear token and the record, and nothing else', () => {
    expect(handlers.js_pair(handshake('a.example'))).toBe(DATA + KEY + CHAIN);
    expect(calls).toEqual(['certs.get #clear', 'certs.get a.example']);
  });

  test('reads them once for two variables', () => {
    const r = handshake('a.example');
    expect(handlers.js_cert(r)).toBe(DATA + CHAIN);
    expect(handlers.js_key(r)).toBe(DATA + KEY);
    expect(calls).toEqual(['certs.get #clear', 'certs.get a.example']);
  });

  test("reads two values more for a wildcard's name", () => {
    expect(handlers.js_pair(handshake('a.w.example'))).toBe(DATA + KEY + CHAIN);
    expect(calls).toEqual([
      'certs.get #clear',
      'certs.get a.w.example',
      'misses.get a.w.example',
      'certs.get *.w.example',
    ]);
  });
});

describe('a handshake for a name that a scan has found', () => {
  test('reads one value more', () => {
    expect(handlers.js_pair(handshake('found.example'))).toBe(DATA + KEY + CHAIN);
    expect(calls).toEqual(['certs.get #clear', 'certs.get found.example', 'certs.get *file:found']);
  });

  test("reads one value more for a wildcard's name", () => {
    expect(handlers.js_pair(handshake('a.found.example'))).toBe(DATA + KEY + CHAIN);
    expect(calls).toEqual([
      'certs.get #clear',
      'certs.get a.found.example',
      'misses.get a.found.example',
      'certs.get *.found.example',
      'certs.get *file:found',
    ]);
  });

  // What a handshake sees that comes between the write of the file's record and that of the pointer.
  test.each(['left.example', 'a.left.example', 'localhost'])(
    'is not served the pair of a file that is for other names by now: %s',
    (name) => {
      const r = { ...handshake(name), error: vi.fn(), log: vi.fn() };
      expect(handlers.js_pair(r)).toBe('data:');
    },
  );

  test('cannot ask for the key of a file', () => {
    const r = { ...handshake('*file:found'), error: vi.fn(), log: vi.fn() };
    expect(handlers.js_pair(r)).toBe('data:');
  });
});

describe('where names have an RSA slot', () => {
  const read = (keys: string[]): string[] => keys.map((key) => key.replace(' ', '.get '));

  test.each<[string, Handler, string, string, string[]]>([
    ['its own pair', 'js_pair', 'a.example', KEY, ['certs a.example']],
    ['its own pair', 'js_pair_rsa', 'a.example', RSA_KEY, ['certs *rsa:a.example']],
    [
      'the only pair',
      'js_pair_rsa',
      'ec.example',
      KEY,
      ['certs *rsa:ec.example', 'misses *rsa:ec.example', 'certs ec.example'],
    ],
    [
      'the only pair',
      'js_pair',
      'rsa.example',
      RSA_KEY,
      ['certs rsa.example', 'misses rsa.example', 'certs *rsa:rsa.example'],
    ],
    [
      "the wildcard's own pair",
      'js_pair_rsa',
      'a.w.example',
      RSA_KEY,
      [
        ...['certs *rsa:a.w.example', 'misses *rsa:a.w.example'],
        ...['certs a.w.example', 'misses a.w.example', 'certs *rsa:*.w.example'],
      ],
    ],
    [
      "the wildcard's only pair",
      'js_pair',
      'a.x.example',
      RSA_KEY,
      [
        ...['certs a.x.example', 'misses a.x.example'],
        ...['certs *rsa:a.x.example', 'misses *rsa:a.x.example'],
        ...['certs *.x.example', 'misses *.x.example', 'certs *rsa:*.x.example'],
      ],
    ],
  ])('%s from %s for %s', (_, handler, name, key, keys) => {
    expect(handlers[handler](handshakeOfTwo(name))).toBe(DATA + key + CHAIN);
    expect(calls).toEqual(read(['certs #clear', ...keys]));
  });

  test('a handshake that asks for both reads each once, in any order', () => {
    const r = handshakeOfTwo('a.example');
    const served = (['js_key', 'js_key_rsa', 'js_cert', 'js_cert_rsa', 'js_pair_rsa'] as const).map(
      (handler) => handlers[handler](r),
    );
    expect(served).toEqual(
      [KEY, RSA_KEY, CHAIN, CHAIN, RSA_KEY + CHAIN].map((value) => DATA + value),
    );
    expect(calls).toEqual(
      read(['certs #clear', 'certs a.example', 'certs #clear', 'certs *rsa:a.example']),
    );
  });

  test('nothing is remembered for another handshake', () => {
    expect(handlers.js_pair_rsa(handshakeOfTwo('a.example'))).toBe(DATA + RSA_KEY + CHAIN);
    expect(handlers.js_pair_rsa(handshakeOfTwo('ec.example'))).toBe(DATA + KEY + CHAIN);
  });
});

describe('$cert_name', () => {
  test('is read instead of what the client asks for, at the same cost', () => {
    expect(handlers.js_pair(handshake('unknown.example', { cert_name: 'a.example' }))).toBe(
      DATA + KEY + CHAIN,
    );
    expect(calls).toEqual(['certs.get #clear', 'certs.get a.example']);
  });

  test('of one request may change between two handshakes with upstreams', () => {
    const variables: Record<string, string> = { cert_file_rsa: '/{name}' };
    const r = { variables };
    const served = ['rsa.example', 'ec.example', 'rsa.example'].map((name) => {
      variables['cert_name'] = name;
      return [handlers.js_cert(r) + handlers.js_key(r), handlers.js_key_rsa(r)];
    });
    const rsa = [DATA + CHAIN + DATA + RSA_KEY, DATA + RSA_KEY];
    expect(served).toEqual([rsa, [DATA + CHAIN + DATA + KEY, DATA + KEY], rsa]);
  });

  test('takes one variable more, as one that nobody has declared', () => {
    const read: string[] = [];
    const variables = new Proxy<Record<string, string>>(
      { ssl_server_name: 'a.example' },
      {
        get: (target, name: string) => {
          read.push(name);
          return target[name];
        },
      },
    );
    handlers.js_pair({ variables });
    expect(read.sort()).toEqual([
      ...['cert_check_interval', 'cert_name', 'cert_zone', 'ssl_server_name'],
    ]);
  });
});

describe('with a store', () => {
  const PATH = '/var/lib/nginx/certs/cert-rotation.v1/versions/ab/abcd.1';
  const versionUntil = (until: number, token = FIRST_TOKEN): string =>
    withFreshUntil(makeVersionRecord(token, FACTS, PATH), until - 1, 1);
  const zone = (): FakeZone =>
    (globalThis as unknown as { ngx: { shared: { certs: FakeZone } } }).ngx.shared.certs;
  const r = (): object => ({ ...handshake('v.example'), error: vi.fn(), log: vi.fn() });

  test('every handler returns the path of the version, and nothing else is read', () => {
    zone().set('v.example', versionUntil(Date.now() + 10_000));
    calls = [];
    for (const handler of ['js_pair', 'js_cert', 'js_key', 'js_pair_rsa'] as const) {
      expect(handlers[handler](r())).toBe(PATH);
      expect(calls.splice(0)).toEqual(['certs.get #clear', 'certs.get v.example']);
    }
  });

  test.each([
    ['the time is up', () => versionUntil(Date.now())],
    ['the clock was set back', () => versionUntil(Date.now() + 21_000)],
    ['a clear came', () => versionUntil(Date.now() + 10_000, 'mabcdefg1234')],
  ])('the version is looked at again where %s', (_, record) => {
    zone().set('v.example', record());
    calls = [];
    handlers.js_pair(r());
    expect(calls.length).toBeGreaterThan(2);
    file.mockClear();
  });
});

test('without $cert_file_rsa its handlers answer as the others do, at the same cost', () => {
  expect(handlers.js_pair_rsa(handshake('a.example'))).toBe(DATA + KEY + CHAIN);
  expect(calls).toEqual(['certs.get #clear', 'certs.get a.example']);
});

test('a client cannot ask for the key of an RSA slot', () => {
  const r = { ...handshakeOfTwo('*rsa:a.example'), error: vi.fn(), log: vi.fn() };
  expect(handlers.js_pair(r)).toBe('data:');
  expect(handlers.js_pair_rsa(r)).toBe('data:');
});
