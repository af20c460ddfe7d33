import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll } from 'vitest';
import { followerConf, startEtcd, type Cluster, type ClusterOptions } from './etcd.js';
import { handshake } from './tls_client.js';
import { startPutSite, type PutSite } from './putting.js';
import type { SiteOptions } from './site.js';

/** How long a node may take to serve what etcd has, in milliseconds, on a machine that is busy with other tests. */
const PATIENCE_MS = 60_000;
const POLL_MS = 20;

/** Starts a cluster. It ends with the test file. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const cluster = await startEtcd(options);
  afterAll(cluster.stop);
  return cluster;
}

/** Starts an nginx that follows a cluster. It ends with the test file. */
export async function startNode(cluster: Cluster, options: SiteOptions = {}): Promise<PutSite> {
  return startPutSite({
    zones: `js_shared_dict_zone zone=certs:8m; js_shared_dict_zone zone=certs_misses:1m timeout=60s evict;`,
    ...options,
    http: followerConf(cluster),
  });
}

/** Waits until something holds. Throws what `isSo` throws, or where it does not in time. */
export async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (Date.now() > end) throw new Error(`It did not come to pass that ${what}.`);
    await sleep(POLL_MS);
  }
}

/** What a node serves, whatever its network. */
export async function serialAt(node: PutSite, servername: string): Promise<string> {
  const { tlsSocket: path, authority } = node;
  return (await handshake({ path, servername, ca: authority.rootPem })).serial;
}

/** Waits until each of some nodes serves a certificate. */
export async function untilServed(nodes: PutSite[], name: string, serial: string): Promise<void> {
  await Promise.all(
    nodes.map((node, i) =>
      until(
        `node ${i} serves ${serial} for ${name}`,
        async () => (await serialAt(node, name).catch(() => '')) === serial,
      ),
    ),
  );
}
