import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import {
  checkInterval,
  fallback,
  isAdminRemote,
  readSettings,
  zoneName,
} from '../../../src/config/settings.js';
import { variablesOf } from '../../../src/engine/session.js';

const DEFAULTS = {
  certFile: '/etc/nginx/certs/{name}.cert.pem',
  keyFile: '/etc/nginx/certs/{name}.key.pem',
  certFileRsa: '',
  keyFileRsa: '/etc/nginx/certs/{name}.rsa.key.pem',
  wildcardLabel: '_',
  scan: '',
  fallback: '',
  store: '',
  followsEtcd: false,
};

test('the variables are those of the request', () => {
  const variables = { cert_zone: 'mine' };
  expect(variablesOf({ variables })).toBe(variables);
});

describe('where a variable is absent or empty', () => {
  test.each<[string, Record<string, string>]>([
    ['absent', {}],
    [
      'empty',
      {
        cert_zone: '',
        cert_file: '',
        cert_key_file: '',
        cert_wildcard_label: '',
        cert_scan: '',
        cert_fallback: '',
        cert_check_interval: '',
        cert_admin_remote: '',
      },
    ],
  ])('%s: the defaults of the contract', (_, variables) => {
    expect(readSettings(variables)).toEqual(DEFAULTS);
    expect(zoneName(variables)).toBe('certs');
    expect(fallback(variables)).toBe('');
    expect(checkInterval(variables)).toBe(10_000);
    expect(isAdminRemote(variables)).toBe(false);
  });
});

test.each<[string, object]>([
  ['cert_file', { certFile: 'x' }],
  ['cert_key_file', { keyFile: 'x' }],
  ['cert_wildcard_label', { wildcardLabel: 'x' }],
  ['cert_scan', { scan: 'x' }],
  ['cert_fallback', { fallback: 'x' }],
])('$%s sets one thing', (variable, expected) => {
  expect(readSettings({ [variable]: 'x' })).toEqual({ ...DEFAULTS, ...expected });
});

test('$cert_zone names the zone', () => {
  expect(zoneName({ cert_zone: 'mine' })).toBe('mine');
});

test('$cert_fallback is given as it is written', () => {
  expect(fallback({ cert_fallback: 'A.example.' })).toBe('A.example.');
});

describe('$cert_check_interval', () => {
  test.each<[string, number]>([
    ['0', 0],
    ['1', 1000],
    ['0.5', 500],
    ['86400', 86_400_000],
  ])('%j seconds are %j milliseconds', (written, expected) => {
    expect(checkInterval({ cert_check_interval: written })).toBe(expected);
  });

  test.each(['-1', '10s', 'abc', 'NaN', '1,5', '-Infinity'])('%j is the default', (written) => {
    expect(checkInterval({ cert_check_interval: written })).toBe(10_000);
  });

  test('whatever is written, it is no negative number and not NaN', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.double().map(String)), (written) => {
        expect(checkInterval({ cert_check_interval: written })).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

describe('$cert_admin_remote', () => {
  test('"on" opens the handlers', () => {
    expect(isAdminRemote({ cert_admin_remote: 'on' })).toBe(true);
  });

  test.each(['off', 'ON', 'true', '1', 'on ', 'yes'])('%j does not', (written) => {
    expect(isAdminRemote({ cert_admin_remote: written })).toBe(false);
  });
});
