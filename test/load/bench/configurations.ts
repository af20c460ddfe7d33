import { BENCH_RUNTIMES } from '../../setup/runtimes.js';

/** Which nginx of `BENCH_RUNTIMES`. Ratios are to a static certificate on the same one. */
export type NginxName = keyof typeof BENCH_RUNTIMES;

/** One way to have nginx serve certificates. */
export interface Configuration {
  /** For `--only`; on each nginx one is called `static`, after a prefix. */
  name: string;
  title: string;
  nginx: NginxName;
  /** Absent where there is no script, or no engine to choose. */
  engine?: Engine;
  /** Module files, without `.so`. */
  modules: string[];
  /** Directives of the http block. */
  http: string;
  /** Directives of the server that serves the certificate of a name. */
  certificate: (name: string) => string;
  /** Whether it is the bundle, so that a cache miss can be measured. */
  isBundle: boolean;
  /** Whether the bundle has a folder of its own for what it serves. */
  hasStore: boolean;
}

export const ENGINES = ['njs', 'qjs'] as const;
export type Engine = (typeof ENGINES)[number];

const CACHE = 'ssl_certificate_cache max=1000 inactive=1h valid=1h;';

const PAIR = {
  title: 'js_pair',
  set: 'js_set $tls_pair certs.js_pair;',
  cert: '"data:$tls_pair"',
  key: '"data:$tls_pair"',
};
const PATH = { ...PAIR, cert: '$tls_pair', key: '$tls_pair' };
const TWO = {
  title: 'js_cert and js_key',
  set: 'js_set $tls_cert certs.js_cert; js_set $tls_key certs.js_key;',
  cert: '"data:$tls_cert"',
  key: '"data:$tls_key"',
};

interface Scripted {
  nginx: NginxName;
  /** Goes before the name, and into it. */
  prefix?: string;
  name: string;
  title: string;
  engine?: Engine;
  isCached: boolean;
  script: string;
  variables: typeof PAIR;
  hasStore?: boolean;
}

function scripted(options: Scripted): Configuration {
  const { nginx, prefix = '', engine, isCached, script, variables, hasStore = false } = options;
  const isBundle = script.startsWith('/etc/nginx/njs/');
  return {
    name: [prefix + options.name, engine, isCached && 'cache'].filter(Boolean).join('-'),
    title: [options.title, engine, isCached && 'cache'].filter(Boolean).join(', '),
    nginx,
    ...(engine && { engine }),
    modules: ['ngx_http_js_module'],
    http: `
    ${engine ? `js_engine ${engine};` : ''}
    js_import certs from ${script};
    js_shared_dict_zone zone=certs:16m;
    ${isBundle ? 'js_shared_dict_zone zone=certs_misses:1m timeout=60s evict;' : ''}
    ${variables.set}
    ${isCached ? CACHE : ''}`,
    certificate: () => `ssl_certificate ${variables.cert}; ssl_certificate_key ${variables.key};`,
    isBundle,
    hasStore,
  };
}

const BUNDLE = '/etc/nginx/njs/cert_rotation.js';
const PLAIN = '/etc/nginx/certs/plain.js';
const LEAST = '/etc/nginx/certs/least.js';
const LEAST_PATH = '/etc/nginx/certs/least_path.js';

/** What is served by a script: by the bundle in both ways, by the plain approach, by the least that a script can do. */
function scripts(
  options: Pick<Scripted, 'nginx' | 'prefix' | 'engine' | 'isCached'>,
): Configuration[] {
  const title = (what: string): string => `this bundle, ${what}`;
  return [
    scripted({
      ...options,
      name: 'pair',
      title: title(PAIR.title),
      script: BUNDLE,
      variables: PAIR,
    }),
    scripted({
      ...options,
      name: 'store',
      title: title(`${PAIR.title}, with a store`),
      script: BUNDLE,
      variables: PATH,
      hasStore: true,
    }),
    scripted({ ...options, name: 'two', title: title(TWO.title), script: BUNDLE, variables: TWO }),
    scripted({ ...options, name: 'plain', title: 'plain approach', script: PLAIN, variables: TWO }),
    scripted({
      ...options,
      name: 'least',
      title: 'least script, PEM',
      script: LEAST,
      variables: PAIR,
    }),
    scripted({
      ...options,
      name: 'least-path',
      title: 'least script, path',
      script: LEAST_PATH,
      variables: PATH,
    }),
  ];
}

function fixed(nginx: NginxName, name: string, title: string): Configuration {
  return {
    name,
    title,
    nginx,
    modules: [],
    http: '',
    certificate: (site) => filesCalled(site),
    isBundle: false,
    hasStore: false,
  };
}

function lua(name: string, title: string): Configuration {
  return {
    name: `lua-${name}`,
    title: `Lua, ${title}`,
    nginx: 'current',
    modules: ['ndk_http_module', 'ngx_http_lua_module'],
    http: `
    lua_shared_dict certs 16m;
    lua_package_path "/etc/nginx/certs/?.lua;;";`,
    // nginx wants a certificate in its configuration even where it is never served.
    certificate: (site) =>
      `${filesCalled(site)} ssl_certificate_by_lua_block { require("${name}")() }`,
    isBundle: false,
    hasStore: false,
  };
}

function filesCalled(name: string): string {
  return (
    `ssl_certificate /etc/nginx/certs/${name}.cert.pem; ` +
    `ssl_certificate_key /etc/nginx/certs/${name}.key.pem;`
  );
}

export const CONFIGURATIONS: Configuration[] = [
  fixed('current', 'static', 'static certificate'),
  // What this differs from 1 by is what the figures of the others are worth.
  fixed('current', 'static-again', 'static certificate, once more'),
  ...[true, false].flatMap((isCached) =>
    ENGINES.flatMap((engine) => scripts({ nginx: 'current', engine, isCached })),
  ),
  {
    ...fixed('current', 'files-cache', "nginx's $ssl_server_name in the file path, cache"),
    http: CACHE,
    certificate: () => filesCalled('$ssl_server_name'),
  },
  lua('pem', 'PEM in a shared dictionary'),
  lua('lru', 'parsed certificates in a per-worker LRU'),
  fixed('oldest', '1.26-static', 'static certificate'),
  ...scripts({ nginx: 'oldest', prefix: '1.26-', isCached: false }),
];

/** The bundle in the ways that are recommended: what a developer looks at. */
export const QUICK = ENGINES.flatMap((engine) => [`pair-${engine}-cache`, `store-${engine}-cache`]);

/** What the ratios of a configuration are to. */
export function baseOf({ nginx }: Configuration): Configuration {
  return CONFIGURATIONS.find((other) => other.nginx === nginx && other.modules.length === 0)!;
}
