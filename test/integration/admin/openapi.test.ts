import { execFileSync } from 'node:child_process';
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { currentRuntime } from '../../setup/runtimes.js';
import type { Pair } from '../../support/certificates.js';
import type { HttpRequest } from '../../support/http.js';
import { STORE } from '../../support/nginx.js';
import { readDescription } from '../../support/openapi.js';
import { startSite, type Site } from '../../support/site.js';

const FILE = new URL('../../../nginx/openapi.yaml', import.meta.url).pathname;
const HOUR_MS = 3_600_000;
const NAME = 'a.example';

const description = readDescription(FILE);
const { paths } = description;

/** What no request brings about, and why. */
const NOT_PROVOKED = [
  // A fault in the script, of which none is known.
  / 500 internal$/,
  // What njs before 0.9.1 answers in place of 200.
  ...(currentRuntime().name === 'debian13' ? [] : [/ 203$/]),
];
const DONE = /^20[03]$/;

/** Outcomes that real answers had. */
const seen = new Set<string>();

/** Sends a request, and holds the answer against the description of its path and method. */
async function ask(
  site: Site,
  method: string,
  path: string,
  query = '',
  request: HttpRequest = {},
  describedAs = method,
): Promise<string> {
  const url = path.replace('{name}', NAME) + query;
  const answer = await site.nginx.admin(url, { method: method.toUpperCase(), ...request });
  const outcome = description.check(path, describedAs, answer);
  seen.add(outcome);
  return outcome.split(' ').slice(1).join(' ');
}

const PUTS = ['/certs/', '/certs/{name}'].flatMap((path) =>
  ['put', 'post'].map((method) => ({ path, method })),
);
const ALL = Object.entries(paths).flatMap(([path, methods]) =>
  ['get', 'put', 'post', 'delete']
    .filter((method) => methods[method])
    .map((method) => ({ path, method })),
);

/** A self-signed pair for NAME with a key that only OpenSSL makes. */
function selfSigned(key: string[]): string {
  const args = ['req', '-x509', '-nodes', '-days', '9', '-subj', `/CN=${NAME}`, '-newkey', ...key];
  const names = ['-addext', `subjectAltName=DNS:${NAME}`, '-keyout', '-', '-out', '-'];
  return execFileSync('openssl', [...args, ...names], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

function encrypted(pair: Pair): string {
  const key = createPrivateKey(pair.keyPem).export({
    format: 'pem',
    type: 'pkcs8',
    cipher: 'aes-256-cbc',
    passphrase: 'x',
  });
  return pair.chainPem + key.toString();
}

test('the description is one, by the meta-schema of OpenAPI 3.1', async () => {
  expect(await description.faults()).toBeUndefined();
  expect(readFileSync(FILE, 'utf8')).toMatch(/^openapi: 3\.1\./);
});

describe('what is described is what happens', async () => {
  const site = await startSite({ settings: { check_interval: '0' } });
  const { authority } = site;
  const pair = await authority.issue({ names: [NAME, 'b.example'] });
  const clearName = `?name=${NAME}`;

  test.each(PUTS)('$method $path puts new pairs and replaces them', async ({ path, method }) => {
    const bodies: HttpRequest[] = [
      { body: pair.pairPem },
      { body: JSON.stringify({ cert: pair.chainPem, key: pair.keyPem }) },
      form(pair),
    ];
    for (const body of bodies) {
      for (const name of [NAME, 'b.example']) {
        await site.nginx.admin(`/certs/${name}`, { method: 'DELETE' });
      }
      expect(await ask(site, method, path, '', body)).toBe('201');
      expect(await ask(site, method, path, '', body)).toBe('200');
    }
    const { etag = '' } = (await site.nginx.admin(`/certs/${NAME}`)).headers;
    const body = { body: pair.pairPem, headers: { 'If-Match': etag } };
    expect(await ask(site, method, path, '', body)).toMatch(DONE);
  });

  test.each(PUTS)('$method $path refuses what it says it refuses', async ({ path, method }) => {
    await ask(site, method, path, '', { body: pair.pairPem });
    const send = async (body: string, headers = {}): Promise<string> =>
      ask(site, method, path, '', { body, headers });
    const other = await authority.issue({ names: [NAME] });
    const notAfter = new Date(Date.now() - HOUR_MS);
    const notBefore = new Date(notAfter.getTime() - HOUR_MS);
    const late = await authority.issue({ names: [NAME], notBefore, notAfter });
    const nameless = await authority.issue({ names: ['no server name'] });
    expect(await send('')).toBe('400 malformed');
    const label = 'CERTIFICATE-----\n';
    expect(await send(`-----BEGIN ${label}-----END ${label}`)).toBe('400 malformed');
    expect(await send('{"cert":"","key":""}')).toBe('400 malformed');
    expect(await send(pair.pairPem, { 'If-None-Match': '*' })).toBe('412 precondition-failed');
    expect(await send(pair.pairPem, { 'If-Match': '"x"' })).toBe('412 precondition-failed');
    expect(await send('x'.repeat(1024 * 1024 + 1))).toBe('413 too-large');
    expect(await send(pair.chainPem + other.keyPem)).toBe('422 key-mismatch');
    expect(await send(late.pairPem)).toBe('422 expired');
    expect(await send(nameless.pairPem)).toBe('422 name-not-covered');
    expect(await send(encrypted(pair))).toBe('422 encrypted-key');
    expect(await send(selfSigned(['rsa:1024']))).toBe('422 weak');
    const curve = ['ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'];
    expect(await send(selfSigned(curve))).toBe('422 unsupported-key');
    expect(await send(pair.certPem + authority.rootPem + pair.keyPem)).toBe('422 bad-chain');
  });

  test('certificates are listed, read and deleted', async () => {
    await ask(site, 'put', '/certs/', '', { body: pair.pairPem });
    expect(await ask(site, 'get', '/certs/')).toBe('200');
    expect(await ask(site, 'get', '/certs/', '?limit=1')).toBe('200');
    expect(await ask(site, 'get', '/certs/', '?after=z')).toBe('200');
    expect(await ask(site, 'get', '/certs/', '?limit=0')).toBe('400 malformed');
    const one = '/certs/{name}';
    expect(await ask(site, 'get', one)).toBe('200');
    const Accept = 'application/pem-certificate-chain';
    expect(await ask(site, 'get', one, '', { headers: { Accept } })).toBe('200');
    expect(await ask(site, 'get', one, '%20')).toBe('400 malformed');
    expect(await ask(site, 'delete', one, '%20')).toBe('400 malformed');
    const stale = { headers: { 'If-Match': '"x"' } };
    expect(await ask(site, 'delete', one, '', stale)).toBe('412 precondition-failed');
    const { etag = '' } = (await site.nginx.admin(`/certs/${NAME}`)).headers;
    const fresh = { headers: { 'If-Match': etag } };
    expect(await ask(site, 'delete', one, '', fresh)).toMatch(DONE);
    await ask(site, 'put', one, '', { body: pair.pairPem });
    expect(await ask(site, 'delete', one)).toBe('200');
    expect(await ask(site, 'delete', one)).toBe('404 not-found');
    expect(await ask(site, 'get', one)).toBe('404 not-found');
  });

  test.each(['get', 'post'])('%s /clear clears all, or one', async (method) => {
    expect(await ask(site, method, '/clear')).toBe('200');
    expect(await ask(site, method, '/clear', clearName)).toBe('200');
    expect(await ask(site, method, '/clear', '?name=%20')).toBe('400 malformed');
  });

  test('there are metrics', async () => {
    expect(await ask(site, 'get', '/metrics')).toBe('200');
  });

  test.each(ALL)('$method $path is not for web pages', async ({ path, method }) => {
    const headers = { Origin: 'https://evil.example' };
    expect(await ask(site, method, path, '', { headers })).toBe('403 forbidden');
  });

  test.each(ALL)(
    '$path says which methods it takes, $method among them',
    async ({ path, method }) => {
      const url = path.replace('{name}', NAME);
      const { headers } = await site.nginx.admin(url, { method: 'PATCH' });
      expect(headers.allow?.split(', ')).toContain(method.toUpperCase());
      expect(await ask(site, 'patch', path, '', {}, method)).toBe('405 method-not-allowed');
    },
  );
});

test('a name with two pairs is described, alone and in a list', async () => {
  const site = await startSite({ rsaSlot: 'last' });
  for (const keyType of ['ec', 'rsa'] as const) {
    const { pairPem } = await site.authority.issue({ names: [NAME], keyType });
    expect(await ask(site, 'put', '/certs/{name}', '', { body: pairPem })).toBe('201');
  }
  for (const path of ['/certs/{name}', '/certs/']) expect(await ask(site, 'get', path)).toBe('200');
  expect((await site.nginx.admin(`/certs/${NAME}`)).body).toContain(`,"rsa":{"name":"${NAME}",`);
});

describe('a full zone', async () => {
  const site = await startSite({
    zones: 'js_shared_dict_zone zone=certs:32k;',
    // Until no place is left, however small.
    modules: {
      probe: `function fill(r) {
      for (let size = 4000; size > 0; size = size >> 1) {
        try {
          for (let i = 0; ; i++) ngx.shared.certs.set('#fill' + size + '-' + i, 'x'.repeat(size));
        } catch (e) {
          // It is full for this size.
        }
      }
      r.return(200);
    }
    export default { fill };`,
    },
    admin: 'location = /fill { js_content probe.fill; }',
  });
  const { pairPem } = await site.authority.issue({ names: [NAME] });

  test('has room for no put or clear of a name, and for a delete all the same', async () => {
    expect(await ask(site, 'put', '/certs/{name}', '', { body: pairPem })).toBe('201');
    await site.nginx.admin('/fill');
    for (const { path, method } of PUTS) {
      expect(await ask(site, method, path, '', { body: pairPem })).toBe('507 zone-full');
    }
    for (const method of ['get', 'post']) {
      expect(await ask(site, method, '/clear', `?name=${NAME}`)).toBe('507 zone-full');
    }
    expect(await ask(site, 'delete', '/certs/{name}')).toBe('200');
    expect(await ask(site, 'get', '/certs/{name}')).toBe('404 not-found');
  });
});

describe('a store that cannot be written', async () => {
  const site = await startSite({ names: [NAME], store: true });
  const { pairPem } = await site.authority.issue({ names: [NAME] });

  test('refuse puts and deletes', async () => {
    await site.serial(NAME);
    await site.nginx.exec(['sh', '-c', `find ${STORE} -mindepth 1 -type d -exec chmod 500 {} +`]);
    for (const { path, method } of PUTS) {
      expect(await ask(site, method, path, '', { body: pairPem })).toBe('500 store-failed');
    }
    expect(await ask(site, 'delete', '/certs/{name}')).toBe('500 store-failed');
  });
});

describe('an etcd that is away', async () => {
  // Nothing listens there.
  const site = await startSite({ settings: { etcd: 'http://127.0.0.1:9' } });
  const { pairPem } = await site.authority.issue({ names: [NAME] });

  test('refuses puts and deletes', async () => {
    for (const { path, method } of PUTS) {
      expect(await ask(site, method, path, '', { body: pairPem })).toBe('503 store-unavailable');
    }
    expect(await ask(site, 'delete', '/certs/{name}')).toBe('503 store-unavailable');
  });
});

test('every outcome that is described was seen, but for those that nothing brings about', () => {
  const wanted = description.outcomes.filter(
    (outcome) => !NOT_PROVOKED.some((pattern) => pattern.test(outcome)),
  );
  expect(wanted.length).toBeGreaterThan(80);
  expect([...seen].sort()).toEqual(wanted.sort());
});

function form({ chainPem, keyPem }: Pair): HttpRequest {
  const parts = Object.entries({ cert: chainPem, key: keyPem }).map(
    ([name, text]) =>
      `--boundary\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${text}\r\n`,
  );
  return {
    body: `${parts.join('')}--boundary--\r\n`,
    headers: { 'Content-Type': 'multipart/form-data; boundary=boundary' },
  };
}
