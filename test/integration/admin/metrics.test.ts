import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../../setup/command.js';
import { findPromtool } from '../../setup/promtool.js';
import { writePair } from '../../support/certificates.js';
import { growth, samplesIn, scrape, type Samples } from '../../support/metrics.js';
import { handshake } from '../../support/tls_client.js';
import { startSite, type Site } from '../../support/site.js';

const promtool = await findPromtool();
const HOUR_MS = 3_600_000;

/** Counters alone. */
function counters(samples: Samples): Samples {
  return Object.fromEntries(Object.entries(samples).filter(([name]) => /_total\b/.test(name)));
}

/** What the counters grow by while something is done. */
async function counted(site: Site, work: () => Promise<unknown>): Promise<Samples> {
  const before = counters(await scrape(site.nginx));
  await work();
  return growth(before, counters(await scrape(site.nginx)));
}

describe('events and their counts', async () => {
  const site = await startSite({
    names: ['a.example', 'b.example', '*.w.example'],
    settings: { check_interval: '0' },
    zones:
      'js_shared_dict_zone zone=certs:1m; js_shared_dict_zone zone=certs_misses:64k timeout=60s evict;',
    http: `server {
      listen 8444;
      location = /metrics { js_content certs.metrics; }
    }`,
  });
  const { nginx } = site;
  const put = async (path: string, body: string) => nginx.admin(path, { method: 'PUT', body });

  test('all counters are there from the start, at zero', async () => {
    const values = Object.values(counters(await scrape(nginx)));
    expect(values.length).toBeGreaterThan(30);
    expect(new Set(values)).toEqual(new Set([0]));
  });

  test('loads are counted by result', async () => {
    expect(await counted(site, () => site.serial('a.example'))).toEqual({
      'loads_total{result="loaded"}': 1,
    });
    expect(
      await counted(site, async () => {
        await site.clear('a.example');
        await site.serial('a.example');
      }),
    ).toEqual({ 'clears_total{scope="name"}': 1, 'loads_total{result="unchanged"}': 1 });
  });

  test('refused files are counted by code, and once', async () => {
    const other = await site.authority.issue({ names: ['b.example'] });
    const pair = await site.renew('b.example');
    await site.serial('b.example');
    await writePair(nginx.certsDirectory, 'b.example', { ...pair, keyPem: other.keyPem });
    expect(
      await counted(site, async () => {
        await site.clear();
        for (let i = 0; i < 3; i++) await site.serial('b.example');
      }),
    ).toEqual({
      'clears_total{scope="all"}': 1,
      'loads_total{result="refused"}': 1,
      'refusals_total{via="disk",code="key-mismatch"}': 1,
    });
  });

  test('puts, deletes and refused requests are counted', async () => {
    const pair = await site.authority.issue({ names: ['c.example'] });
    const late = await site.authority.issue({
      names: ['c.example'],
      notBefore: new Date(Date.now() - 2 * HOUR_MS),
      notAfter: new Date(Date.now() - HOUR_MS),
    });
    const grown = await counted(site, async () => {
      await put('/certs/c.example', pair.pairPem);
      await put('/certs/c.example', pair.pairPem);
      await put('/certs/c.example', late.pairPem);
      await put('/certs/d.example', pair.pairPem);
      await put('/certs/c.example', 'nothing');
      await nginx.admin('/certs/c.example', { method: 'DELETE' });
      await nginx.admin('/certs/c.example', { method: 'DELETE' });
      await nginx.admin('/certs/', { method: 'PATCH' });
      await nginx.admin('/metrics', { headers: { Origin: 'https://evil.example' } });
      await fetch(`http://127.0.0.1:${nginx.address(8444).port}/metrics`);
    });
    expect(grown).toEqual({
      'puts_total{result="created"}': 1,
      'puts_total{result="replaced"}': 1,
      deletes_total: 1,
      'refusals_total{via="api",code="expired"}': 1,
      'refusals_total{via="api",code="name-not-covered"}': 1,
      'refusals_total{via="api",code="malformed"}': 1,
      'refusals_total{via="api",code="not-found"}': 1,
      'refusals_total{via="api",code="method-not-allowed"}': 1,
      'refusals_total{via="api",code="forbidden"}': 2,
    });
  });

  test('names are shown with their state', async () => {
    await site.serial('x.w.example');
    const soon = new Date(Math.ceil(Date.now() / 1000) * 1000 + 2000);
    const pair = await site.authority.issue({ names: ['e.example'], notAfter: soon });
    await put('/certs/e.example', pair.pairPem);
    await site.renew('f.example');
    rmSync(join(nginx.certsDirectory, 'f.example.key.pem'));
    await expect(site.serial('f.example')).rejects.toThrow();
    await expect
      .poll(async () => (await scrape(nginx))['cert_rotation_names{state="expired"}'], {
        timeout: 5000,
      })
      .toBe(1);
    const samples = await scrape(nginx);
    const gauges = Object.entries(samples).filter(([series]) => /_(names|problem)\{/.test(series));
    expect(Object.fromEntries(gauges)).toEqual({
      'cert_rotation_names{state="ok"}': 2,
      'cert_rotation_names{state="last-good"}': 1,
      'cert_rotation_names{state="expired"}': 1,
      'cert_rotation_names{state="refused"}': 1,
      'cert_rotation_certificate_problem{name="b.example",code="key-mismatch",held="yes"}': 1,
      'cert_rotation_certificate_problem{name="f.example",code="unreadable",held="no"}': 1,
    });
    const notAfter = Object.keys(samples).filter((series) => series.includes('not_after'));
    expect(notAfter.map((series) => /"(.*)"/.exec(series)?.[1]).sort()).toEqual(
      ['*.w.example', 'a.example', 'b.example', 'e.example'].sort(),
    );
    const series = 'cert_rotation_certificate_not_after_seconds{name="e.example"}';
    expect(samples[series]).toBe(soon.getTime() / 1000);
  });

  test('the space in both zones is shown', async () => {
    const samples = await scrape(nginx);
    expect(samples['cert_rotation_zone_capacity_bytes{zone="certs"}']).toBe(1024 * 1024);
    expect(samples['cert_rotation_zone_capacity_bytes{zone="certs_misses"}']).toBe(64 * 1024);
    const free = samples['cert_rotation_zone_free_bytes{zone="certs"}']!;
    expect(free).toBeGreaterThan(512 * 1024);
    expect(free).toBeLessThan(1024 * 1024);
  });

  test('the answer is of the text format', async () => {
    const { status, headers } = await nginx.admin('/metrics');
    expect(status).toBe(200);
    expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  test.skipIf(promtool === undefined)('promtool has nothing to say', async () => {
    const { body } = await nginx.admin('/metrics');
    expect(await run(promtool!, ['check', 'metrics'], { input: body })).toBe('');
  });

  test('the example alerts look at nothing that is not there', async () => {
    const rules = readFileSync(new URL('../../../nginx/alerts.yml', import.meta.url), 'utf8');
    const named = new Set(rules.match(/cert_rotation_\w+/g));
    const { body } = await nginx.admin('/metrics');
    const there = new Set(Object.keys(samplesIn(body)).map((series) => series.split('{')[0]!));
    expect(named.size).toBeGreaterThan(4);
    // With $cert_scan and $cert_etcd there are more, of which other tests know.
    const always = [...named].filter((metric) => !/_(file|scan|etcd)_/.test(metric));
    for (const metric of always) expect(there).toContain(metric);
  });
});

describe('a scrape without a zone, or with a full one', async () => {
  const names = Array.from({ length: 30 }, (_, i) => `n${i}.example`);
  const none = await startSite({ names: ['a.example'], zones: '' });
  const full = await startSite({ names, zones: 'js_shared_dict_zone zone=certs:64k;' });

  test('without a zone there is nothing but zeros', async () => {
    await none.serial('a.example');
    await none.clear();
    const samples = await scrape(none.nginx);
    expect(new Set(Object.values(samples))).toEqual(new Set([0]));
  });

  test('in a full zone every name that is held is shown', async () => {
    for (const name of names) await full.serial(name);
    const samples = await scrape(full.nginx);
    const { certs } = JSON.parse((await full.nginx.admin('/certs/')).body) as {
      certs: { name: string; not_after: string }[];
    };
    expect(certs.length).toBeGreaterThan(3);
    expect(certs.length).toBeLessThan(30);
    expect(samples['cert_rotation_names{state="ok"}']).toBe(certs.length);
    expect(samples['cert_rotation_zone_free_bytes{zone="certs"}']).toBe(0);
    for (const { name, not_after } of certs) {
      const series = `cert_rotation_certificate_not_after_seconds{name="${name}"}`;
      expect(samples[series]).toBe(Date.parse(not_after) / 1000);
    }
  });

  test.skipIf(promtool === undefined)('promtool takes both', async () => {
    for (const { nginx } of [none, full]) {
      const { body } = await nginx.admin('/metrics');
      expect(await run(promtool!, ['check', 'metrics'], { input: body })).toBe('');
    }
  });
});

describe('a zone with quotes in its name', async () => {
  const site = await startSite({
    zones: 'js_shared_dict_zone zone=a"b\\\\c:64k;',
    settings: { zone: 'a\\"b\\\\c' },
  });

  test('is shown with its name escaped', async () => {
    const { body } = await site.nginx.admin('/metrics');
    expect(body).toContain('cert_rotation_zone_capacity_bytes{zone="a\\"b\\\\c"} 65536\n');
    if (promtool) expect(await run(promtool, ['check', 'metrics'], { input: body })).toBe('');
  });
});

describe('counting on several workers at once', async () => {
  const site = await startSite({
    names: ['a.example'],
    workers: 4,
    settings: { check_interval: '0' },
  });
  const ROUNDS = 40;
  const CLIENTS = 8;

  test('loses nothing, and no counter is ever seen to go down', async () => {
    const pair = await site.authority.issue({ names: ['p.example'] });
    let isDone = false;
    const falls: string[] = [];
    const watch = async (): Promise<number> => {
      let scrapes = 0;
      for (let last: Samples = {}; !isDone; scrapes++) {
        const now = counters(await scrape(site.nginx));
        for (const [series, value] of Object.entries(last)) {
          if (now[series]! < value) falls.push(`${series} ${value} to ${now[series]!}`);
        }
        last = now;
      }
      return scrapes;
    };
    const hammer = async (client: number): Promise<void> => {
      for (let i = 0; i < ROUNDS; i++) {
        if (client === 0) {
          await site.nginx.admin('/certs/p.example', { method: 'PUT', body: pair.pairPem });
        } else {
          await site.nginx.admin(client % 2 ? '/clear?name=x.example' : '/certs/?limit=0');
        }
      }
    };
    const before = counters(await scrape(site.nginx));
    const watching = Promise.all([watch(), watch()]);
    await Promise.all(Array.from({ length: CLIENTS }, (_, client) => hammer(client)));
    isDone = true;
    expect(Math.min(...(await watching))).toBeGreaterThan(5);
    expect(falls).toEqual([]);
    expect(growth(before, counters(await scrape(site.nginx)))).toEqual({
      'puts_total{result="created"}': 1,
      'puts_total{result="replaced"}': ROUNDS - 1,
      'clears_total{scope="name"}': ROUNDS * 4,
      'refusals_total{via="api",code="malformed"}': ROUNDS * 3,
    });
  });
});

describe('handshakes inside the interval', async () => {
  const site = await startSite({
    names: ['a.example'],
    workers: 1,
    settings: { check_interval: '600' },
    modules: {
      probe: `function dump(r) {
      const zone = ngx.shared.certs;
      r.return(200, JSON.stringify(zone.keys().sort().map((key) => [key, zone.get(key)])));
    }
    export default { dump };`,
    },
    admin: 'location = /dump { js_content probe.dump; }',
  });

  test('write nothing to the zone', async () => {
    await site.serial('a.example');
    const before = (await site.nginx.admin('/dump')).body;
    expect(before).toContain('#counts');
    for (let i = 0; i < 20; i++) {
      await Promise.all(
        Array.from({ length: 5 }, () => handshake({ ...site.nginx.tls, servername: 'a.example' })),
      );
    }
    expect((await site.nginx.admin('/dump')).body).toBe(before);
  });
});
