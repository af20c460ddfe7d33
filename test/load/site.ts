import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Runtime } from '../setup/runtimes.js';
import { STORE, makeWorkDirectory, nginxConf, startNginx } from '../support/nginx.js';
import type { LongAnswer } from './outcome.js';
import { listNames, type LoadName, type Target } from './target.js';

/** `$cert_check_interval`, in milliseconds. */
export const CHECK_INTERVAL_MS = 1000;

export const WORKERS = 2;

/** The store of some names, in a memory of its own that can be filled up. */
export const SMALL_STORE = '/var/lib/nginx/small';

/** Room for the versions of more than a minute, since those that were replaced stay that long. */
export const SMALL_STORE_MIB = 64;

/**
 * Docker's proxy keeps a local port busy for a minute after each connection, and has some 28,000 for each port of the
 * container.
 */
const PORTS = [8443, 8444, 8445, 8446];

/**
 * `ssl_certificate_cache`, in entries for each name: certificate and key of its version, and of the one before. It is
 * soon full, and memory flat.
 */
const CACHED_PER_NAME = 4;

/** Bytes in a second of a long answer. */
const LONG_ANSWER_RATE = 1024;
/** In seconds, the longest beside that of the whole run. */
const LONG_ANSWERS_S = [2, 3, 5, 7, 10, 15, 20];

/** In each group certificates are held in another way. */
const NAMES = listNames({
  /** In files that somebody else writes. */
  files: { count: 30, ways: ['clear', 'files'] },
  /** The same, and nobody looks at the files but after a clear. */
  still: { count: 20, ways: ['clear'] },
  /** In the store alone. */
  put: { count: 60, ways: ['put'] },
  /** The same, in a store that gets full. */
  small: { count: 10, ways: ['put'] },
});

/** Of two nginx each finds what the other has stored when its own interval is over. */
const SETTLES_MS = CHECK_INTERVAL_MS + 1000;

/** Without those that a file brings to a second nginx only after 20 seconds, or that have a store of its own. */
const SHARED_NAMES = listNames({
  files: { count: 30, ways: ['clear', 'files'] },
  put: { count: 60, ways: ['put'] },
});

const PLAIN_NAMES = listNames({ files: { count: 120, ways: ['clear'] } });

const FALLBACK = 0;

/** An expression for the names of some groups, and for the paths to put them under. */
function anyOf(groups: string): string {
  return `^(/certs/)?n[0-9]+\\.(${groups})\\.example$`;
}

const BUNDLE = {
  http: `
    # A zone that can be filled within a second or two.
    js_shared_dict_zone zone=certs:256k;
    js_shared_dict_zone zone=certs_misses:128k timeout=60s evict;
    js_set $tls_pair certs.js_pair;
    js_set $tls_cert certs.js_cert;
    js_set $tls_key  certs.js_key;
    js_var $cert_fallback ${NAMES[FALLBACK]!.name};
    # A handshake knows the server name, a put the path. What is no name of a group is served the fallback, whose settings
    # are those of the name asked for.
    map "$ssl_server_name$uri" $cert_check_interval { default ${CHECK_INTERVAL_MS / 1000}; "~${anyOf('still')}" 0; }
    map "$ssl_server_name$uri" $cert_store { default ${STORE}; "~${anyOf('small')}" ${SMALL_STORE}; }`,
  /** Of each server. */
  variables: [
    { cert: '$tls_pair', key: '$tls_pair' },
    { cert: '$tls_cert', key: '$tls_key' },
  ],
  admin: `
    location = /clear { js_content certs.clear_cache; }
    location /certs/  { js_content certs.admin; }`,
};

const PLAIN = {
  http: `
    js_import plain from /etc/nginx/certs/plain.js;
    js_shared_dict_zone zone=certs:1m;
    js_set $tls_cert plain.js_cert;
    js_set $tls_key  plain.js_key;`,
  variables: [{ cert: 'data:$tls_cert', key: 'data:$tls_key' }],
  admin: 'location = /clear { js_content plain.clear_cache; }',
};

/** The bundle, the plain approach in its place, or the bundle in two nginx with one store. */
export type Kind = 'bundle' | 'plain' | 'two-nginx';

const KINDS: Record<Kind, { title: string; names: LoadName[] }> = {
  bundle: { title: 'the bundle', names: NAMES },
  plain: { title: 'the plain approach', names: PLAIN_NAMES },
  'two-nginx': { title: 'the bundle in two nginx with one store', names: SHARED_NAMES },
};

export interface SiteOptions {
  runtime: Runtime;
  kind: Kind;
  /** How long the longest answer is to take, in seconds. */
  seconds: number;
}

/** Starts one nginx or two, each in a container. No name has a certificate yet. */
export async function startSite({ runtime, kind, seconds }: SiteOptions): Promise<Target> {
  const directory = makeWorkDirectory();
  const certsDirectory = join(directory, 'certs');
  // The workers, which run as another user, write there too.
  chmodSync(certsDirectory, 0o777);
  copyFileSync(join(import.meta.dirname, 'plain/plain.js'), join(certsDirectory, 'plain.js'));
  const durations = [...LONG_ANSWERS_S, seconds];
  const longAnswers = writeLongAnswers(join(directory, 'run/long'), durations);
  const { title, names } = KINDS[kind];
  const options = {
    runtime,
    ports: PORTS,
    tmpfs: { [SMALL_STORE]: `rw,size=${SMALL_STORE_MIB}m,mode=1777` },
    config: configOf(runtime, kind === 'plain' ? PLAIN : BUNDLE, names),
  };
  const nginx = await startNginx({ ...options, directory });
  const all = [nginx];
  if (kind === 'two-nginx') {
    const other = makeWorkDirectory();
    writeLongAnswers(join(other, 'run/long'), durations);
    const shared = { certsDirectory, storeDirectory: join(directory, 'store') };
    all.push(await startNginx({ ...options, ...shared, directory: other }));
  }
  const addresses = all.flatMap(({ address }) => PORTS.map(address));
  let turn = 0;
  return {
    title: `${title}, ${runtime.name}`,
    host: addresses[0]!.host,
    ports: addresses.map(({ port }) => port),
    names,
    fallback: FALLBACK,
    longAnswers,
    admin: (path, request) => all[turn++ % all.length]!.admin(path, request),
    settlesMs: all.length > 1 ? SETTLES_MS : 0,
    nginx,
    end: async () => {
      await Promise.all(all.map(({ stop }) => stop()));
    },
  };
}

function configOf(runtime: Runtime, site: typeof PLAIN, names: LoadName[]): string {
  const servers = site.variables.map(({ cert, key }, i, all) => {
    const ports = PORTS.filter((_, j) => j % all.length === i);
    return `
  server {
    ${ports.map((port) => `listen ${port} ssl reuseport;`).join('\n    ')}
    ssl_certificate     ${cert};
    ssl_certificate_key ${key};
    ${runtime.certificateCache ? `ssl_certificate_cache max=${CACHED_PER_NAME * names.length};` : ''}
    location /long/ { alias /run/nginx/long/; limit_rate ${LONG_ANSWER_RATE}; }
    location / { return 200 $pid; }
  }`;
  });
  return nginxConf({
    runtime,
    workers: WORKERS,
    http: `${site.http}
  ${servers.join('')}
  server {
    listen unix:/run/nginx/cert-admin.sock;
    client_max_body_size 2m;
    client_body_buffer_size 2m;
    ${site.admin}
  }`,
  });
}

/** Writes files for answers that take some seconds each. */
function writeLongAnswers(directory: string, durations: number[]): LongAnswer[] {
  mkdirSync(directory, { mode: 0o755 });
  return durations.map((seconds) => {
    const length = seconds * LONG_ANSWER_RATE;
    writeFileSync(join(directory, `${seconds}`), 'x'.repeat(length), { mode: 0o644 });
    return { path: `/long/${seconds}`, length };
  });
}
