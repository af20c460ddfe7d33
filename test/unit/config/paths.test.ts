import path from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { isPerName, scannedFileOf, slotPaths, templatesOf } from '../../../src/config/paths.js';
import type { Settings } from '../../../src/config/settings.js';
import { fileKey, rsaKey } from '../../../src/config/slot.js';
import { normaliseWithWildcard } from '../../../src/x509/server_name.js';

const SETTINGS: Settings = {
  certFile: '/certs/{name}.cert.pem',
  keyFile: '/certs/{name}.key.pem',
  certFileRsa: '/rsa/{name}.cert.pem',
  keyFileRsa: '/rsa/{name}.key.pem',
  wildcardLabel: '_',
  scan: '',
  fallback: '',
  store: '',
  followsEtcd: false,
};

describe('path templates', () => {
  test('{name} stands for the name, wherever and however often it is written', () => {
    const settings = { ...SETTINGS, certFile: '/live/{name}/{name}.pem', keyFile: '{name}' };
    expect(slotPaths(settings, 'a.example')).toEqual({
      cert: '/live/a.example/a.example.pem',
      key: 'a.example',
    });
  });

  test('the RSA slot has templates of its own', () => {
    expect(slotPaths(SETTINGS, rsaKey('*.example.com'))).toEqual({
      cert: '/rsa/_.example.com.cert.pem',
      key: '/rsa/_.example.com.key.pem',
    });
  });

  test('a template without {name} is one file for all names', () => {
    const settings = { ...SETTINGS, certFile: '/certs/all.pem', keyFile: '/certs/{NAME}.key' };
    expect(slotPaths(settings, 'a.example')).toEqual({
      cert: '/certs/all.pem',
      key: '/certs/{NAME}.key',
    });
    expect(isPerName('/certs/all.pem')).toBe(false);
    expect(isPerName('/certs/{NAME}.pem')).toBe(false);
    expect(isPerName('/certs/{name}.pem')).toBe(true);
  });

  test.each<[string, string]>([
    ['_', '/certs/_.example.com.cert.pem'],
    ['wildcard', '/certs/wildcard.example.com.cert.pem'],
    ['*', '/certs/*.example.com.cert.pem'],
    ['$&', '/certs/$&.example.com.cert.pem'],
  ])('the label %j stands for the "*" of a wildcard', (wildcardLabel, cert) => {
    expect(slotPaths({ ...SETTINGS, wildcardLabel }, '*.example.com').cert).toBe(cert);
  });

  test('the label stands for nothing in another name', () => {
    expect(slotPaths({ ...SETTINGS, wildcardLabel: 'x' }, '_.example.com').cert).toBe(
      '/certs/_.example.com.cert.pem',
    );
  });

  test('no server name leads out of the folder, or further into it', () => {
    const piece = fc.constantFrom('a', 'B', '0', '-', '_', '.', '..', '/', '../', '\\', '*.', '\0');
    const settings = { ...SETTINGS, keyFile: '/live/{name}/privkey.pem' };
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const name = normaliseWithWildcard(pieces.join(''));
        fc.pre(name !== '');
        const { cert, key } = slotPaths(settings, name);
        expect(path.normalize(cert)).toBe(cert);
        expect(path.dirname(cert)).toBe('/certs');
        expect(path.normalize(key)).toBe(key);
        expect(path.dirname(path.dirname(key))).toBe('/live');
      }),
    );
  });
});

describe('the file of a scan', () => {
  const scanning = { ...SETTINGS, scan: '/certs/*.cert.pem' };

  test('has the path of the scan, and the key that a name would have', () => {
    expect(slotPaths(scanning, fileKey('_.example.com'))).toEqual({
      cert: '/certs/_.example.com.cert.pem',
      key: '/certs/_.example.com.key.pem',
    });
    expect(slotPaths(scanning, fileKey('*.x')).cert).toBe('/certs/*.x.cert.pem');
    expect(templatesOf(scanning, fileKey('a'))).toEqual({
      cert: '/certs/{name}.cert.pem',
      key: '/certs/{name}.key.pem',
    });
  });

  test.each<[string, Partial<Settings>, string, string]>([
    ['without a scan', { scan: '' }, 'a.example', ''],
    ['in the folder of the names', {}, 'a.example', '*file:a.example'],
    ['in the folder of the names, of a wildcard', {}, '*.example.com', '*file:_.example.com'],
    ['elsewhere', { scan: '/scanned/*.pem' }, 'a.example', ''],
    ['of the RSA slot, whose files are elsewhere', {}, rsaKey('a.example'), ''],
    [
      'of the RSA slot, in the folder of its files',
      { scan: '/rsa/*.cert.pem', keyFile: '/rsa/{name}.key.pem' },
      rsaKey('a.example'),
      '*file:a.example',
    ],
    [
      'of the RSA slot, whose keys are elsewhere',
      { scan: '/rsa/*.cert.pem' },
      rsaKey('a.example'),
      '',
    ],
  ])("is a name's own or not: %s", (_, more, slot, expected) => {
    expect(scannedFileOf({ ...scanning, ...more }, slot)).toBe(expected);
  });
});
