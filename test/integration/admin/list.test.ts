import { createHash, X509Certificate } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { writePair } from '../../support/certificates.js';
import { handshake } from '../../support/tls_client.js';
import { startSite, type Site } from '../../support/site.js';

const HOUR_MS = 3_600_000;
const CHAIN_TYPE = 'application/pem-certificate-chain';

interface Entry {
  name: string;
  [field: string]: unknown;
}

interface Page {
  certs: Entry[];
  next: string | null;
}

async function page(site: Site, query = ''): Promise<Page> {
  const { status, body } = await site.nginx.admin(`/certs/${query}`);
  if (status !== 200) throw new Error(`/certs/${query}: ${status} ${body}`);
  return JSON.parse(body) as Page;
}

async function read(site: Site, name: string): Promise<Entry> {
  return JSON.parse((await site.nginx.admin(`/certs/${name}`)).body) as Entry;
}

const namesIn = ({ certs }: Page): string[] => certs.map(({ name }) => name);

describe('one certificate', async () => {
  const site = await startSite({ settings: { check_interval: '0' } });
  const { nginx } = site;

  test('is described as it is', async () => {
    const before = Date.now();
    const pair = await site.renew('a.example');
    await site.serial('a.example');
    const x509 = new X509Certificate(pair.certPem);
    const { loaded_at, checked_at, ...rest } = await read(site, 'a.example');
    expect(rest).toEqual({
      name: 'a.example',
      subject: 'CN=a.example',
      issuer: 'CN=Test intermediate',
      serial: pair.serial,
      dns_names: ['a.example'],
      ip_addresses: [],
      fingerprint_sha256: createHash('sha256').update(x509.raw).digest('hex'),
      not_before: new Date(x509.validFrom).toISOString().replace('.000Z', 'Z'),
      not_after: new Date(x509.validTo).toISOString().replace('.000Z', 'Z'),
      // An hour of the ninety days has passed.
      days_left: 89,
      key_proven: true,
      key_type: 'ECDSA-P256',
      signature_algorithm: 'ecdsa-with-SHA256',
      source: 'disk',
      state: 'ok',
      error: null,
      warnings: [],
    });
    for (const time of [loaded_at, checked_at]) {
      expect(time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
      expect(Date.parse(time as string)).toBeGreaterThanOrEqual(before);
    }
  });

  test('says why newer files are refused, and that the last good pair is served', async () => {
    const pair = await site.renew('b.example');
    await site.serial('b.example');
    const { loaded_at } = await read(site, 'b.example');
    const other = await site.authority.issue({ names: ['b.example'] });
    await writePair(nginx.certsDirectory, 'b.example', { ...other, keyPem: pair.keyPem });
    await site.clear('b.example');
    await site.serial('b.example');
    const entry = await read(site, 'b.example');
    expect(entry).toMatchObject({ state: 'last-good', serial: pair.serial, loaded_at });
    expect(entry['error']).toMatch(/^key-mismatch: the private key belongs to none/);
    expect(Date.parse(entry['checked_at'] as string)).toBeGreaterThan(
      Date.parse(loaded_at as string),
    );
    await site.renew('b.example');
    await site.clear('b.example');
    await site.serial('b.example');
    expect(await read(site, 'b.example')).toMatchObject({ state: 'ok', error: null });
  });

  test('is expired where there is no better one', async () => {
    const notAfter = new Date(Date.now() - HOUR_MS);
    const notBefore = new Date(notAfter.getTime() - HOUR_MS);
    const pair = await site.authority.issue({ names: ['c.example'], notBefore, notAfter });
    await writePair(nginx.certsDirectory, 'c.example', pair);
    await site.serial('c.example');
    expect(await read(site, 'c.example')).toMatchObject({ state: 'expired', days_left: -1 });
  });

  test('from the API is said to be', async () => {
    const { pairPem } = await site.authority.issue({ names: ['*.d.example'] });
    const put = await nginx.admin('/certs/*.d.example', { method: 'PUT', body: pairPem });
    const get = await nginx.admin('/certs/%2A.D.example.');
    expect(put.status).toBe(201);
    expect(JSON.parse(get.body)).toMatchObject({ name: '*.d.example', source: 'api' });
    expect(get.headers.etag).toBe(put.headers.etag);
  });

  test('has its fingerprint as entity tag, whatever the form', async () => {
    const { fingerprint_sha256 } = await read(site, 'a.example');
    for (const Accept of ['application/json', CHAIN_TYPE]) {
      const { headers } = await nginx.admin('/certs/a.example', { headers: { Accept } });
      expect(headers.etag).toBe(`"${fingerprint_sha256 as string}"`);
      expect(headers.vary).toBe('Accept');
    }
  });

  test('is its chain alone where that is asked for', async () => {
    const pair = await site.renew('a.example');
    await site.clear('a.example');
    await site.serial('a.example');
    for (const Accept of [CHAIN_TYPE, `text/html, ${CHAIN_TYPE};q=0.5`, CHAIN_TYPE.toUpperCase()]) {
      const answer = await nginx.admin('/certs/a.example', { headers: { Accept } });
      expect(answer.headers['content-type']).toBe(CHAIN_TYPE);
      expect(answer.body).toBe(pair.chainPem);
    }
  });

  test('and its chain are sent whatever the conditions of the request', async () => {
    for (const Accept of ['application/json', CHAIN_TYPE]) {
      for (const condition of [{ 'If-Match': '"x"' }, { 'If-None-Match': '*' }]) {
        const headers: Record<string, string> = { Accept, ...condition };
        const answer = await nginx.admin('/certs/a.example', { headers });
        expect(answer.status).toBeOneOf([200, 203]);
        expect(answer.headers['content-type']).toBe(Accept);
      }
    }
  });

  test.each([
    '*/*',
    'application/json',
    'text/html',
    `${CHAIN_TYPE};q=0`,
    `${CHAIN_TYPE}-x`,
    `${CHAIN_TYPE};q=0.5, application/json`,
  ])('is JSON for Accept: %s', async (Accept) => {
    const answer = await nginx.admin('/certs/a.example', { headers: { Accept } });
    expect(answer.headers['content-type']).toBe('application/json');
  });

  test('that is not held is not found, with the reason where its files are refused', async () => {
    const { keyPem, chainPem } = await site.authority.issue({ names: ['other.example'] });
    await writePair(nginx.certsDirectory, 'e.example', {
      ...(await site.renew('a.example')),
      keyPem,
      chainPem,
    });
    await expect(site.serial('e.example')).rejects.toThrow();
    const refused = await nginx.admin('/certs/e.example');
    expect(refused.status).toBe(404);
    expect(JSON.parse(refused.body)).toMatchObject({
      code: 'not-found',
      detail: expect.stringMatching(
        /^Nothing is held under e\.example\. Its files were refused, name-not-covered: /,
      ) as string,
    });
    const unknown = await nginx.admin('/certs/unknown.example');
    expect(JSON.parse(unknown.body)).toMatchObject({
      status: 404,
      detail: 'Nothing is held under unknown.example.',
    });
    expect(namesIn(await page(site))).not.toContain('e.example');
  });

  test.each(['a%20b', 'a.example/x', '-%22', '*', '*.*.example'])(
    'cannot be asked for as %s',
    async (name) => {
      const { status, body } = await nginx.admin(`/certs/${name}`);
      expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([400, 'malformed']);
    },
  );
});

describe('a list', async () => {
  const names = ['*.w.example', ...Array.from({ length: 9 }, (_, i) => `n${i}.example`)];
  const site = await startSite({ names, settings: { check_interval: '0' } });
  const { nginx } = site;

  test('is empty at first, and of names in order then', async () => {
    expect(await page(site)).toEqual({ certs: [], next: null });
    for (const name of [...names].reverse()) await site.serial(name.replace('*', 'x'));
    const all = await page(site);
    expect(namesIn(all)).toEqual(names);
    expect(all.next).toBeNull();
    expect(all.certs[3]).toEqual(await read(site, names[3]!));
  });

  test('comes in pages', async () => {
    const pages: string[][] = [];
    let after = '';
    for (let next: string | null = ''; next !== null; after = encodeURIComponent(next ?? '')) {
      const one: Page = await page(site, `?limit=4&after=${after}`);
      pages.push(namesIn(one));
      next = one.next;
    }
    expect(pages).toEqual([names.slice(0, 4), names.slice(4, 8), names.slice(8)]);
  });

  test('ends with a full page where nothing follows it', async () => {
    expect((await page(site, '?limit=10')).next).toBeNull();
    expect((await page(site, '?limit=9')).next).toBe(names[8]);
    expect(await page(site, '?after=zzz.example')).toEqual({ certs: [], next: null });
  });

  test('goes on after a name that is not held, or no longer', async () => {
    const { next } = await page(site, '?limit=3');
    await nginx.admin(`/certs/${next!}`, { method: 'DELETE' });
    expect(namesIn(await page(site, `?limit=2&after=${next!}`))).toEqual(names.slice(3, 5));
    expect(namesIn(await page(site, '?limit=1&after=N1.EXAMPLE.'))).toEqual(['n2.example']);
    await site.serial(next!);
  });

  test('fills its pages with names that have a pair', async () => {
    for (const name of ['n0a.example', 'n0b.example', 'n9.example']) {
      await writePair(nginx.certsDirectory, name, { ...(await site.renew(name)), keyPem: '' });
      await expect(site.serial(name)).rejects.toThrow();
    }
    const first = await page(site, '?limit=3');
    expect(namesIn(first)).toEqual(names.slice(0, 3));
    expect(first.next).toBe('n1.example');
  });

  test('holds no key, nor does any other answer', async () => {
    const answers = [
      await nginx.admin('/certs/'),
      await nginx.admin('/certs/n0.example'),
      await nginx.admin('/certs/n0.example', { headers: { Accept: CHAIN_TYPE } }),
      await nginx.admin('/metrics'),
    ];
    const key = (await site.renew('n0.example')).keyPem;
    await site.clear();
    await site.serial('n0.example');
    answers.push(await nginx.admin('/certs/n0.example', { headers: { Accept: CHAIN_TYPE } }));
    for (const { status, body } of answers) {
      expect(status).toBe(200);
      expect(body).not.toContain('PRIVATE KEY');
      expect(body).not.toContain(key.split('\n')[1]);
    }
  });

  test.each([
    'limit=0',
    'limit=1001',
    'limit=-1',
    'limit=1.5',
    'limit=1e2',
    'limit=',
    'limit=all',
    'limit=5&limit=6',
    'after=a%20b',
    'after=%23clear',
    'after=*.*',
    'after=a.example&after=b.example',
  ])('does not take %s', async (query) => {
    const { status, body } = await nginx.admin(`/certs/?${query}`);
    expect([status, (JSON.parse(body) as { code: string }).code]).toEqual([400, 'malformed']);
  });

  test('without a zone is empty', async () => {
    const none = await startSite({ zones: '' });
    expect(await page(none)).toEqual({ certs: [], next: null });
    expect((await none.nginx.admin('/certs/a.example')).status).toBe(404);
  });
});

describe('10,000 names', async () => {
  const NAMES = 5000;
  const STEP = 1000;
  /** Of 1000 names, and one for the name that the others are copies of. */
  const PAGES = 6;
  const SCRAPES = 3;
  const site = await startSite({
    names: ['a.example'],
    workers: 1,
    settings: { check_interval: '0' },
    zones: 'js_shared_dict_zone zone=certs:40m;',
    // What as many puts would do in half a minute.
    modules: {
      probe: `function fill(r) {
      const zone = ngx.shared.certs;
      const record = zone.get('a.example');
      const summary = zone.get('#summary:a.example');
      const from = +r.args.from;
      for (let i = from; i < from + ${STEP}; i++) {
        zone.set('n' + i + '.example', record);
        zone.set('#summary:n' + i + '.example', summary);
      }
      r.return(200);
    }
    export default { fill };`,
    },
    admin: 'location = /fill { js_content probe.fill; }',
  });
  const { nginx } = site;
  await site.serial('a.example');
  for (let from = 0; from < NAMES; from += STEP) await nginx.admin(`/fill?from=${from}`);

  /** Two clients make handshakes while something is done. Returns how long each took, in milliseconds, the shortest first. */
  async function handshakesDuring(work: () => Promise<unknown>): Promise<number[]> {
    let isDone = false;
    const durations: number[] = [];
    const client = async (): Promise<void> => {
      while (!isDone) {
        const start = performance.now();
        await handshake({ ...nginx.tls, servername: 'a.example' });
        durations.push(performance.now() - start);
      }
    };
    const clients = Promise.all([client(), client()]);
    await work();
    isDone = true;
    await clients;
    return durations.sort((a, b) => a - b);
  }

  /** What the worker has in memory of its own, in MiB. */
  async function memory(): Promise<number> {
    const { workers } = await nginx.processes();
    const { stdout } = await nginx.exec(['grep', 'RssAnon', `/proc/${workers[0]!}/status`]);
    return Number(/\d+/.exec(stdout)?.[0]) / 1024;
  }

  test('are listed and measured while handshakes go on', async () => {
    const before = await memory();
    const idle = await handshakesDuring(() => new Promise((resolve) => setTimeout(resolve, 1000)));
    const seen: string[] = [];
    const listing = await handshakesDuring(async () => {
      for (let next: string | null = ''; next !== null;) {
        const one: Page = await page(site, `?limit=1000&after=${next}`);
        seen.push(...namesIn(one));
        next = one.next;
      }
    });
    expect(seen).toHaveLength(NAMES + 1);
    expect(seen).toEqual([...new Set(seen)].sort());
    let body = '';
    const scraping = await handshakesDuring(async () => {
      for (let i = 0; i < SCRAPES; i++) body = (await nginx.admin('/metrics')).body;
    });
    expect(body.match(/^cert_rotation_certificate_not_after_seconds/gm)).toHaveLength(NAMES + 1);
    expect(body).toContain(`cert_rotation_names{state="ok"} ${NAMES + 1}\n`);
    // A request done in one go lets each of the two clients through once, at its end.
    expect(listing.length / PAGES).toBeGreaterThan(4);
    expect(scraping.length / SCRAPES).toBeGreaterThan(3);
    // A busy machine makes each handshake slower, and a few much slower.
    const most = (durations: number[]): number => durations[Math.floor(durations.length * 0.95)]!;
    expect(most(listing)).toBeLessThan(250 + 2 * idle.at(-1)!);
    expect(most(scraping)).toBeLessThan(250 + 2 * idle.at(-1)!);
    expect((await memory()) - before).toBeLessThan(120);
  });
});
