import fs from 'node:fs';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { type Facts, FIRST_TOKEN, makeRecord } from '../../src/record';
import { noteMissing } from '../../src/store';
import { FakeZone } from './fake_zone';

// What a handshake costs that is served from the zone, counted on the bundle. That the real engines open no file then,
// the integration tests see.

interface Handlers {
  js_pair: (r: object) => string;
  js_cert: (r: object) => string;
  js_key: (r: object) => string;
}

const { default: handlers } = (await import(
  new URL('../../dist/cert_rotation.js', import.meta.url).href
)) as { default: Handlers };

const FACTS: Facts = { source: 'disk', files: '', notAfter: 0, loadedAt: 0 };
const pem = (label: string): string => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
const CHAIN = pem('CERTIFICATE');
const KEY = pem('PRIVATE KEY');

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
function handshake(servername: string): object {
  return { variables: { ssl_server_name: servername } };
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
  const shared = { certs: watched(certs, 'certs'), certs_misses: watched(misses, 'misses') };
  vi.stubGlobal('ngx', { shared });
});

afterEach(() => {
  expect(file).not.toHaveBeenCalled();
  vi.unstubAllGlobals();
});

describe('a handshake that is served from the zone', () => {
  test('reads the clear token and the record, and nothing else', () => {
    expect(handlers.js_pair(handshake('a.example'))).toBe(KEY + CHAIN);
    expect(calls).toEqual(['certs.get #clear', 'certs.get a.example']);
  });

  test('reads them once for two variables', () => {
    const r = handshake('a.example');
    expect(handlers.js_cert(r)).toBe(CHAIN);
    expect(handlers.js_key(r)).toBe(KEY);
    expect(calls).toEqual(['certs.get #clear', 'certs.get a.example']);
  });

  test("reads two values more for a wildcard's name", () => {
    expect(handlers.js_pair(handshake('a.w.example'))).toBe(KEY + CHAIN);
    expect(calls).toEqual([
      'certs.get #clear',
      'certs.get a.w.example',
      'misses.get a.w.example',
      'certs.get *.w.example',
    ]);
  });
});
