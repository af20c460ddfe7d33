import { describe, expect, test } from 'vitest';
import { createAuthority } from '../../support/certificates.js';
import { FOLLOW, followerConf, hasEtcd } from '../../support/etcd.js';
import { startCluster, until, untilServed } from '../../support/following.js';
import { startPutSite } from '../../support/putting.js';

// http and stream of one nginx follow etcd, each with its own zone, through the same proxy.

describe.skipIf(!hasEtcd)('a stream block that follows etcd', async () => {
  if (!hasEtcd) return;
  const cluster = await startCluster({ size: 1 });
  const authority = await createAuthority();
  const node = await startPutSite({
    authority,
    block: 'stream',
    zones: `js_shared_dict_zone zone=certs_stream:4m;
      js_shared_dict_zone zone=certs_stream_misses:128k timeout=60s evict;`,
    settings: { etcd: 'http://127.0.0.1:2379' },
    server: FOLLOW,
    http: followerConf(cluster),
  });
  const issue = (name: string) => authority.issue({ names: [name] });
  const untilGone = (name: string): Promise<void> =>
    until(`${name} is gone`, () =>
      node
        .serial(name)
        .then(() => false)
        .catch(() => true),
    );
  /** Does something that both blocks are to log. */
  async function untilBothLog(pattern: RegExp, work: () => Promise<void>): Promise<void> {
    const before = node.nginx.log().length;
    await work();
    await until(`${pattern.source} is logged`, () => {
      return [...node.nginx.log().slice(before).matchAll(pattern)].length >= 2;
    });
  }

  test('what etcd has is served, until it is gone', async () => {
    const name = 'a.example';
    for (let version = 0; version < 2; version++) {
      const pair = await issue(name);
      await cluster.put(`/certs/${name}`, pair.pairPem);
      await untilServed([node], name, pair.serial);
    }
    await cluster.etcdctl(`del /certs/${name}`);
    await untilGone(name);
  });

  test('what is put over http is served, and dropped with a delete', async () => {
    const name = 'put.example';
    const pair = await issue(name);
    expect((await node.put(name, pair.pairPem)).status).toBe(201);
    await untilServed([node], name, pair.serial);
    expect((await node.delete(name)).status).toBe(200);
    await untilGone(name);
  });

  test('a clear leaves what etcd has', async () => {
    const name = 'cleared.example';
    const pair = await issue(name);
    await cluster.put(`/certs/${name}`, pair.pairPem);
    await untilServed([node], name, pair.serial);
    await node.clear();
    expect(await node.serial(name)).toBe(pair.serial);
    await node.clear(name);
    expect(await node.serial(name)).toBe(pair.serial);
  });

  test('a value that is refused leaves the last good pair, and is said', async () => {
    const name = 'refused.example';
    const pair = await issue(name);
    await cluster.put(`/certs/${name}`, pair.pairPem);
    await untilServed([node], name, pair.serial);
    const { pairPem } = await issue('other.example');
    await untilBothLog(/refused\.example: name-not-covered: .*still served/g, () =>
      cluster.put(`/certs/${name}`, pairPem),
    );
    expect(await node.serial(name)).toBe(pair.serial);
  });

  test('without etcd what is held is served, also after a reload, and then what is new', async () => {
    const name = 'away.example';
    const pair = await issue(name);
    const next = await issue(name);
    await cluster.put(`/certs/${name}`, pair.pairPem);
    await untilServed([node], name, pair.serial);
    try {
      await untilBothLog(/cert_rotation: etcd: .*still served/g, cluster.pause);
      await node.nginx.reload();
      expect(await node.serial(name)).toBe(pair.serial);
    } finally {
      await cluster.resume();
    }
    await cluster.put(`/certs/${name}`, next.pairPem);
    await untilServed([node], name, next.serial);
  });

  test('no key stands in the log', () => {
    node.expectNoKeyShown();
  });
});
