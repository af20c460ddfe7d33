import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedTestContainer } from 'testcontainers';
import { run, succeeds } from '../setup/command.js';
import { ETCD_IMAGE } from '../setup/runtimes.js';
import { containerIsRemoved } from './leftovers.js';
import { OwnContainer } from './own_container.js';

/** Whether the image was built: npm test says so where it cannot be. */
export const hasEtcd = await succeeds('docker', ['image', 'inspect', ETCD_IMAGE]);

/** The rounds, in any location of http or server of stream. */
export const FOLLOW = 'js_periodic certs.follow interval=500ms; js_fetch_timeout 400ms;';

/** Where a container has its pair. */
const CERT = '/m.pem';
const KEY = '/m.key';

/** How long a cluster may take to elect a leader, in milliseconds. */
const PATIENCE_MS = 30_000;

/** One etcd of a cluster. */
export interface Member {
  /** Where other containers reach it: `172.17.0.2:2379`. */
  endpoint: string;
  containerId: string;
  /** Runs a shell script in its container. Throws with what it wrote where it does not exit with 0. */
  run: (script: string) => Promise<string>;
  /** Starts the program again on what it has stored. */
  start: () => Promise<void>;
  /** Ends the program at once. */
  kill: () => Promise<void>;
}

export interface Cluster {
  members: Member[];
  /** Runs a shell script beside them, where etcdctl finds the members that run; it reads `input`. */
  sh: (script: string, input?: string) => Promise<string>;
  /** The same for one call of etcdctl, with its arguments as a shell reads them. */
  etcdctl: (args: string, input?: string) => Promise<string>;
  put: (key: string, value: string) => Promise<void>;
  /** The one that leads. */
  leader: () => Promise<Member>;
  /** Halts all members, and lets them go on. */
  pause: () => Promise<void>;
  resume: () => Promise<void>;
  /** Waits until a key can be written. */
  untilHealthy: () => Promise<void>;
  stop: () => Promise<void>;
}

export interface ClusterOptions {
  /** Default: 3. */
  size?: number;
  /** Further options of each member. */
  options?: string;
  /** Files of each container: texts by path. */
  files?: Record<string, string>;
  /** The pair that members show to clients, and etcdctl to them; absent: there is no TLS. */
  tls?: { chainPem: string; keyPem: string };
}

/**
 * What an nginx follows a cluster with, in its http block: a proxy of its own, so that any member will do, as in nginx/etcd.conf, and
 * the rounds.
 *
 * @param log what the proxy writes of each request, as `access_log` has it; default: nothing
 */
export function followerConf({ members }: Cluster, log = 'off'): string {
  return `
    js_var $cert_etcd http://127.0.0.1:2379;
    js_fetch_timeout 2s;
    upstream etcd {
      ${members.map(({ endpoint }) => `server ${endpoint} fail_timeout=1s;`).join(' ')}
      keepalive 4;
    }
    server {
      listen 127.0.0.1:2379;
      access_log ${log};
      client_max_body_size 4m;
      client_body_buffer_size 4m;
      proxy_max_temp_file_size 0;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_connect_timeout 100ms;
      location / { proxy_pass http://etcd; }
      location = /v3/kv/range {
        proxy_pass http://etcd;
        proxy_next_upstream error timeout non_idempotent;
        proxy_read_timeout 150ms;
      }
      location @follow { ${FOLLOW} }
    }`;
}

/** Starts a cluster of etcd in containers. They go with `stop`, or when this process ends. */
export async function startEtcd({
  size = 3,
  options = '',
  files = {},
  tls,
}: ClusterOptions = {}): Promise<Cluster> {
  const scheme = tls ? 'https' : 'http';
  const allFiles = { ...files, ...(tls ? { [CERT]: tls.chainPem, [KEY]: tls.keyPem } : {}) };
  const containers = await Promise.all(
    Array.from({ length: size }, () =>
      new OwnContainer(ETCD_IMAGE)
        .withCopyContentToContainer(
          Object.entries(allFiles).map(([target, content]) => ({ target, content, mode: 0o644 })),
        )
        .withEntrypoint(['sleep', 'infinity'])
        .start(),
    ),
  );
  const addresses = containers.map((container) => container.getIpAddress('bridge'));
  const initial = addresses.map((address, i) => `m${i}=http://${address}:2380`).join(',');
  const members = containers.map((container, i): Member => {
    const address = addresses[i]!;
    const exec = async (script: string): Promise<string> => {
      const { exitCode, output } = await container.exec(['sh', '-c', script]);
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode}\n${output}`);
      return output;
    };
    // The tests want its elections short, and the disk is not theirs to wait for.
    const command = `etcd --name m${i} --data-dir /data --unsafe-no-fsync \
      --heartbeat-interval 50 --election-timeout 500 \
      --listen-client-urls ${scheme}://0.0.0.0:2379 --advertise-client-urls ${scheme}://${address}:2379 \
      --listen-peer-urls http://0.0.0.0:2380 --initial-advertise-peer-urls http://${address}:2380 \
      --initial-cluster ${initial} ${tls ? `--cert-file ${CERT} --key-file ${KEY}` : ''} ${options}`;
    return {
      endpoint: `${address}:2379`,
      containerId: container.getId(),
      run: exec,
      start: async () => {
        await exec(`{ ${command} >>/etcd.log 2>&1 & echo $! >/etcd.pid; } </dev/null`);
      },
      kill: async () => {
        await exec('kill -9 "$(cat /etcd.pid)"');
      },
    };
  });
  const endpoints = members.map(({ endpoint }) => `${scheme}://${endpoint}`).join(',');

  const env = Object.entries({
    ETCDCTL_API: '3',
    ETCDCTL_ENDPOINTS: endpoints,
    ...(tls
      ? { ETCDCTL_CERT: CERT, ETCDCTL_KEY: KEY, ETCDCTL_INSECURE_SKIP_TLS_VERIFY: 'true' }
      : {}),
  });
  const exec = [
    ...['exec', '--interactive', ...env.flatMap(([name, value]) => ['--env', `${name}=${value}`])],
    ...[members[0]!.containerId, 'sh', '-c'],
  ];
  const sh = (script: string, input = ''): Promise<string> =>
    run('docker', [...exec, script], { input });
  const etcdctl = (args: string, input = ''): Promise<string> => sh(`etcdctl ${args}`, input);

  async function all(action: 'pause' | 'unpause'): Promise<void> {
    await run('docker', [action, ...members.map(({ containerId }) => containerId)]);
  }
  async function untilHealthy(): Promise<void> {
    const end = Date.now() + PATIENCE_MS;
    for (;;) {
      const problem = await etcdctl('--command-timeout=2s put health-of-tests ok').then(
        () => undefined,
        (error: unknown) => error,
      );
      if (problem === undefined) return;
      if (Date.now() > end) throw problem as Error;
      await sleep(100);
    }
  }
  for (const member of members) await member.start();
  await untilHealthy();
  return {
    members,
    sh,
    etcdctl,
    put: async (key, value) => {
      await etcdctl(`put ${key}`, value);
    },
    leader: async () => {
      const status = JSON.parse(await etcdctl('endpoint status --write-out=json')) as {
        Endpoint: string;
        Status: { leader: number; header: { member_id: number } };
      }[];
      const { Endpoint } = status.find(({ Status }) => Status.leader === Status.header.member_id)!;
      return members.find(({ endpoint }) => Endpoint.endsWith(endpoint))!;
    },
    pause: () => all('pause'),
    resume: () => all('unpause'),
    untilHealthy,
    stop: async () => {
      await Promise.all(containers.map(remove));
    },
  };
}

async function remove(container: StartedTestContainer): Promise<void> {
  await container.stop();
  containerIsRemoved(container.getId());
}
