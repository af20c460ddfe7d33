import { dirname, join } from 'node:path';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { createSecureContext } from 'node:tls';
import { timed } from '../../setup/command.js';
import type { Runtime } from '../../setup/runtimes.js';
import { followerConf, startEtcd, type Cluster } from '../../support/etcd.js';
import { STORE, nginxConf, startNginx, type Nginx } from '../../support/nginx.js';
import { openConnection } from '../../support/tls_client.js';
import { now } from '../clock.js';
import { quantileOf } from '../statistics.js';
import { createLeaves, type Leaves } from '../scale/leaves.js';
import { nameOf } from '../scale/names.js';

/** Of them, that follow one etcd. */
export const NODES = 5;
/** Of `followerConf`. */
export const INTERVAL_MS = 500;

/** How long requests to etcd are counted, in milliseconds. */
const IDLE_MS = 20_000;
/** To compare with those while a node joins. */
const HANDSHAKES = 1000;
/** Values in one transaction: together less than the 1.5 MiB that etcd takes. */
const BATCH = 100;
const POLL_MS = 5;
/** Longer than anything here takes, in milliseconds. */
const PATIENCE_MS = 600_000;

const secureContext = createSecureContext();

export interface Measurement {
  names: number;
  /** From the request of each put to the first handshake with its certificate on the last of the nodes. */
  putMs: number[];
  /** Per second, of one node: with what is in the headers, in both directions. */
  idle: { requests: number; bytes: number };
  /** Of the last node to join. */
  joining: Joining;
  /** How often a node logged that a round was ended by the next one. */
  killed: number;
}

/** In milliseconds. */
export interface Latency {
  median: number;
  /** One of a hundred is longer. */
  high: number;
  longest: number;
}

export interface Joining {
  /** From the first handshake with the first name to that with the last. */
  warmMs: number;
  /** Of handshakes with its first name meanwhile. */
  meanwhile: Latency;
  /** The same when it is warm. */
  warm: Latency;
}

/** Measures with a cluster of its own that has some names. */
export async function measure(runtime: Runtime, names: number, puts: number): Promise<Measurement> {
  const cluster = await startEtcd();
  const nodes: Nginx[] = [];
  try {
    const leaves = await createLeaves('ec');
    await timed(`${names} names into etcd`, () => fill(cluster, leaves, names));
    const sorted = Array.from({ length: names }, (_, i) => nameOf(i)).sort();
    let joining: Joining | undefined;
    for (let i = 0; i < NODES; i++) {
      joining = await timed(`node ${i + 1} joins`, async () => {
        const node = await startNode(runtime, cluster);
        nodes.push(node);
        return joined(node, sorted[0]!, sorted[names - 1]!);
      });
    }
    const idle = await idleCost(nodes[0]!);
    const putMs = await timed(`${puts} puts`, async () => {
      const taken: number[] = [];
      for (let i = 0; i < puts; i++)
        taken.push(await putToServed(nodes, leaves, nameOf(i % names)));
      return taken;
    });
    const killed = nodes
      .map(({ log }) => log().split('killing previous instance').length - 1)
      .reduce((sum, one) => sum + one, 0);
    return { names, putMs, idle, joining: joining!, killed };
  } finally {
    await Promise.all(nodes.map((node) => node.stop()));
    await cluster.stop();
  }
}

async function startNode(runtime: Runtime, cluster: Cluster): Promise<Nginx> {
  const cache = runtime.certificateCache ? 'ssl_certificate_cache max=1000;' : '';
  return startNginx({
    runtime,
    ports: [],
    logLevel: 'notice',
    config: nginxConf({
      runtime,
      http: `
  js_shared_dict_zone zone=certs:128m;
  js_shared_dict_zone zone=certs_misses:1m timeout=60s evict;
  js_var $cert_store ${STORE};
  js_set $tls_pair certs.js_pair;
  log_format sizes "$request_length $bytes_sent";
  ${followerConf(cluster, '/run/nginx/etcd.log sizes')}
  server {
    listen unix:/run/nginx/tls.sock ssl;
    ssl_certificate $tls_pair; ssl_certificate_key $tls_pair;
    ${cache}
    return 204;
  }
  server {
    listen unix:/run/nginx/cert-admin.sock;
    client_body_buffer_size 2m;
    location /certs/ { js_content certs.admin; }
  }`,
    }),
  });
}

/** Puts pairs into etcd by its gateway, many at once. */
async function fill(cluster: Cluster, leaves: Leaves, names: number): Promise<void> {
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  for (let at = 0; at < names; at += BATCH) {
    const success = Array.from({ length: Math.min(BATCH, names - at) }, (_, i) => {
      const name = nameOf(at + i);
      const { chainPem, keyPem } = leaves.issue(name);
      return { request_put: { key: encode(`/certs/${name}`), value: encode(chainPem + keyPem) } };
    });
    const answer = await fetch(`http://${cluster.members[0]!.endpoint}/v3/kv/txn`, {
      method: 'POST',
      body: JSON.stringify({ success }),
    });
    if (!answer.ok) throw new Error(`etcd: ${answer.status} ${await answer.text()}`);
  }
}

/** The serial number that a node serves; '' where it has none. */
async function serialAt(node: Nginx, servername: string): Promise<string> {
  const path = join(dirname(node.adminSocket), 'tls.sock');
  try {
    const { serial, close } = await openConnection({ path, servername, secureContext });
    await close();
    return serial;
  } catch {
    return '';
  }
}

async function until(isSo: () => Promise<boolean>): Promise<number> {
  const end = now() + PATIENCE_MS;
  while (!(await isSo())) {
    if (now() > end) throw new Error('It takes too long');
    await sleep(POLL_MS);
  }
  return now();
}

function latencyOf(taken: number[]): Latency {
  const [median, high, longest] = [0.5, 0.99, 1].map((share) => quantileOf(taken, share));
  return { median: median!, high: high!, longest: longest! };
}

async function joined(node: Nginx, first: string, last: string): Promise<Joining> {
  const handshakeMs = async (): Promise<number> => {
    const begun = now();
    await serialAt(node, first);
    return now() - begun;
  };
  const start = await until(async () => (await serialAt(node, first)) !== '');
  const meanwhile: number[] = [];
  const end = await until(async () => {
    meanwhile.push(await handshakeMs());
    return (await serialAt(node, last)) !== '';
  });
  const warm: number[] = [];
  await until(async () => warm.push(await handshakeMs()) >= HANDSHAKES);
  return { warmMs: end - start, meanwhile: latencyOf(meanwhile), warm: latencyOf(warm) };
}

async function idleCost(node: Nginx): Promise<Measurement['idle']> {
  const file = join(dirname(node.adminSocket), 'etcd.log');
  // What it does to catch up is over in the next round.
  await sleep(4 * INTERVAL_MS);
  const before = readFileSync(file, 'utf8').length;
  await sleep(IDLE_MS);
  const lines = readFileSync(file, 'utf8').slice(before).trim().split('\n');
  const bytes = lines.flatMap((line) => line.split(' ')).reduce((sum, one) => sum + Number(one), 0);
  return { requests: lines.length / (IDLE_MS / 1000), bytes: bytes / (IDLE_MS / 1000) };
}

async function putToServed(nodes: Nginx[], leaves: Leaves, name: string): Promise<number> {
  const { chainPem, keyPem, serial } = leaves.issue(name);
  // The rounds go on meanwhile: a put comes at any moment of one.
  await sleep(Math.random() * INTERVAL_MS);
  const start = now();
  const { status, body } = await nodes[0]!.admin(`/certs/${name}`, {
    method: 'PUT',
    body: chainPem + keyPem,
  });
  if (status !== 200) throw new Error(`PUT: ${status} ${body}`);
  const ends = await Promise.all(
    nodes.map((node) => until(async () => (await serialAt(node, name)) === serial)),
  );
  return Math.max(...ends) - start;
}
