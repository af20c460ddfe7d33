import { X509Certificate } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createAuthority, writePair, type Pair } from '../../support/certificates.js';
import type { HttpResponse } from '../../support/http.js';
import { STORE, makeWorkDirectory } from '../../support/nginx.js';
import { startPutSite, type PutSite } from '../../support/putting.js';
import { createRandom } from '../../support/random.js';
import { ageNotes, currentVersions, readStore, type Stored } from '../../support/stored.js';
import { handshake } from '../../support/tls_client.js';
import { freshFor, servedWithin, startTwo } from '../../support/two_nginx.js';

// Runs on njs, qjs: the store is files, which two nginx of any version share alike; the engines are two.

const A = 'a.example';
const NAMES = [A, 'b.example', 'c.example'];
const FALLBACK = 'fallback.example';

/** Long enough for versions to be replaced, no longer fresh anywhere, and removed. */
const ROUNDS_MS = 25_000;
const LEAST_ROUNDS = 11;
const LONG = { timeout: 180_000 };

const authority = await createAuthority();
const issue = (names: string[]): Promise<Pair> => authority.issue({ names });
const own: Record<string, Pair[]> = {};
for (const name of NAMES) own[name] = await Promise.all([1, 2, 3].map(() => issue([name])));
const shared = await Promise.all([1, 2].map(() => issue(NAMES)));
const fallback = await issue([FALLBACK]);

/** One of two that serve from a store. */
interface Server {
  site: PutSite;
  /** Of the port that speaks TLS. */
  port: number;
}

interface Variant {
  title: string;
  interval: number;
  start: () => Promise<[Server, Server]>;
}

async function startBoth(interval: number): Promise<[Server, Server]> {
  const settings = { fallback: FALLBACK, check_interval: `${interval}` };
  const site = await startPutSite({
    authority,
    block: 'stream',
    store: true,
    settings,
    withoutCache: true,
    http: `
  js_var $cert_store ${STORE};
  js_var $cert_fallback ${FALLBACK};
  js_var $cert_check_interval ${interval};
  js_set $tls_pair certs.js_pair;
  server {
    listen 8444 ssl;
    ssl_certificate $tls_pair;
    ssl_certificate_key $tls_pair;
    return 200;
  }`,
  });
  return [
    { site, port: 8443 },
    { site, port: 8444 },
  ];
}

const VARIANTS: Variant[] = [
  ...[0, 2, 3600].map((interval) => ({
    title: `two nginx, an interval of ${interval}`,
    interval,
    start: async () => {
      const sites = await startTwo(interval, { authority, settings: { fallback: FALLBACK } });
      return sites.map((site) => ({ site, port: 8443 })) as [Server, Server];
    },
  })),
  { title: 'http and stream of one nginx', interval: 2, start: () => startBoth(2) },
];

const serialOf = ({ site, port }: Server, servername: string): Promise<string> =>
  handshake({ ...site.nginx.address(port), servername }).then(({ serial }) => serial);

const fingerprintOf = ({ certPem }: Pair): string =>
  new X509Certificate(certPem).fingerprint256.replaceAll(':', '').toLowerCase();

/** What is current for a name by the store: the fingerprint of its leaf; '' for nothing. */
function currentOf({ entries }: Stored, name: string): string {
  const path = Object.keys(entries).find((entry) => entry.endsWith(`/${name}`));
  if (path === undefined) return '';
  const { version = '' } = JSON.parse(entries[path]!) as { version?: string };
  return version.slice(0, 64);
}

describe('on one store', () => {
  test.concurrent.each(VARIANTS)(
    '$title: nothing fails, and nothing is lost',
    LONG,
    async (variant) => {
      const { interval } = variant;
      const fresh = freshFor(interval);
      const servers = await variant.start();
      const { nginx } = servers[0].site;
      const { below, pick } = createRandom(interval + 1);
      expect((await servers[0].site.put(FALLBACK, fallback.pairPem)).status).toBe(201);

      let isOver = false;
      const faults: string[] = [];
      let served = 0;
      const seen = new Set<string>();
      async function shake(server: Server): Promise<void> {
        while (!isOver) {
          const name = pick(NAMES);
          const known = [...own[name]!, ...shared, fallback].map(({ serial }) => serial);
          const serial = await serialOf(server, name).catch(String);
          if (!known.includes(serial)) faults.push(`${name}: ${serial}`);
          served++;
        }
      }
      async function age(): Promise<void> {
        while (!isOver) {
          // Notes of the last seconds of a bucket are some ten seconds younger.
          await ageNotes(nginx, fresh + 10);
          await sleep(1000);
        }
      }

      /** Does something to a name through a server. Returns the fingerprints that it may have by then. */
      async function change({ site }: Server, name: string): Promise<string[]> {
        const expectDone = ({ status, body }: HttpResponse, statuses: number[]): void => {
          if (!statuses.includes(status)) faults.push(`${status} ${body}`);
        };
        if (below(10) === 0) {
          expectDone(await site.delete(name), [200, 404]);
          return [''];
        }
        const pair = pick(own[name]!);
        expectDone(await site.put(name, pair.pairPem), [200, 201]);
        return [fingerprintOf(pair)];
      }
      async function changeAll({ site }: Server): Promise<string[]> {
        const pair = pick(shared);
        const { status } = await site.put('', pair.pairPem);
        if (status > 201) faults.push(`put of all: ${status}`);
        return [fingerprintOf(pair)];
      }
      /** Changes every name through both at the same time, and expects that one of the changes has won. */
      async function round(hasPutOfAll: boolean): Promise<void> {
        const clears = servers.map(({ site }) =>
          site.clear(below(2) === 0 ? pick(NAMES) : undefined),
        );
        const all = hasPutOfAll ? changeAll(pick(servers)) : Promise.resolve([]);
        const each = NAMES.map((name) =>
          Promise.all(servers.map((server) => change(server, name))),
        );
        const [ofAll, ofEach] = await Promise.all([all, Promise.all(each), ...clears]);
        const stored = await readStore(nginx);
        for (const [i, name] of NAMES.entries()) {
          const allowed = [...ofAll, ...ofEach[i]!.flat()];
          const current = currentOf(stored, name);
          if (!allowed.includes(current))
            faults.push(`${name}: ${current} is not of ${allowed.join()}`);
        }
        for (const version of stored.versions) seen.add(version);
        for (const version of currentVersions(stored)) {
          if (!stored.versions.includes(version)) faults.push(`there is no ${version}`);
        }
      }

      const others = [...servers, ...servers].map(shake).concat(age());
      const end = Date.now() + ROUNDS_MS;
      let rounds = 0;
      while ((Date.now() < end || rounds < LEAST_ROUNDS) && faults.length < 5) {
        await round(rounds++ % 5 === 0);
      }
      isOver = true;
      await Promise.all(others);
      expect(faults).toEqual([]);
      expect(served).toBeGreaterThan(100);

      const stored = await readStore(nginx);
      // Old versions were removed meanwhile.
      expect(stored.versions.length).toBeLessThan(rounds * 2 * NAMES.length);
      const known = [...currentVersions(stored), ...stored.notes];
      expect(stored.versions.filter((version) => !known.includes(version))).toEqual([]);
      await sleep(fresh * 1000 + 1000);
      for (const name of NAMES) {
        const pairs = [...own[name]!, ...shared];
        const current = currentOf(stored, name);
        const { serial } = pairs.find((pair) => fingerprintOf(pair) === current) ?? fallback;
        expect(await Promise.all(servers.map((server) => serialOf(server, name))), name).toEqual([
          serial,
          serial,
        ]);
      }
      for (const { site } of servers) site.expectNoKeyShown();
    },
  );

  test.concurrent.each([
    [2, 'of all names'],
    [2, 'of the name'],
    [0, 'of all names'],
    [0, 'of the name'],
  ])(
    'with an interval of %s a clear through one is seen by the other: %s',
    LONG,
    async (interval, whose) => {
      const storeDirectory = join(makeWorkDirectory(), 'store');
      const files = join(storeDirectory, 'files');
      mkdirSync(files, { mode: 0o755 });
      const [one, other] = await startTwo(interval, {
        authority,
        storeDirectory,
        settings: {
          file: `${STORE}/files/{name}.cert.pem`,
          key_file: `${STORE}/files/{name}.key.pem`,
        },
      });
      const [old, next] = [own[A]![0]!, own[A]![1]!];
      const gone = await authority.issue({ names: ['gone.example'] });
      await writePair(files, A, old);
      await writePair(files, 'gone.example', gone);
      // A put wins over the files until a clear, and files that have gone are served until then.
      expect((await one.put(A, next.pairPem)).status).toBe(201);
      expect(await other.serial(A)).toBe(next.serial);
      expect(await other.serial('gone.example')).toBe(gone.serial);
      for (const kind of ['cert', 'key']) rmSync(join(files, `gone.example.${kind}.pem`));
      await sleep(interval * 1000 + 200);
      expect(await other.serial(A)).toBe(next.serial);
      expect(await other.serial('gone.example')).toBe(gone.serial);

      for (const name of whose === 'of the name' ? [A, 'gone.example'] : [undefined])
        await one.clear(name);
      const within = freshFor(interval) + 1;
      const [served, none] = await Promise.all([
        servedWithin(other, A, old.serial, within),
        servedWithin(other, 'gone.example', '', within),
      ]);
      expect([served, none]).toEqual([old.serial, '']);
      // The other one has found out, and the first one goes by that.
      expect(await servedWithin(one, A, old.serial, within)).toBe(old.serial);
      expect(await servedWithin(one, 'gone.example', '', within)).toBe('');
    },
  );
});
