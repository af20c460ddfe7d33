import { describe, expect, test } from 'vitest';

import { stemsIn, readScanPattern } from '../../../src/config/scan_pattern.js';

describe('a template', () => {
  test.each([
    ['/etc/letsencrypt/live/*/fullchain.pem', '/etc/letsencrypt/live', '', ''],
    ['/etc/nginx/certs/*.pem', '/etc/nginx/certs', '', '.pem'],
    ['/var/lib/acme/cert-*.d/tls.crt', '/var/lib/acme', 'cert-', '.d'],
    ['/*.pem', '/', '', '.pem'],
    ['/*/tls.crt', '/', '', ''],
  ])('%s', (template, folder, prefix, suffix) => {
    expect(readScanPattern(template)).toEqual({ folder, prefix, suffix });
  });

  test.each([
    '/etc/nginx/certs/a.pem',
    '/etc/nginx/certs/*/*.pem',
    '/etc/nginx/certs/**.pem',
    '/etc/*/live/a/fullchain.pem',
    '/etc/nginx/certs/{name}/*.pem',
    '/etc/nginx/certs/*/',
    'certs/*.pem',
    '*',
    '/',
    '',
  ])('%s is none', (template) => {
    expect(() => readScanPattern(template)).toThrow(`$cert_scan "${template}" has to be`);
  });
});

describe('what * stands for', () => {
  test.each([
    ['/certs/*.pem', 'a.example.pem', 'a.example'],
    ['/certs/*.pem', '.pem', undefined],
    ['/certs/*.pem', 'a.example.pem.put-staged', undefined],
    ['/certs/*.pem', '.hidden.pem', undefined],
    ['/certs/.x*', '.xy', undefined],
    ['/certs/x*', 'x.hidden', '.hidden'],
    ['/certs/ab*bc', 'abc', undefined],
    ['/certs/ab*bc', 'ab-bc', '-'],
    ['/live/*/fullchain.pem', 'README', 'README'],
    ['/live/*/fullchain.pem', '..data', undefined],
    ['/acme/*_ecc/fullchain.cer', '*.example.com_ecc', '*.example.com'],
  ])('of %s in %s', (template, entry, label) => {
    expect(stemsIn(readScanPattern(template), [entry])[0]).toBe(label);
  });
});
