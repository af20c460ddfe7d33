import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writePair, type Pair } from '../../support/certificates.js';
import { scrape } from '../../support/metrics.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import type { ClientOptions } from '../../support/tls_client.js';
import { startPutSite } from '../../support/putting.js';
import { startSite, type Site, type SiteOptions } from '../../support/site.js';

const MISSES = `js_shared_dict_zone zone=certs:1m;
  js_shared_dict_zone zone=certs_misses:128k timeout=60s evict;`;
const HOUR_MS = 3_600_000;

/** Old and new clients that take one kind of certificate, and one that takes both. */
const CLIENTS = {
  'RSA in TLS 1.2': { maxVersion: 'TLSv1.2', ciphers: 'aRSA' },
  'RSA in TLS 1.3': { minVersion: 'TLSv1.3', sigalgs: 'rsa_pss_rsae_sha256' },
  'ECDSA in TLS 1.2': { maxVersion: 'TLSv1.2', ciphers: 'aECDSA' },
  'ECDSA in TLS 1.3': { minVersion: 'TLSv1.3', sigalgs: 'ecdsa_secp256r1_sha256' },
  any: {},
} as const satisfies Record<string, Partial<ClientOptions>>;
const OLD = CLIENTS['RSA in TLS 1.2'];
const NEW = CLIENTS['ECDSA in TLS 1.3'];

const labelOf = (name: string): string => `${name.replace('*', '_')}.rsa`;

/** Issues an RSA pair and writes it to the files of the RSA slot. */
async function renewRsa(site: Site, name: string): Promise<Pair> {
  const pair = await site.authority.issue({ names: [name], keyType: 'rsa' });
  await writePair(site.nginx.certsDirectory, labelOf(name), pair);
  return pair;
}

/** What a client with each kind of certificate is served: serial numbers, or `none`. */
async function served(site: Site, name?: string): Promise<Record<string, string>> {
  const serials = await Promise.all(
    Object.entries(CLIENTS).map(async ([client, options]) => {
      return [client, await site.serial(name, options).catch(() => 'none')] as const;
    }),
  );
  return Object.fromEntries(serials);
}

function expected(ecdsa: string, rsa: string): Record<string, string> {
  return {
    'RSA in TLS 1.2': rsa,
    'RSA in TLS 1.3': rsa,
    'ECDSA in TLS 1.2': ecdsa,
    'ECDSA in TLS 1.3': ecdsa,
    any: ecdsa === 'none' ? rsa : ecdsa,
  };
}

describe.each<[NonNullable<SiteOptions['variables']>, NonNullable<SiteOptions['rsaSlot']>]>([
  ['one', 'last'],
  ['two', 'first'],
])('%s variable per slot, the RSA slot %s', async (variables, rsaSlot) => {
  const site = await startSite({
    names: ['both.example', 'ec.example', '*.w.example', 'own.w.example', 'fallback.example'],
    variables,
    rsaSlot,
    zones: MISSES,
    settings: { fallback: 'fallback.example', check_interval: '0' },
  });
  const rsa: Record<string, string> = {};
  for (const name of ['both.example', 'rsa.example', '*.w.example', 'fallback.example']) {
    rsa[name] = (await renewRsa(site, name)).serial;
  }

  test('each client is served the kind it takes', async () => {
    const { serials } = site;
    for (const again of ['read', 'held']) {
      expect(await served(site, 'both.example'), again).toEqual(
        expected(serials['both.example']!, rsa['both.example']!),
      );
    }
  });

  test('a name with one kind is served that one, also by the other slot', async () => {
    for (const again of ['read', 'held']) {
      expect(await served(site, 'ec.example'), again).toEqual(
        expected(site.serials['ec.example']!, 'none'),
      );
      expect(await served(site, 'rsa.example'), again).toEqual(
        expected('none', rsa['rsa.example']!),
      );
    }
    // No handler came back empty.
    expect(site.nginx.log()).not.toContain('cannot load certificate');
  });

  test("the wildcard's pairs are for the names under it, and a name's only one wins over both", async () => {
    const { serials } = site;
    for (const again of ['read', 'held']) {
      expect(await served(site, 'x.w.example'), again).toEqual(
        expected(serials['*.w.example']!, rsa['*.w.example']!),
      );
      expect(await served(site, 'own.w.example'), again).toEqual(
        expected(serials['own.w.example']!, 'none'),
      );
    }
  });

  test("without a name the fallback's pairs are served", async () => {
    const pairs = expected(site.serials['fallback.example']!, rsa['fallback.example']!);
    expect(await served(site)).toEqual(pairs);
    expect(await served(site, 'unknown.example')).toEqual(pairs);
  });

  test('each kind is renewed by itself, and a clear is for both', async () => {
    const oldEcdsa = site.serials['both.example']!;
    const { serial } = await renewRsa(site, 'both.example');
    expect(await site.serial('both.example', OLD)).toBe(rsa['both.example']);
    expect(await site.clear('both.example')).toEqual({ cleared: 'both.example', cached: true });
    expect(await served(site, 'both.example')).toEqual(expected(oldEcdsa, serial));

    const ecdsa = await site.renew('both.example');
    await site.clear();
    expect(await served(site, 'both.example')).toEqual(expected(ecdsa.serial, serial));
    rsa['both.example'] = serial;
  });

  test('the first pair of the other kind is found after a clear of the name', async () => {
    // Notes that there is no RSA pair.
    expect(await site.serial('ec.example', NEW)).toBe(site.serials['ec.example']);
    const { serial } = await renewRsa(site, 'ec.example');
    await expect(site.serial('ec.example', OLD)).rejects.toThrow();
    await site.clear('ec.example');
    expect(await served(site, 'ec.example')).toEqual(expected(site.serials['ec.example']!, serial));
  });

  test('a name with an RSA pair alone is cleared, too', async () => {
    const { serial } = await renewRsa(site, 'rsa.example');
    expect(await site.clear('rsa.example')).toEqual({ cleared: 'rsa.example', cached: true });
    expect(await served(site, 'rsa.example')).toEqual(expected('none', serial));
  });
});

describe('bad files in one slot', async () => {
  const name = 'a.example';
  const site = await startSite({
    names: [name],
    rsaSlot: 'last',
    settings: { check_interval: '0' },
  });
  const good = await renewRsa(site, name);
  const other = await site.authority.issue({ names: [name], keyType: 'rsa' });

  const expiredAt = new Date(Date.now() - HOUR_MS);
  test.each<[string, (certs: string) => Promise<unknown>]>([
    ['key-mismatch', (certs) => writePair(certs, labelOf(name), { ...other, keyPem: good.keyPem })],
    [
      'expired',
      async (certs) => {
        const notBefore = new Date(expiredAt.getTime() - HOUR_MS);
        const times = { notBefore, notAfter: expiredAt };
        const pair = await site.authority.issue({ names: [name], keyType: 'rsa', ...times });
        await writePair(certs, labelOf(name), pair);
      },
    ],
    [
      'malformed',
      (certs) => {
        writeFileSync(join(certs, `${labelOf(name)}.cert.pem`), good.chainPem.slice(0, 500));
        return Promise.resolve();
      },
    ],
    [
      // As a client for certificates leaves it whose default kind has changed.
      'unsupported-key',
      async (certs) => {
        await writePair(certs, labelOf(name), await site.authority.issue({ names: [name] }));
      },
    ],
  ])('%s: the last good pair is served, and the other slot is not touched', async (code, spoil) => {
    await writePair(site.nginx.certsDirectory, labelOf(name), good);
    await site.clear();
    expect(await site.serial(name, OLD)).toBe(good.serial);
    await spoil(site.nginx.certsDirectory);
    await site.clear();
    const { serial } = await site.renew(name);
    await site.clear();
    expect(await served(site, name)).toEqual(expected(serial, good.serial));

    const { body } = await site.nginx.admin(`/certs/${name}`);
    expect(JSON.parse(body)).toMatchObject({
      serial,
      state: 'ok',
      error: null,
      rsa: {
        name,
        serial: good.serial,
        state: 'last-good',
        error: expect.stringContaining(`${code}: `) as string,
      },
    });
    const samples = await scrape(site.nginx);
    const labels = `name="${name}",code="${code}",held="yes",slot="rsa"`;
    expect(samples[`cert_rotation_certificate_problem{${labels}}`]).toBe(1);
    expect(samples['cert_rotation_names{state="last-good",slot="rsa"}']).toBe(1);
    expect(samples['cert_rotation_names{state="ok"}']).toBe(1);
    expect(samples[`cert_rotation_certificate_not_after_seconds{name="${name}"}`]).toBeGreaterThan(
      Date.now() / 1000,
    );
    expect(
      samples[`cert_rotation_certificate_not_after_seconds{name="${name}",slot="rsa"}`],
    ).toBeGreaterThan(Date.now() / 1000);
  });
});

describe('put', async () => {
  const site = await startPutSite({
    rsaSlot: 'first',
    zones: MISSES,
    settings: { check_interval: '0' },
  });

  async function pairs(name: string): Promise<{ ecdsa: Pair; rsa: Pair }> {
    const [ecdsa, rsa] = await Promise.all([
      site.authority.issue({ names: [name] }),
      site.authority.issue({ names: [name], keyType: 'rsa' }),
    ]);
    return { ecdsa, rsa };
  }

  test('the kind of the key tells which slot a pair is for, and the list has one entry', async () => {
    const name = 'kinds.example';
    const { ecdsa, rsa } = await pairs(name);
    expect((await site.put(name, rsa.pairPem)).status).toBe(201);
    expect(await served(site, name)).toEqual(expected('none', rsa.serial));
    expect((await site.put(name, ecdsa.pairPem)).status).toBe(201);
    expect(await served(site, name)).toEqual(expected(ecdsa.serial, rsa.serial));
    const next = await pairs(name);
    expect((await site.put(name, next.rsa.pairPem)).status).toBe(200);
    expect(await served(site, name)).toEqual(expected(ecdsa.serial, next.rsa.serial));

    const { certs } = JSON.parse((await site.get('')).body) as { certs: { name: string }[] };
    expect(certs.filter((one) => one.name === name)).toMatchObject([
      {
        serial: ecdsa.serial,
        key_type: 'ECDSA-P256',
        rsa: { serial: next.rsa.serial, key_type: 'RSA-2048' },
      },
    ]);
    site.expectNoKeyShown();
  });

  test('a condition is about the pair that is replaced, or about the one that is shown', async () => {
    const name = 'conditions.example';
    const { ecdsa, rsa } = await pairs(name);
    const first = { 'If-None-Match': '*' };
    expect((await site.put(name, ecdsa.pairPem, first)).status).toBe(201);
    expect((await site.put(name, rsa.pairPem, first)).status).toBe(201);
    const next = await pairs(name);
    expect((await site.put(name, next.rsa.pairPem, first)).status).toBe(412);

    const shown = await site.get(name);
    const entry = JSON.parse(shown.body) as Record<'rsa', { fingerprint_sha256: string }>;
    const ofEcdsa = { 'If-Match': shown.headers['etag'] as string };
    const ofRsa = { 'If-Match': `"${entry.rsa.fingerprint_sha256}"` };
    expect((await site.put(name, next.rsa.pairPem, ofEcdsa)).status).toBe(412);
    expect((await site.put(name, next.ecdsa.pairPem, ofRsa)).status).toBe(412);
    expect(await served(site, name)).toEqual(expected(ecdsa.serial, rsa.serial));
    expect((await site.put(name, next.rsa.pairPem, ofRsa)).status).toBeLessThan(204);
    expect((await site.put(name, next.ecdsa.pairPem, ofEcdsa)).status).toBeLessThan(204);
    expect(await served(site, name)).toEqual(expected(next.ecdsa.serial, next.rsa.serial));

    expect((await site.delete(name, ofEcdsa)).status).toBe(412);
    const { headers } = await site.get(name);
    const deleted = await site.delete(name, { 'If-Match': headers['etag'] as string });
    expect(deleted.status).toBeLessThan(204);
    expect((await site.get(name)).status).toBe(404);
    await expect(site.serial(name)).rejects.toThrow();
  });

  test('a delete drops a name that has an RSA pair alone', async () => {
    const name = 'rsa-alone.example';
    const { rsa } = await pairs(name);
    await site.put(name, rsa.pairPem);
    const { body } = await site.get(name);
    expect(JSON.parse(body)).toMatchObject({ name, serial: rsa.serial });
    expect(body).not.toContain('"rsa":');
    expect((await site.delete(name)).status).toBe(200);
    expect((await site.delete(name)).status).toBe(404);
  });

  test('pages of the list have each name once', async () => {
    const names = ['p1.example', 'p2.example', 'p3.example'];
    const { rsa } = await pairs('p1.example');
    const both = await site.authority.issue({ names });
    const bothRsa = await site.authority.issue({ names: names.slice(1), keyType: 'rsa' });
    for (const { pairPem } of [both, rsa, bothRsa]) await site.put('', pairPem);
    const seen: string[] = [];
    let after: string | null = 'p';
    while (after?.startsWith('p') && seen.length < 10) {
      const { body } = await site.get(`?limit=1&after=${after}`);
      const page = JSON.parse(body) as {
        certs: { name: string; rsa?: object }[];
        next: string | null;
      };
      seen.push(...page.certs.map(({ name, rsa }) => `${name} ${rsa ? 2 : 1}`));
      after = page.next;
    }
    expect(seen.slice(0, 3)).toEqual(names.map((name) => `${name} 2`));
    expect(new Set(seen).size).toBe(seen.length);
  });
});

describe.each(['first', 'last'] as const)(
  'an RSA pair in the first slot, RSA line %s',
  async (rsaSlot) => {
    const name = 'a.example';
    const site = await startPutSite({ rsaSlot, settings: { check_interval: '3600' } });
    const old = await site.authority.issue({ names: [name], keyType: 'rsa' });
    await writePair(site.nginx.certsDirectory, name, old);

    test.each(['before it was read', 'after it'])('is replaced by a put %s', async () => {
      const next = await site.authority.issue({ names: [name], keyType: 'rsa' });
      const { status } = await site.put(name, next.pairPem);
      expect(status).toBe(200);
      expect(await served(site, name)).toEqual(expected('none', next.serial));
      await site.clear();
      await site.delete(name);
      expect(await served(site, name)).toEqual(expected('none', old.serial));
    });
  },
);

describe('with a store', async () => {
  const name = 'a.example';
  const options: SiteOptions = { directory: makeWorkDirectory(), rsaSlot: 'last', store: true };
  const site = await startPutSite(options);

  test('each kind is served by the next nginx, and a delete removes both', async () => {
    const ecdsa = await site.authority.issue({ names: [name] });
    const rsa = await site.authority.issue({ names: [name], keyType: 'rsa' });
    await site.put(name, rsa.pairPem);
    await site.put(name, ecdsa.pairPem);
    expect(await served(site, name)).toEqual(expected(ecdsa.serial, rsa.serial));
    await site.nginx.stop();
    const again = await startPutSite(options);
    expect(await served(again, name)).toEqual(expected(ecdsa.serial, rsa.serial));
    expect((await again.delete(name)).status).toBe(200);
    await expect(again.serial(name)).rejects.toThrow();
    site.expectNoKeyShown();
  });
});

describe('both slots replaced while clients come without pause', async () => {
  const name = 'a.example';
  const site = await startPutSite({ rsaSlot: 'last', variables: 'two' });
  const keys = await Promise.all([0, 1, 2].map(() => site.authority.issue({ names: [name] })));
  const rsas = await Promise.all(
    [0, 1, 2].map(() => site.authority.issue({ names: [name], keyType: 'rsa' })),
  );
  const known = new Map([...keys, ...rsas].map((pair) => [pair.serial, pair]));

  test('no handshake fails or mixes two pairs, and what was put last is served', async () => {
    for (const pair of [keys[0]!, rsas[0]!]) await site.put(name, pair.pairPem);
    let isDone = false;
    let handshakes = 0;
    const clients = [OLD, NEW, OLD, NEW].map(async (options) => {
      while (!isDone) {
        // The client verifies that the key is that of the chain.
        const serial = await site.serial(name, { ...options, ca: site.authority.rootPem });
        expect(known.has(serial)).toBe(true);
        handshakes++;
      }
    });
    const writer = (async () => {
      for (let i = 1; i <= 30; i++) {
        const [ecdsa, rsa] = [keys[i % 3]!, rsas[i % 3]!];
        await site.put(name, ecdsa.pairPem);
        expect(await site.serial(name, NEW)).toBe(ecdsa.serial);
        await site.put(name, rsa.pairPem);
        expect(await site.serial(name, OLD)).toBe(rsa.serial);
      }
    })().finally(() => {
      isDone = true;
    });
    await Promise.all([writer, ...clients]);
    expect(handshakes).toBeGreaterThan(20);
    expect(site.nginx.log()).not.toMatch(/\[(crit|alert|emerg)\]/);
  });
});
