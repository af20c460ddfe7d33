import { generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createAuthority, type Pair } from '../../support/certificates.js';
import { currentRuntime } from '../../setup/runtimes.js';
import { send } from '../../support/http.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { RSA, key, leaf, openssl } from '../../support/openssl.js';
import { expectProblem, form, startPutSite, type PutSite } from '../../support/putting.js';

const MEBIBYTE = 1024 * 1024;
const NAME = 'a.example';
/** What says that a conditional request is done: before njs 0.9.1 nginx takes a 200 away. */
const DONE = currentRuntime().name === 'debian13' ? 203 : 200;

describe('a put that is refused', async () => {
  const STRANGERS_PORT = 8444;
  const site = await startPutSite({
    http: `server { listen ${STRANGERS_PORT}; location /certs/ { js_content certs.admin; } }`,
  });
  const held = await site.authority.issue({ names: [NAME] });
  await site.put(NAME, held.pairPem);
  const before = (await site.get(NAME)).body;

  const good = await site.authority.issue({ names: [NAME] });
  const other = await site.authority.issue({ names: ['other.example'] });
  const hour = (hours: number): Date => new Date(Date.now() + hours * 3600_000);
  const expired = await site.authority.issue({
    names: [NAME],
    notBefore: hour(-2),
    notAfter: hour(-1),
  });
  const { chainPem, certPem, keyPem } = good;
  const { rootPem: foreignPem } = await createAuthority();
  const weak = leaf([NAME], { key: key(RSA + '1024') });
  const edwards = leaf([NAME], { key: key('ED25519') });
  const { privateKey: encrypted } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
  });
  /** A key of the right kind that does not carry its public part, and is another certificate's. */
  const pointless = openssl(['ec', '-no_public'], other.keyPem);

  type Sent = { body: string; headers?: Record<string, string>; name?: string };
  const refusals: [string, Sent, [number, string, RegExp]][] = [
    ['nothing', { body: '' }, [400, 'malformed', /certificate.*PEM/]],
    ['no PEM', { body: 'hello' }, [400, 'malformed', /certificate.*PEM/]],
    ['no key', { body: chainPem }, [400, 'malformed', /key.*PEM/]],
    ['no certificate', { body: keyPem }, [400, 'malformed', /certificate.*PEM/]],
    [
      'half a certificate',
      { body: keyPem + chainPem.slice(0, 300) },
      [400, 'malformed', /certificate|PEM/i],
    ],
    [
      'DER that is none',
      { body: `${keyPem}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n` },
      [400, 'malformed', /a certificate expected/],
    ],
    ['JSON that is none', { body: '{"cert":' }, [400, 'malformed', /JSON/]],
    [
      'JSON without a key',
      { body: JSON.stringify({ cert: chainPem }) },
      [400, 'malformed', /"key"/],
    ],
    [
      'JSON with other types',
      { body: JSON.stringify({ cert: [chainPem], key: 1 }) },
      [400, 'malformed', /"cert".*"key".*PEM/],
    ],
    ['a form without a key', form({ cert: chainPem }), [400, 'malformed', /"cert".*"key"/]],
    [
      'a form without a boundary',
      {
        ...form({ cert: chainPem, key: keyPem }),
        headers: { 'Content-Type': 'multipart/form-data' },
      },
      [400, 'malformed', /boundary/],
    ],
    [
      'a form that is cut off',
      {
        ...form({ cert: chainPem, key: keyPem }),
        body: form({ cert: chainPem }).body.slice(0, -8),
      },
      [400, 'malformed', /cut off/],
    ],
    ['a name that is none', { body: good.pairPem, name: 'a..example' }, [400, 'malformed', /name/]],
    [
      'a path for a name',
      { body: good.pairPem, name: 'a%2Fb.example' },
      [400, 'malformed', /name/],
    ],
    ['a wildcard within', { body: good.pairPem, name: 'a.*.example' }, [400, 'malformed', /name/]],
    [
      'over 1 MiB',
      { body: good.pairPem + '#'.repeat(MEBIBYTE) },
      [413, 'too-large', /at most 1 MiB/],
    ],
    [
      'over 1 MiB, in chunks',
      {
        body: good.pairPem + '#'.repeat(MEBIBYTE),
        headers: { 'Transfer-Encoding': 'chunked' },
      },
      [413, 'too-large', /at most 1 MiB/],
    ],
    [
      "another certificate's key",
      { body: chainPem + other.keyPem },
      [422, 'key-mismatch', /one issuance/],
    ],
    [
      "another certificate's key, without its public part",
      { body: chainPem + pointless },
      [422, 'key-mismatch', /one issuance/],
    ],
    ['an expired certificate', { body: expired.pairPem }, [422, 'expired', /\dZ.*renewal/]],
    [
      'a certificate for another name',
      { body: other.pairPem },
      [422, 'name-not-covered', /a\.example.*one of its own names/],
    ],
    ['an encrypted key', { body: chainPem + encrypted }, [422, 'encrypted-key', /openssl pkey/]],
    ['a weak key', { body: weak.pem + weak.key }, [422, 'weak', /1024.*new certificate/]],
    [
      'a key that this engine cannot prove',
      { body: edwards.pem + edwards.key },
      [422, 'unsupported-key', /Ed25519.*use ECDSA or RSA/],
    ],
    [
      'a certificate that does not belong',
      { body: certPem + foreignPem + keyPem },
      [422, 'bad-chain', /is the issuer, CN=Test intermediate.*intermediates/],
    ],
  ];

  test.each(refusals)('%s', async (_, { body, headers, name = NAME }, expected) => {
    expectProblem(await site.put(name, body, headers), expected);
  });

  test('names of no certificate', async () => {
    const extensions = ['subjectAltName=IP:127.0.0.1'];
    const nameless = leaf([], { subject: '/CN=An address', extensions });
    expectProblem(await site.put('', nameless.pem + nameless.key), [
      422,
      'name-not-covered',
      /no DNS name/,
    ]);
  });

  test('from a stranger, or by another method', async () => {
    const stranger = await send(site.nginx.address(STRANGERS_PORT), `/certs/${NAME}`, {
      method: 'PUT',
      body: good.pairPem,
    });
    expectProblem(stranger, [403, 'forbidden', /\$cert_admin_remote/]);
    const patch = await site.nginx.admin(`/certs/${NAME}`, { method: 'PATCH', body: good.pairPem });
    expectProblem(patch, [405, 'method-not-allowed', /GET or PUT or POST or DELETE/]);
    expect(patch.headers['allow']).toBe('GET, PUT, POST, DELETE');
  });

  test('changes nothing, and shows no key', async () => {
    expect((await site.get(NAME)).body).toBe(before);
    expect(await site.serial(NAME)).toBe(held.serial);
    expect((JSON.parse((await site.get('')).body) as { certs: unknown[] }).certs).toHaveLength(1);
    site.expectNoKeyShown();
    expect(site.nginx.log()).not.toMatch(/\[(error|crit|alert|emerg)\]/);
  });
});

describe('two writers', async () => {
  const site = await startPutSite();
  const { authority } = site;
  const pairs = await Promise.all([0, 1, 2, 3].map(() => authority.issue({ names: [NAME] })));
  const etag = async (): Promise<string> => (await site.get(NAME)).headers.etag ?? 'none';
  const CONFLICT: [number, string, RegExp] = [412, 'precondition-failed', /Read it again/];

  test('of a new name: exactly one puts it with If-None-Match', async () => {
    for (let round = 0; round < 5; round++) {
      const answers = await Promise.all(
        pairs.map(({ pairPem }) => site.put(NAME, pairPem, { 'If-None-Match': '*' })),
      );
      const won = answers.findIndex(({ status }) => status === 201);
      expect(answers.map(({ status }) => status).sort()).toEqual([201, 412, 412, 412]);
      expect(await site.serial(NAME)).toBe(pairs[won]!.serial);
      expectProblem(answers[won === 0 ? 1 : 0]!, CONFLICT);
      expect((await site.delete(NAME, { 'If-Match': await etag() })).status).toBe(DONE);
    }
  });

  test('of one that is held: exactly one replaces what both have read', async () => {
    await site.put(NAME, (await authority.issue({ names: [NAME] })).pairPem);
    for (let round = 0; round < 5; round++) {
      const read = { 'If-Match': await etag() };
      const [first, second] = [pairs[round % 2]!, pairs[2 + (round % 2)]!];
      const answers = await Promise.all([
        site.put(NAME, first.pairPem, read),
        site.put(NAME, second.pairPem, read),
      ]);
      expect(answers.map(({ status }) => status).sort()).toEqual([DONE, 412]);
      const [winner, answer] =
        answers[0].status === DONE ? [first, answers[0]] : [second, answers[1]];
      expect(await site.serial(NAME)).toBe(winner.serial);
      expect(await etag()).toBe(answer.headers.etag);
    }
  });

  test('a condition may list tags, or ask for any', async () => {
    const tag = await etag();
    const put = async (headers: Record<string, string>): Promise<number> =>
      (await site.put(NAME, pairs[0]!.pairPem, headers)).status;
    expect(await put({ 'If-Match': `"x", ${tag}` })).toBe(DONE);
    const now = await etag();
    expect(await put({ 'If-Match': '*' })).toBe(200);
    expect(await put({ 'If-Match': '"x"' })).toBe(412);
    expect(await put({ 'If-Match': now.replaceAll('"', '') })).toBe(412);
    expect(await put({ 'If-None-Match': '"x"' })).toBe(200);
    expect(await put({ 'If-None-Match': now })).toBe(412);
    expectProblem(await site.delete(NAME, { 'If-Match': '"x"' }), CONFLICT);
    expect(await put({ 'If-Unmodified-Since': 'Sat, 01 Jan 2000 00:00:00 GMT' })).toBe(DONE);
    const unheld = await site.put('b.example', (await issueFor('b.example')).pairPem, {
      'If-Match': '*',
    });
    expectProblem(unheld, [412, 'precondition-failed', /no certificate for b\.example/]);
  });

  test('all names of a leaf have to meet the condition', async () => {
    const both = await authority.issue({ names: [NAME, 'new.example'] });
    const before = await etag();
    for (const headers of [{ 'If-None-Match': '*' }, { 'If-Match': before }]) {
      expectProblem(await site.put('', both.pairPem, headers), CONFLICT);
    }
    expect([await etag(), (await site.get('new.example')).status]).toEqual([before, 404]);
  });

  test('a condition on what is only read does no harm', async () => {
    const before = await site.nginx.processes();
    for (const header of ['If-Match', 'If-None-Match']) {
      for (const value of ['*', '"x"', await etag()]) {
        for (const path of [`/certs/${NAME}`, '/certs/', '/metrics', '/clear']) {
          for (const Accept of ['*/*', 'application/pem-certificate-chain']) {
            const headers = { [header]: value, Accept };
            const { status } = await site.nginx.admin(path, { headers });
            expect([DONE, 200, 304, 412]).toContain(status);
          }
        }
      }
    }
    expect(await site.nginx.processes()).toEqual(before);
    expect(site.nginx.log()).not.toMatch(/\[(error|crit|alert|emerg)\]/);
  });

  async function issueFor(name: string): Promise<Pair> {
    return authority.issue({ names: [name] });
  }
});

test('a writer waits for another one that has the lock', async () => {
  const directory = makeWorkDirectory();
  writeFileSync(
    join(directory, 'certs', 'lock.js'),
    `function take(r) { r.return(200, String(ngx.shared.certs.add('#lock:${NAME}', Date.now() + ':0'))); }
     function give(r) { r.return(200, String(ngx.shared.certs.delete('#lock:${NAME}'))); }
     export default { take, give };`,
  );
  const site = await startPutSite({
    directory,
    http: `js_import lock from /etc/nginx/certs/lock.js;
      server { listen 8444; location /take { js_content lock.take; } location /give { js_content lock.give; } }`,
  });
  const lock = async (path: string): Promise<string> =>
    (await send(site.nginx.address(8444), path)).body;
  const [first, second] = [
    await site.authority.issue({ names: [NAME] }),
    await site.authority.issue({ names: [NAME] }),
  ];
  await site.put(NAME, first.pairPem);

  expect(await lock('/take')).toBe('true');
  let isDone = false;
  const put = site.put(NAME, second.pairPem).finally(() => {
    isDone = true;
  });
  await sleep(300);
  expect([isDone, await site.serial(NAME)]).toEqual([false, first.serial]);
  expect(await lock('/give')).toBe('true');
  expect([(await put).status, await site.serial(NAME)]).toEqual([200, second.serial]);
});

describe('a zone without room', async () => {
  const site = await startPutSite({ zones: 'js_shared_dict_zone zone=certs:32k;' });
  const NO_ROOM: [number, string, RegExp] = [507, 'zone-full', /larger size/];
  const heldIn = async ({ get }: PutSite): Promise<Record<string, string>> => {
    const { certs } = JSON.parse((await get('')).body) as {
      certs: { name: string; serial: string }[];
    };
    return Object.fromEntries(certs.map(({ name, serial }) => [name, serial]));
  };

  test('takes all names of a leaf or none', async () => {
    const old = await site.authority.issue({ names: ['n0.example'] });
    await site.put('n0.example', old.pairPem);
    const names = Array.from({ length: 40 }, (_, i) => `n${i}.example`);
    const many = await site.authority.issue({ names });
    expectProblem(await site.put('', many.pairPem), NO_ROOM);
    expect(await heldIn(site)).toEqual({ 'n0.example': old.serial });
    expect(await site.serial('n0.example')).toBe(old.serial);
  });

  test('keeps what it holds, and takes no more', async () => {
    const held = await heldIn(site);
    let refused: string | undefined;
    for (let i = 1; i < 40 && refused === undefined; i++) {
      const name = `m${i}.example`;
      const pair = await site.authority.issue({ names: [name] });
      const answer = await site.put(name, pair.pairPem);
      if (answer.status === 201) {
        held[name] = pair.serial;
      } else {
        expectProblem(answer, NO_ROOM);
        refused = name;
      }
    }
    expect(refused).toBeDefined();
    expect(await heldIn(site)).toEqual(held);
    expect((await site.get(refused!)).status).toBe(404);
    for (const [name, serial] of Object.entries(held)) {
      expect(await site.serial(name)).toBe(serial);
    }
    // What is there can be replaced all the same.
    const next = await site.authority.issue({ names: ['m1.example'] });
    expect((await site.put('m1.example', next.pairPem)).status).toBe(200);
    expect(await heldIn(site)).toEqual({ ...held, 'm1.example': next.serial });
    expect(await site.serial('m1.example')).toBe(next.serial);
  });

  test('shows no key', () => {
    site.expectNoKeyShown();
    expect(site.nginx.log()).not.toMatch(/\[(error|alert|emerg)\]/);
  });
});

test('without a zone there is nothing to put into', async () => {
  const site = await startPutSite({ zones: '' });
  const { pairPem } = await site.authority.issue({ names: [NAME] });
  expectProblem(await site.put(NAME, pairPem), [507, 'zone-full', /js_shared_dict_zone/]);
  expectProblem(await site.delete(NAME), [404, 'not-found', /no zone/]);
});
