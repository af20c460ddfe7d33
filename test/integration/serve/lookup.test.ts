import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { opensslClient } from '../../support/tls_client.js';
import { BLOCKS, startSite } from '../../support/site.js';

const MISSES = `js_shared_dict_zone zone=certs:1m;
  js_shared_dict_zone zone=certs_misses:128k timeout=60s evict;`;

describe.each(BLOCKS)('certificate and key from %s variables, in %s', async (variables, block) => {
  const names = ['a.example', 'b.example', '*.w.example', 'own.w.example', 'fallback.example'];
  const site = await startSite({
    names,
    variables,
    block,
    settings: { fallback: 'fallback.example' },
  });

  test('each name is served its own certificate', async () => {
    for (const name of ['a.example', 'b.example', 'a.example', 'b.example']) {
      expect(await site.serial(name)).toBe(site.serials[name]);
    }
  });

  test('upper case and a trailing dot make no other name', async () => {
    for (const name of ['A.Example', 'a.example.', 'A.EXAMPLE.']) {
      const { stdout } = await opensslClient(site.nginx.tls, ['-servername', name]);
      expect(stdout, name).toMatch(/subject=CN ?= ?a\.example\n/);
    }
  });

  test('a wildcard is served for the names one label below it, and not for others', async () => {
    expect(await site.serial('x.w.example')).toBe(site.serials['*.w.example']);
    expect(await site.serial('y.w.example')).toBe(site.serials['*.w.example']);
    expect(await site.serial('y.x.w.example')).toBe(site.serials['fallback.example']);
    expect(await site.serial('w.example')).toBe(site.serials['fallback.example']);
  });

  test("a name that spells a wildcard's files is served the wildcard, and has no record", async () => {
    const { stdout } = await opensslClient(site.nginx.tls, ['-servername', '_.w.example']);
    expect(stdout).toMatch(/subject=CN ?= ?\*\.w\.example\n/);
    expect(await site.clear('_.w.example')).toEqual({ cleared: '_.w.example', cached: false });
  });

  test('a name of its own wins over the wildcard', async () => {
    expect(await site.serial('own.w.example')).toBe(site.serials['own.w.example']);
  });

  test('the fallback is served without SNI, for unknown names and for malformed ones', async () => {
    const fallback = site.serials['fallback.example'];
    expect(await site.serial()).toBe(fallback);
    expect(await site.serial('unknown.example')).toBe(fallback);
    for (const name of [
      '../certs/a.example',
      'a..example',
      '*.w.example',
      'a.example%00',
      '#clear',
    ]) {
      const { stdout } = await opensslClient(site.nginx.tls, ['-servername', name]);
      expect(stdout, name).toMatch(/subject=CN ?= ?fallback\.example\n/);
    }
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s', async (version) => {
    const versions = { minVersion: version, maxVersion: version };
    expect(await site.serial('a.example', versions)).toBe(site.serials['a.example']);
  });

  test('clients that verify accept the chain', async () => {
    const ca = site.authority.rootPem;
    expect(await site.serial('a.example', { ca })).toBe(site.serials['a.example']);
  });
});

describe('without a fallback', async () => {
  const site = await startSite({ names: ['a.example'] });

  test('an unknown name fails its handshake and nothing else', async () => {
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
    const before = await site.nginx.processes();
    await expect(site.serial('unknown.example')).rejects.toThrow();
    await expect(site.serial()).rejects.toThrow();
    expect(await site.serial('a.example')).toBe(site.serials['a.example']);
    expect(await site.nginx.processes()).toEqual(before);
  });

  test('a name whose first files appear is served without a clear', async () => {
    await expect(site.serial('new.example')).rejects.toThrow();
    await site.renew('new.example');
    expect(await site.serial('new.example')).toBe(site.serials['new.example']);
  });
});

describe('with a zone for negative answers', async () => {
  const site = await startSite({
    names: ['*.w.example'],
    zones: MISSES,
    settings: { check_interval: '0' },
  });

  test('a name is found missing until it is cleared, and its wildcard served meanwhile', async () => {
    expect(await site.serial('x.w.example')).toBe(site.serials['*.w.example']);
    await site.renew('x.w.example');
    expect(await site.serial('x.w.example')).toBe(site.serials['*.w.example']);
    expect(await site.clear('x.w.example')).toEqual({ cleared: 'x.w.example', cached: false });
    expect(await site.serial('x.w.example')).toBe(site.serials['x.w.example']);
  });

  test('a clear of all forgets negative answers', async () => {
    expect(await site.serial('y.w.example')).toBe(site.serials['*.w.example']);
    await site.renew('y.w.example');
    await site.clear();
    expect(await site.serial('y.w.example')).toBe(site.serials['y.w.example']);
  });
});

describe('paths', async () => {
  const combined = await startSite({
    settings: {
      file: '/etc/nginx/certs/{name}/pair.pem',
      key_file: '/etc/nginx/certs/{name}/pair.pem',
      wildcard_label: 'STAR',
      zone: 'other',
    },
    zones: 'js_shared_dict_zone zone=other:1m;',
  });

  test.each(['key first', 'key last'])('a combined PEM file, %s', async (order) => {
    const name = `${order.replace(' ', '-')}.example`;
    const pair = await combined.authority.issue({ names: [name] });
    const folder = `${combined.nginx.certsDirectory}/${name}`;
    mkdirSync(folder);
    const text = order === 'key first' ? pair.keyPem + pair.chainPem : pair.chainPem + pair.keyPem;
    writeFileSync(`${folder}/pair.pem`, text);
    const ca = combined.authority.rootPem;
    expect(await combined.serial(name, { ca })).toBe(pair.serial);
  });

  test('a wildcard label and a zone of its own', async () => {
    const pair = await combined.authority.issue({ names: ['*.w.example'] });
    const folder = `${combined.nginx.certsDirectory}/STAR.w.example`;
    mkdirSync(folder);
    writeFileSync(`${folder}/pair.pem`, pair.pairPem);
    expect(await combined.serial('x.w.example')).toBe(pair.serial);
    expect(await combined.clear('*.w.example')).toEqual({ cleared: '*.w.example', cached: true });
  });
});
