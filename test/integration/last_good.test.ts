import { chmodSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Pair } from '../support/certificates.js';
import { replaceFile, writePair } from '../support/certificates.js';
import { startSite, type Site } from './site.js';

/** No line of a key's base64, and no PEM label, may stand in a log. */
function expectNoKey(site: Site, keys: Pair[]): void {
  const log = site.nginx.log();
  expect(log).not.toContain('PRIVATE KEY');
  for (const { keyPem } of keys) {
    for (const line of keyPem.split('\n').filter((text) => !text.startsWith('---') && text)) {
      expect(log).not.toContain(line);
    }
  }
}

describe('a renewal that goes wrong', async () => {
  const name = 'a.example';
  const site = await startSite({ names: [name] });
  const certs = site.nginx.certsDirectory;
  const cert = join(certs, `${name}.cert.pem`);
  const key = join(certs, `${name}.key.pem`);
  const other = await site.authority.issue({ names: ['other.example'] });
  const fresh = await site.authority.issue({ names: [name] });
  const expired = await site.authority.issue({
    names: [name],
    notBefore: new Date(Date.now() - 7200_000),
    notAfter: new Date(Date.now() - 3600_000),
  });
  const replaceByDirectory = (path: string): void => {
    rmSync(path);
    mkdirSync(path);
  };

  const ways: [string, string, () => unknown][] = [
    ['only the certificate is replaced', 'key-mismatch', () => replaceFile(cert, fresh.chainPem)],
    ['only the key is replaced', 'key-mismatch', () => replaceFile(key, fresh.keyPem)],
    ['an empty file', 'malformed', () => replaceFile(cert, '')],
    ['half a file', 'malformed', () => replaceFile(cert, fresh.chainPem.slice(0, 300))],
    [
      'an unreadable file',
      'unreadable',
      () => {
        chmodSync(key, 0o000);
      },
    ],
    [
      'a directory in its place',
      'unreadable',
      () => {
        replaceByDirectory(cert);
      },
    ],
    [
      'a dangling link',
      'unreadable',
      () => {
        rmSync(key);
        symlinkSync('nowhere', key);
      },
    ],
    ['an expired certificate', 'expired', () => writePair(certs, name, expired)],
    ['a certificate for other names', 'name-not-covered', () => writePair(certs, name, other)],
  ];

  test.each(ways)('%s: the pair held is served, and one line says %s', async (_, code, breakIt) => {
    rmSync(cert, { recursive: true, force: true });
    rmSync(key, { recursive: true, force: true });
    const good = await site.renew(name);
    await site.clear();
    expect(await site.serial(name)).toBe(good.serial);
    const logged = site.nginx.log().length;

    await breakIt();
    for (let round = 0; round < 8; round++) {
      // The files are looked at again, and nothing has changed.
      if (round % 4 === 0) await site.clear();
      expect(await site.serial(name)).toBe(good.serial);
    }
    const errors = site.nginx
      .log()
      .slice(logged)
      .split('\n')
      .filter((line) => line.includes('[error]'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toContain(`cert_rotation: ${name}: ${code}: `);
    expect(errors[0]).toContain('/etc/nginx/certs/');

    rmSync(cert, { recursive: true, force: true });
    rmSync(key, { recursive: true, force: true });
    const next = await site.renew(name);
    await site.clear(name);
    expect(await site.serial(name)).toBe(next.serial);
    expectNoKey(site, [good, fresh, expired, other, next]);
  });
});

describe('a name whose first files are bad', async () => {
  const site = await startSite({
    settings: { fallback: 'fallback.example' },
    names: ['fallback.example'],
  });
  const certs = site.nginx.certsDirectory;

  test('is served the fallback, with one line in the log, and its own pair once that is good', async () => {
    const name = 'new.example';
    const one = await site.authority.issue({ names: [name] });
    const two = await site.authority.issue({ names: [name] });
    writeFileSync(join(certs, `${name}.cert.pem`), one.chainPem);
    writeFileSync(join(certs, `${name}.key.pem`), two.keyPem);
    for (let round = 0; round < 8; round++) {
      expect(await site.serial(name)).toBe(site.serials['fallback.example']);
    }
    const lines = site.nginx.log().split('\n');
    expect(lines.filter((line) => line.includes('key-mismatch'))).toHaveLength(1);
    await writePair(certs, name, two);
    await site.clear();
    expect(await site.serial(name)).toBe(two.serial);
    expectNoKey(site, [one, two]);
  });

  test('an expired pair is served where no valid one is held, and the log says so', async () => {
    const name = 'late.example';
    const notAfter = new Date(Date.now() - 3600_000);
    const notBefore = new Date(Date.now() - 7200_000);
    const late = await site.authority.issue({ names: [name], notBefore, notAfter });
    await writePair(certs, name, late);
    expect(await site.serial(name)).toBe(late.serial);
    expect(site.nginx.log()).toMatch(/\[error\].*late\.example: loaded from .*, EXPIRED /);
  });
});
