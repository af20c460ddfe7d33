import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { writePair } from '../../support/certificates.js';
import { findKeyTraces } from '../../support/key_traces.js';
import { makeSamples, mutations } from '../../support/mutations.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { makePairCases } from '../../support/pairs/index.js';
import { startPutSite, type PutSite } from '../../support/putting.js';
import { PERIODIC } from '../../support/scanning.js';
import { hasEtcd } from '../../support/etcd.js';
import { startCluster, startNode, until, untilServed } from '../../support/following.js';
import { inStore } from '../../support/stored.js';

const LONG = { timeout: 120_000 };
const MUTATIONS = 30;

const cases = await makePairCases();
const damaged = mutations(makeSamples(), 15);

/** Pairs of every kind and damaged ones, each with a name of its own. */
const offers = [
  ...cases.map(({ title, cert, key }) => ({ title, cert, key })),
  ...Array.from({ length: MUTATIONS }, () => {
    const { text, title } = damaged.next().value;
    return { title, cert: text, key: undefined };
  }),
].map((offer, i) => ({ ...offer, name: `case-${i}.a.example` }));
const texts = offers.map(({ cert, key = '' }) => cert + key);

const options = { zones: 'js_shared_dict_zone zone=certs:8m;', logLevel: 'debug' } as const;

describe.each(['http', 'stream'] as const)('at level debug, in %s', (block) => {
  const zones = block === 'http' ? options.zones : 'js_shared_dict_zone zone=certs_stream:8m;';

  test('no byte of a key of files is in the log', LONG, async () => {
    const directory = makeWorkDirectory();
    for (const { name, cert, key } of offers) {
      writeFileSync(join(directory, 'certs', `${name}.cert.pem`), cert);
      writeFileSync(join(directory, 'certs', `${name}.key.pem`), key ?? cert);
    }
    const site = await startPutSite({ ...options, zones, block, store: true, directory });
    const served = await serveAll(site);
    expect(served).toBeGreaterThan(10);
    expect(findKeyTraces(site.nginx.log(), texts)).toEqual([]);
    expect(site.nginx.log()).toContain('[debug]');
  });

  test('no byte of a key of files that a scan found is in the log', LONG, async () => {
    const directory = makeWorkDirectory();
    for (const [i, { cert, key }] of offers.entries()) {
      writeFileSync(join(directory, 'certs', `${i}.crt`), cert);
      writeFileSync(join(directory, 'certs', `${i}.key.pem`), key ?? cert);
    }
    const site = await startPutSite({
      ...options,
      zones,
      block,
      store: true,
      directory,
      settings: { scan: '/etc/nginx/certs/*.crt' },
      ...(block === 'http'
        ? { admin: PERIODIC }
        : { server: 'js_periodic certs.scan interval=500ms;' }),
    });
    await until('a scan has found a file', async () =>
      site.serial('case-0.a.example').then(
        () => true,
        () => false,
      ),
    );
    expect(await serveAll(site)).toBeGreaterThan(10);
    expect(findKeyTraces(site.nginx.log(), texts)).toEqual([]);
  });
});

/** The operations of one transaction of etcd. */
const BATCH = 40;

describe.skipIf(!hasEtcd)('at level debug, with etcd', async () => {
  if (!hasEtcd) return;
  const cluster = await startCluster({ size: 1 });
  const site = await startNode(cluster, { ...options, store: true });

  test('no byte of a key that etcd has is in the log', LONG, async () => {
    for (let from = 0; from < offers.length; from += BATCH) {
      const puts = offers.slice(from, from + BATCH).map(({ name, cert, key }) => {
        const value = key === undefined ? cert : JSON.stringify({ cert, key });
        return `put -- /certs/${name} ${JSON.stringify(value)}`;
      });
      await cluster.etcdctl('txn', `\n${puts.join('\n')}\n\n\n`);
    }
    const last = await site.authority.issue({ names: ['last.example'] });
    await cluster.put('/certs/last.example', last.pairPem);
    await untilServed([site], 'last.example', last.serial);
    expect(await serveAll(site)).toBeGreaterThan(10);
    const log = site.nginx.log();
    expect(findKeyTraces(log, [...texts, last.pairPem])).toEqual([]);
    expect(encodedLines([...texts, last.pairPem]).filter((line) => log.includes(line))).toEqual([]);
    expect(log).toContain('[debug]');
  });
});

/** The first line of each key in base64, as an answer of etcd has it, wherever it begins there. */
function encodedLines(pems: string[]): string[] {
  const lines = pems.flatMap((pem) =>
    [...pem.matchAll(/KEY-----\n(.{60})/g)].map(([, line]) => line!),
  );
  return lines.flatMap((line) =>
    [0, 1, 2].map((from) => Buffer.from(line.slice(from, from + 57)).toString('base64')),
  );
}

describe('at level debug', () => {
  test('no byte of a key that was put is in the log', LONG, async () => {
    const site = await startPutSite({ ...options, store: true });
    for (const { name, cert, key } of offers) {
      await site.put(name, key === undefined ? cert : JSON.stringify({ cert, key }));
    }
    expect(await serveAll(site)).toBeGreaterThan(10);
    site.expectNoKeyShown();
  });

  test(
    'no byte of a key is in the log where OpenSSL refuses what the store has',
    LONG,
    async () => {
      const site = await startPutSite({ ...options, store: true });
      const [own, other] = await Promise.all(
        [0, 1].map(() => site.authority.issue({ names: ['a.example'] })),
      );
      expect((await site.put('a.example', own!.pairPem)).status).toBe(201);
      const wrong = [other!.keyPem + own!.chainPem, own!.keyPem, texts[0]!, ...texts.slice(-20)];
      for (const text of wrong) {
        const encoded = Buffer.from(text).toString('base64');
        // nginx may have an earlier state of the file.
        await site.put('a.example', own!.pairPem);
        await inStore(
          site.nginx,
          `for f in versions/*/*; do echo ${encoded} | base64 -d >$f; done`,
        );
        await site.serial('a.example').catch(() => undefined);
      }
      const log = site.nginx.log();
      expect(log).toMatch(
        /\[error\].*(cannot load certificate|SSL_CTX|PEM_read|key values mismatch)/,
      );
      expect(findKeyTraces(log, [...wrong, own!.pairPem])).toEqual([]);
    },
  );

  test('a key is in the log without a store', async () => {
    const site = await startPutSite(options);
    const pair = await site.authority.issue({ names: ['a.example'] });
    await writePair(site.nginx.certsDirectory, 'a.example', pair);
    expect(await site.serial('a.example')).toBe(pair.serial);
    expect(findKeyTraces(site.nginx.log(), [pair.keyPem])).not.toEqual([]);
  });
});

/** Asks for every name. Returns how many were served. */
async function serveAll(site: PutSite): Promise<number> {
  let served = 0;
  for (const { name } of offers) {
    await site.serial(name).then(
      () => served++,
      () => undefined,
    );
  }
  return served;
}
