import { X509Certificate } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, test } from 'vitest';
import { replaceFile, writePair, type Pair } from '../../support/certificates.js';
import { makeDirectory, removeDirectory } from '../../support/leftovers.js';
import { curl } from '../../support/tls_client.js';
import { form, startPutSite } from '../../support/putting.js';
import { serialsOfAllWorkers } from '../../support/site.js';

const FALLBACK = 'fallback.example';
const ZONES = `js_shared_dict_zone zone=certs:4m;
  js_shared_dict_zone zone=certs_misses:128k timeout=3600s evict;`;
const WORKERS = 2;

/** The entity tag that a pair's leaf has. */
function tagOf({ certPem }: Pair): string {
  const { fingerprint256 } = new X509Certificate(certPem);
  return `"${fingerprint256.replaceAll(':', '').toLowerCase()}"`;
}

describe('a put', async () => {
  const site = await startPutSite({
    names: [FALLBACK],
    workers: WORKERS,
    zones: ZONES,
    settings: { fallback: FALLBACK, check_interval: '3600' },
  });
  const directory = makeDirectory();
  const issue = (...names: string[]): Promise<Pair> => site.authority.issue({ names });

  afterAll(() => {
    removeDirectory(directory);
  });

  const spooling = '# A remark that no one needs.\n'.repeat(2000);
  const PEM = { 'Content-Type': 'application/pem-certificate-chain' };
  const JSON_TYPE = { 'Content-Type': 'application/json' };
  const bodies: [string, (pair: Pair) => { body: string; headers?: Record<string, string> }][] = [
    ['PEM, the chain first', ({ pairPem }) => ({ body: pairPem, headers: PEM })],
    ['PEM, the key first', ({ chainPem, keyPem }) => ({ body: keyPem + chainPem })],
    [
      'PEM that says it is a form',
      ({ pairPem }) => ({
        body: pairPem,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      }),
    ],
    ['PEM that says it is JSON', ({ pairPem }) => ({ body: pairPem, headers: JSON_TYPE })],
    [
      'PEM with remarks and other line ends',
      ({ pairPem }) => ({ body: `Bag Attributes\n${pairPem.replaceAll('\n', '\r\n')}\n\n# end` }),
    ],
    [
      'JSON',
      ({ chainPem, keyPem }) => ({
        body: JSON.stringify({ cert: chainPem, key: keyPem }),
        headers: JSON_TYPE,
      }),
    ],
    [
      'JSON that says nothing, after a byte order mark',
      ({ chainPem, keyPem }) => ({
        body: `\ufeff\n ${JSON.stringify({ note: 1, key: keyPem, cert: chainPem })}\n`,
      }),
    ],
    ['a form', ({ chainPem, keyPem }) => form({ cert: chainPem, key: keyPem })],
    ['a form, the key first', ({ chainPem, keyPem }) => form({ key: keyPem, cert: chainPem })],
    ['PEM that nginx spools to a file', ({ pairPem }) => ({ body: spooling + pairPem })],
    [
      'JSON that nginx spools to a file',
      ({ chainPem, keyPem }) => ({
        body: JSON.stringify({ cert: spooling + chainPem, key: keyPem }),
      }),
    ],
    [
      'a form that nginx spools to a file',
      ({ chainPem, keyPem }) => form({ cert: chainPem + spooling, key: keyPem }),
    ],
    [
      'PEM in chunks',
      ({ pairPem }) => ({ body: pairPem, headers: { 'Transfer-Encoding': 'chunked' } }),
    ],
  ];

  test.each(bodies)('takes %s, and every worker serves it', async (title, make) => {
    const name = `body-${bodies.findIndex((body) => body[0] === title)}.example`;
    const pair = await issue(name);
    const { body, headers } = make(pair);
    const answer = await site.put(name, body, headers);
    expect([answer.status, answer.headers.etag]).toEqual([201, tagOf(pair)]);
    expect(answer.headers['content-type']).toBe('application/json');
    expect(JSON.parse(answer.body)).toMatchObject({ name, serial: pair.serial });
    expect(await serialsOfAllWorkers(site, name, WORKERS)).toEqual({
      serials: [pair.serial],
      workers: WORKERS,
    });
    // Only the certificates, as they were issued. What they have in common with the key is its public part.
    const request = { headers: { Accept: PEM['Content-Type'] } };
    const { body: chain } = await site.nginx.admin(`/certs/${name}`, request);
    expect(chain.trim()).toBe(pair.chainPem.trim());
  });

  const uploads: [string, string[]][] = [
    ['--data-binary', ['--data-binary', `@${join(directory, 'pair.pem')}`]],
    ['--upload-file', ['--upload-file', join(directory, 'pair.pem')]],
    ['-F', ['-F', `cert=@${join(directory, 'a.pem')}`, '-F', `key=@${join(directory, 'a.key')}`]],
    [
      '-F without files',
      ['-F', `cert=<${join(directory, 'a.pem')}`, '-F', `key=<${join(directory, 'a.key')}`],
    ],
  ];

  test.each(uploads)('takes what curl %s sends', async (_, args) => {
    const pair = await issue('curl.example');
    const files = { 'pair.pem': pair.pairPem, 'a.pem': pair.chainPem, 'a.key': pair.keyPem };
    for (const [file, text] of Object.entries(files)) writeFileSync(join(directory, file), text);
    const { stdout, stderr } = await curl([
      ...['--fail-with-body', '--unix-socket', site.nginx.adminSocket, '-X', 'PUT', ...args],
      'http://nginx/certs/curl.example',
    ]);
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toMatchObject({ serial: pair.serial });
    expect(await site.serial('curl.example')).toBe(pair.serial);
  });

  test('POST is another word for it', async () => {
    const pair = await issue('post.example');
    const request = { method: 'POST', body: pair.pairPem };
    expect((await site.nginx.admin('/certs/post.example', request)).status).toBe(201);
    expect(await site.serial('post.example')).toBe(pair.serial);
  });

  test.each([
    ['*.w1.example', '*.w1.example', 'x.w1.example'],
    ['%2A.w2.example', '*.w2.example', 'x.w2.example'],
    ['UPPER.Example', 'upper.example', 'upper.example'],
    ['dot.example.', 'dot.example', 'dot.example'],
    ['under_score.example', 'under_score.example', 'under_score.example'],
  ])('of %s is one of %s', async (path, name, servername) => {
    const pair = await issue(name);
    const { status, body } = await site.put(path, pair.pairPem);
    expect([status, (JSON.parse(body) as { name: string }).name]).toEqual([201, name]);
    expect(await site.serial(servername)).toBe(pair.serial);
    expect(JSON.parse((await site.get(name)).body)).toMatchObject({ name, serial: pair.serial });
  });

  test('without a name is one of all DNS names of the leaf', async () => {
    const names = ['all.example', '*.all.example', 'Other.Example', 'other.example'];
    const held = ['all.example', '*.all.example', 'other.example'];
    const first = await issue(...names);
    const { status, body, headers } = await site.put('', first.pairPem);
    expect([status, headers.etag]).toEqual([201, tagOf(first)]);
    expect(JSON.parse(body)).toMatchObject({ names: held, name: 'all.example', dns_names: names });
    const served = (): Promise<string[]> =>
      Promise.all(
        ['all.example', 'x.all.example', 'other.example'].map((name) => site.serial(name)),
      );
    expect(new Set(await served())).toEqual(new Set([first.serial]));

    const second = await issue(...names);
    expect((await site.put('', second.pairPem)).status).toBe(200);
    expect(new Set(await served())).toEqual(new Set([second.serial]));
    // One of the names is new.
    expect(
      (await site.put('', (await issue('all.example', 'new.all.example')).pairPem)).status,
    ).toBe(201);
  });

  test.each([
    ['ec', 'ECDSA-P256'],
    ['rsa', 'RSA-2048'],
  ] as const)('describes what it took, %s', async (keyType, key_type) => {
    const name = `${keyType}.described.example`;
    const names = [name, '*.described.example'];
    const before = Date.now();
    const pair = await site.authority.issue({ names, keyType });
    const answer = await site.put(name, pair.pairPem);
    const described = JSON.parse(answer.body) as Record<string, string>;
    const x509 = new X509Certificate(pair.certPem);
    const iso = (date: string): string => new Date(date).toISOString().replace('.000Z', 'Z');
    expect(described).toMatchObject({
      name,
      subject: x509.subject,
      dns_names: names,
      issuer: x509.issuer,
      serial: x509.serialNumber,
      fingerprint_sha256: x509.fingerprint256.replaceAll(':', '').toLowerCase(),
      not_before: iso(x509.validFrom),
      not_after: iso(x509.validTo),
      days_left: 89,
      key_proven: true,
      key_type,
      source: 'api',
      state: 'ok',
      error: null,
      warnings: [],
    });
    const loadedAt = Date.parse(described['loaded_at']!);
    // Clocks of one machine, read in two places.
    expect(loadedAt).toBeGreaterThan(before - 1000);
    expect(loadedAt).toBeLessThan(Date.now() + 1000);
    expect(JSON.parse((await site.get(name)).body)).toEqual(described);
  });

  test('is served by the next handshake, fifty times', async () => {
    const name = 'often.example';
    const pairs = await Promise.all([issue(name), issue(name), issue(name)]);
    for (let round = 0; round < 50; round++) {
      const { pairPem, serial } = pairs[round % pairs.length]!;
      const { status } = await site.put(name, pairPem);
      expect([status, await site.serial(name)]).toEqual([round === 0 ? 201 : 200, serial]);
    }
  });

  test('outlives a clear where the name has no files', async () => {
    const pair = await issue('memory.example');
    await site.put('memory.example', pair.pairPem);
    for (const name of [undefined, 'memory.example', undefined]) {
      await site.clear(name);
      const { serials } = await serialsOfAllWorkers(site, 'memory.example', WORKERS);
      expect(serials).toEqual([pair.serial]);
    }
  });

  test('gives way to the files by a clear where there are some', async () => {
    const name = 'files.example';
    const file = await site.renew(name);
    const pair = await issue(name);
    // The name is not in the zone yet: all the same it is the put that counts.
    await site.put(name, pair.pairPem);
    expect(await site.serial(name)).toBe(pair.serial);
    await site.clear(name);
    expect(await site.serial(name)).toBe(file.serial);
    expect(JSON.parse((await site.get(name)).body)).toMatchObject({ source: 'disk' });
  });

  test('takes back that a name was found to have nothing', async () => {
    const name = 'late.example';
    expect(await site.serial(name)).toBe(site.serials[FALLBACK]);
    const file = await site.renew(name);
    // Nobody looks again for an hour.
    expect(await site.serial(name)).toBe(site.serials[FALLBACK]);
    const pair = await issue(name);
    await site.put(name, pair.pairPem);
    expect(await site.serial(name)).toBe(pair.serial);
    await site.delete(name);
    expect(await site.serial(name)).toBe(file.serial);
  });

  test('for the fallback need not cover it', async () => {
    const pair = await issue('entirely.other.example');
    expect(await site.serial()).toBe(site.serials[FALLBACK]);
    expect((await site.put(FALLBACK, pair.pairPem)).status).toBe(200);
    expect([await site.serial(), await site.serial('unknown.example')]).toEqual([
      pair.serial,
      pair.serial,
    ]);
    await site.delete(FALLBACK);
    expect(await site.serial()).toBe(site.serials[FALLBACK]);
  });

  test('is undone by a delete: the files are loaded again, or nothing', async () => {
    const name = 'gone.example';
    expect((await site.delete(name)).status).toBe(404);
    await site.put(name, (await issue(name)).pairPem);
    const { status, body } = await site.delete(name);
    expect([status, JSON.parse(body)]).toEqual([200, { deleted: name }]);
    expect(await site.serial(name)).toBe(site.serials[FALLBACK]);
    expect([(await site.get(name)).status, (await site.delete(name)).status]).toEqual([404, 404]);

    await site.put(name, (await issue(name)).pairPem);
    const file = await site.renew(name);
    await site.delete(name);
    const { serials } = await serialsOfAllWorkers(site, name, WORKERS);
    expect(serials).toEqual([file.serial]);
  });

  test('shows no key, to whoever asks or in the log', () => {
    site.expectNoKeyShown();
    expect(site.nginx.log()).not.toMatch(/\[(error|crit|alert|emerg)\]/);
  });
});

describe('a put over files that are looked at all the time', async () => {
  const INTERVAL_MS = 50;
  const name = 'a.example';
  const site = await startPutSite({
    names: [name],
    settings: { check_interval: String(INTERVAL_MS / 1000) },
  });
  const certs = site.nginx.certsDirectory;
  const nextLook = (): Promise<void> => sleep(2 * INTERVAL_MS);
  const state = async (): Promise<unknown> => JSON.parse((await site.get(name)).body) as unknown;

  test('wins until they change', async () => {
    expect(await site.serial(name)).toBe(site.serials[name]);
    const pair = await site.authority.issue({ names: [name] });
    await site.put(name, pair.pairPem);
    for (let look = 0; look < 3; look++) {
      expect(await site.serial(name)).toBe(pair.serial);
      await nextLook();
    }
    const file = await site.renew(name);
    await nextLook();
    expect(await site.serial(name)).toBe(file.serial);
    expect(await state()).toMatchObject({ serial: file.serial, source: 'disk', state: 'ok' });
  });

  test('is the last good pair when they turn bad', async () => {
    const pair = await site.authority.issue({ names: [name] });
    await site.put(name, pair.pairPem);
    await replaceFile(join(certs, `${name}.cert.pem`), 'nothing');
    await nextLook();
    expect(await site.serial(name)).toBe(pair.serial);
    expect(await state()).toMatchObject({
      serial: pair.serial,
      source: 'api',
      state: 'last-good',
      error: expect.stringMatching(/^malformed: /) as string,
    });
    await site.clear();
    expect(await site.serial(name)).toBe(pair.serial);

    const next = await site.authority.issue({ names: [name] });
    await writePair(certs, name, next);
    await nextLook();
    expect(await site.serial(name)).toBe(next.serial);
  });

  test('stays when they are removed, also after a clear', async () => {
    const pair = await site.authority.issue({ names: [name] });
    await site.put(name, pair.pairPem);
    site.remove(name);
    await nextLook();
    expect(await site.serial(name)).toBe(pair.serial);
    await site.clear();
    expect(await site.serial(name)).toBe(pair.serial);
    expect(await state()).toMatchObject({ source: 'api', state: 'ok', error: null });
  });
});
