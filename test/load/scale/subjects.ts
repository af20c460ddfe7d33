import { findRuntime, HAPROXY_RUNTIME, type Runtime } from '../../setup/runtimes.js';
import { ADMIN_SOCKET, STORE, nginxConf } from '../../support/nginx.js';
import { nameOf } from './names.js';

/** Where what is compared speaks TLS: thousands of connections through a socket use up no ports. */
export const TLS_SOCKET = '/run/nginx/tls.sock';

/** `scan`: the bundle with `$cert_scan`. */
export type Kind = 'bundle' | 'scan' | 'static' | 'haproxy';

/** One way to serve certificates. */
export interface Subject {
  /** For `--only`. */
  name: string;
  title: string;
  kind: Kind;
  runtime: () => Runtime;
  /** The name of the static subject on the same nginx; absent: it is one, or no nginx. */
  base?: string;
  /** The highest number of names that it is measured with. */
  mostNames: number;
  /** `max` of ssl_certificate_cache, by number of names; absent: the directive is left out. */
  cacheEntries?: (names: number) => number;
}

const ALL = Infinity;
const SOME = 10_000;

/** As in the configurations of nginx/. */
export const USUAL_CACHE = 1000;

export const SUBJECTS: Subject[] = [
  {
    name: 'static',
    title: 'a server block for each name',
    kind: 'static',
    runtime: () => findRuntime('njs'),
    mostNames: SOME,
  },
  {
    name: 'njs',
    title: 'this bundle, njs',
    kind: 'bundle',
    runtime: () => findRuntime('njs'),
    base: 'static',
    mostNames: ALL,
    cacheEntries: () => USUAL_CACHE,
  },
  {
    name: 'qjs',
    title: 'this bundle, qjs',
    kind: 'bundle',
    runtime: () => findRuntime('qjs'),
    base: 'static',
    mostNames: ALL,
    cacheEntries: () => USUAL_CACHE,
  },
  {
    name: 'njs-cached',
    title: 'this bundle, njs, ssl_certificate_cache for all names',
    kind: 'bundle',
    runtime: () => findRuntime('njs'),
    base: 'static',
    mostNames: SOME,
    // A certificate and a key.
    cacheEntries: (names) => 2 * names,
  },
  {
    name: '1.26-static',
    title: 'nginx 1.26: a server block for each name',
    kind: 'static',
    runtime: () => findRuntime('debian13'),
    mostNames: SOME,
  },
  {
    name: '1.26-bundle',
    title: 'nginx 1.26: this bundle',
    kind: 'bundle',
    runtime: () => findRuntime('debian13'),
    base: '1.26-static',
    mostNames: SOME,
  },
  {
    name: 'njs-scan',
    title: 'this bundle, njs, $cert_scan',
    kind: 'scan',
    runtime: () => findRuntime('njs'),
    mostNames: SOME,
    cacheEntries: () => USUAL_CACHE,
  },
  {
    name: 'qjs-scan',
    title: 'this bundle, qjs, $cert_scan',
    kind: 'scan',
    runtime: () => findRuntime('qjs'),
    mostNames: SOME,
    cacheEntries: () => USUAL_CACHE,
  },
  {
    name: '1.26-scan',
    title: 'nginx 1.26: this bundle, $cert_scan',
    kind: 'scan',
    runtime: () => findRuntime('debian13'),
    mostNames: SOME,
  },
  {
    name: 'haproxy',
    title: 'HAProxy',
    kind: 'haproxy',
    runtime: () => HAPROXY_RUNTIME,
    mostNames: SOME,
  },
];

/** Bytes that a name takes in the zone, at most: chain and key are in the store. */
const ZONE_BYTES = 1536;
/** With `$cert_scan` there is a pointer, too, and a sixteenth of the zone stays free of pairs. */
const SCAN_ZONE_BYTES = 1024;

/** Looks once when nginx starts, and after each clear. */
const SCAN_CONF = {
  http: `
    js_var $cert_scan "/etc/nginx/certs/*.cert.pem";
    js_var $cert_check_interval 0;`,
  admin: 'location @scan      { js_periodic certs.scan interval=500ms; }',
};

/** The nginx.conf of a subject. Beside HAProxy an nginx runs that does nothing. */
export function nginxConfOf(subject: Subject, names: number): string {
  if (subject.kind === 'haproxy') return 'events { }';
  if (subject.kind === 'static') return staticConf(names);
  const entries = subject.cacheEntries?.(names);
  const isScanned = subject.kind === 'scan';
  const bytesPerName = ZONE_BYTES + (isScanned ? SCAN_ZONE_BYTES : 0);
  const zoneKib = 1024 + Math.ceil((names * bytesPerName) / 1024);
  return nginxConf({
    runtime: subject.runtime(),
    workers: 1,
    http: `
    js_shared_dict_zone zone=certs:${zoneKib}k;
    js_shared_dict_zone zone=certs_misses:1m timeout=60s evict;
    js_var $cert_store ${STORE};
    js_set $tls_pair certs.js_pair;${isScanned ? SCAN_CONF.http : ''}
    server {
        listen unix:${TLS_SOCKET} ssl;
        ssl_certificate     $tls_pair;
        ssl_certificate_key $tls_pair;
        ${entries === undefined ? '' : `ssl_certificate_cache max=${entries} inactive=1h valid=1h;`}
        return 200;
    }
    server {
        listen unix:${ADMIN_SOCKET};
        client_max_body_size    2m;
        client_body_buffer_size 2m;
        location = /clear   { js_content certs.clear_cache; }
        location = /metrics { js_content certs.metrics; }
        location /certs/    { js_content certs.admin; }
        ${isScanned ? SCAN_CONF.admin : ''}
    }`,
  });
}

function staticConf(names: number): string {
  const servers = Array.from({ length: names }, (_, i) => {
    const file = `/etc/nginx/certs/${nameOf(i)}`;
    return `
    server {
        listen unix:${TLS_SOCKET} ssl;
        server_name ${nameOf(i)};
        ssl_certificate     ${file}.cert.pem;
        ssl_certificate_key ${file}.key.pem;
        return 200;
    }`;
  });
  return `
worker_processes 1;
events { worker_connections 1024; }
http {
    access_log off;
    server_names_hash_max_size ${2 * names};
    server_names_hash_bucket_size 128;
    ${servers.join('')}
}
`;
}
