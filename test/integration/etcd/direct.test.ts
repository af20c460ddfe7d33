import { afterAll, describe, expect, test } from 'vitest';
import { createAuthority } from '../../support/certificates.js';
import { FOLLOW, hasEtcd } from '../../support/etcd.js';
import { RESOLVER, startNetwork } from '../../support/network.js';
import { startCluster, untilServed } from '../../support/following.js';
import { expectProblem, startPutSite, type PutSite } from '../../support/putting.js';

// One etcd, asked by its name and with TLS, without a proxy.

const HOST = 'etcd.internal';
const OTHER_HOST = 'other.internal';

describe.skipIf(!hasEtcd)('etcd asked directly, with TLS', async () => {
  if (!hasEtcd) return;
  const network = await startNetwork();
  // The first of them is the last to be run: when all containers are gone.
  afterAll(network.stop);
  const internal = await createAuthority();
  const cluster = await startCluster({ size: 1, tls: await internal.issue({ names: [HOST] }) });
  await network.join(cluster.members[0]!.containerId, HOST, OTHER_HOST);
  const authority = await createAuthority();

  async function startNode(trusted: string, host: string): Promise<PutSite> {
    const node = await startPutSite({
      authority,
      files: { 'ca.pem': trusted },
      http: `
        resolver ${RESOLVER} ipv6=off;
        js_fetch_trusted_certificate /etc/nginx/certs/ca.pem;
        js_fetch_timeout 2s;
        js_var $cert_etcd https://${host}:2379;`,
      admin: `location @follow { ${FOLLOW} }`,
    });
    await network.join(node.nginx.containerId);
    return node;
  }

  const node = await startNode(internal.rootPem, HOST);
  const { rootPem: foreignPem } = await createAuthority();
  const refusing: [string, PutSite][] = [
    ['an authority that is not trusted', await startNode(foreignPem, HOST)],
    ['another name', await startNode(internal.rootPem, OTHER_HOST)],
  ];

  test('what it has is served, and what is put is there', async () => {
    const name = 'a.example';
    const pair = await authority.issue({ names: [name] });
    await cluster.put(`/certs/${name}`, pair.pairPem);
    await untilServed([node], name, pair.serial);
    const next = await authority.issue({ names: [name] });
    expect((await node.put(name, next.pairPem)).status).toBe(200);
    expect(await node.serial(name)).toBe(next.serial);
    expect(await cluster.etcdctl(`get /certs/${name} --print-value-only`)).toContain(next.certPem);
    node.expectNoKeyShown();
  });

  test.each(refusing)('nothing is put into one with a certificate of %s', async (_, wary) => {
    const name = 'b.example';
    const { pairPem } = await authority.issue({ names: [name] });
    expectProblem(await wary.put(name, pairPem), [503, 'store-unavailable', /^Etcd: /]);
    expect(await cluster.etcdctl(`get /certs/${name}`)).toBe('');
    expect(wary.nginx.log()).toMatch(/certificate/);
    wary.expectNoKeyShown();
  });
});
