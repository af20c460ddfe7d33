import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { currentRuntime } from '../setup/runtimes.js';
import { createAuthority, writePair, type Authority, type Pair } from './certificates.js';
import { STORE, makeWorkDirectory, nginxConf, startNginx, type Nginx } from './nginx.js';
import { handshake, openConnection, type ClientOptions } from './tls_client.js';

export interface SiteOptions {
  /**
   * Where the TLS server is; default: `http`. In `stream` it ends a connection with the number of the worker, settings
   * and `zones` are those of that block, and `/clear` is for the zones of both.
   */
  block?: 'http' | 'stream';
  /** Names to issue a pair for, each in files of that name, `_` standing for `*`. */
  names?: string[];
  /** Who issues them; default: one of the site's own. */
  authority?: Authority;
  /** Further files of /etc/nginx/certs: texts by file name. */
  files?: Record<string, string>;
  /** `$cert_…` variables, without the `$cert_`. */
  settings?: Record<string, string>;
  /** Declarations of shared dictionaries; default: one, `certs`, or `certs_stream` for `stream`. */
  zones?: string;
  /** Serve certificate and key by one variable, or by one each. */
  variables?: 'one' | 'two';
  /** Have an RSA slot, its files NAME.rsa.cert.pem and NAME.rsa.key.pem, and its `ssl_certificate` line there. */
  rsaSlot?: 'first' | 'last';
  workers?: number;
  /** Of `makeWorkDirectory`, with files of an earlier site. */
  directory?: string;
  /** As `NginxOptions` has them. */
  tmpfs?: Record<string, string>;
  mounts?: Record<string, string>;
  logLevel?: 'debug' | 'info' | 'notice';
  isDaemon?: boolean;
  mayMount?: boolean;
  /** Set `$cert_store`, and give nginx what the handlers return as it is. */
  store?: boolean;
  /** As `NginxOptions` has it. */
  storeDirectory?: string;
  /** Have nginx keep no certificates: it serves a file that is gone for a minute. */
  withoutCache?: boolean;
  /** Further directives of the http block, and of the stream block where the TLS server is there. */
  http?: string;
  stream?: string;
  /** The same of the server that speaks TLS; a `return` of its own comes before that of `$pid`. */
  server?: string;
  /** Texts of further njs modules, by the name under which `http` has them. */
  modules?: Record<string, string>;
  /** The same of the main level. */
  main?: string;
  /** Further directives of the server of the HTTP handlers. */
  admin?: string;
}

/** For what holds in both blocks, with one variable and with two. */
export const BLOCKS: [NonNullable<SiteOptions['variables']>, NonNullable<SiteOptions['block']>][] =
  [
    ['one', 'http'],
    ['two', 'http'],
    ['one', 'stream'],
    ['two', 'stream'],
  ];

/** nginx with the bundle, and certificates of a throw-away authority on its disk. */
export interface Site {
  nginx: Nginx;
  /** The host's path of a unix socket that answers as port 8443 does: thousands of connections use up no ports. */
  tlsSocket: string;
  /** Serial numbers by name, as last written. */
  serials: Record<string, string>;
  /** Issues a new pair for a name and writes its files. */
  renew: (name: string) => Promise<Pair>;
  remove: (name: string) => void;
  /** The serial number that a handshake is served. */
  serial: (servername?: string, options?: Partial<ClientOptions>) => Promise<string>;
  clear: (name?: string) => Promise<unknown>;
  authority: Authority;
}

/** Directives for one slot: of the http block, and of a server. */
interface SlotConf {
  set: string;
  serve: string;
}

function slotConf(variables: 'one' | 'two', suffix: '' | '_rsa', data: string): SlotConf {
  const [cert, key] = variables === 'one' ? ['pair', 'pair'] : ['cert', 'key'];
  const set = [...new Set([cert, key])].map(
    (kind) => `js_set $tls_${kind}${suffix} certs.js_${kind}${suffix};`,
  );
  return {
    set: set.join(' '),
    serve: `ssl_certificate ${data}$tls_${cert}${suffix}; ssl_certificate_key ${data}$tls_${key}${suffix};`,
  };
}

const RSA_SETTINGS = {
  file_rsa: '/etc/nginx/certs/{name}.rsa.cert.pem',
  key_file_rsa: '/etc/nginx/certs/{name}.rsa.key.pem',
};

/** What leads a clear on to the zone of the stream block, as in nginx/stream.conf. */
const CLEAR_STREAM = {
  http: `location = /clear-stream {
      internal;
      proxy_pass http://unix:/run/nginx/cert-stream.sock:$request_uri;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
    }`,
  stream: `
  server {
    listen unix:/run/nginx/cert-stream.sock;
    js_preread certs.clear_stream;
    return "HTTP/1.0 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n";
  }`,
};

/** Starts a site; it ends with the test file. */
export async function startSite(options: SiteOptions = {}): Promise<Site> {
  const { names = [], files = {}, workers = 2, variables = 'one', rsaSlot } = options;
  const isStream = options.block === 'stream';
  const settings = {
    ...(isStream ? { zone: 'certs_stream' } : {}),
    ...(rsaSlot ? RSA_SETTINGS : {}),
    ...(options.store ? { store: STORE } : {}),
    ...options.settings,
  };
  const data = options.store ? '' : 'data:';
  const slots = [slotConf(variables, '', data)];
  if (rsaSlot) slots.push(slotConf(variables, '_rsa', data));
  if (rsaSlot === 'first') slots.reverse();
  const runtime = currentRuntime();
  const authority = options.authority ?? (await createAuthority());
  const directory = options.directory ?? makeWorkDirectory();
  const serials: Record<string, string> = {};
  const certs = join(directory, 'certs');

  async function renew(name: string): Promise<Pair> {
    const pair = await authority.issue({ names: [name] });
    await writePair(certs, name.replace('*', '_'), pair);
    serials[name] = pair.serial;
    return pair;
  }
  for (const name of names) await renew(name);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(certs, name), text);

  const modules = Object.entries(options.modules ?? {}).map(([name, text]) => {
    writeFileSync(join(certs, `${name}.js`), text);
    return `js_import ${name} from /etc/nginx/certs/${name}.js;`;
  });

  const zone = isStream ? 'certs_stream' : 'certs';
  const served = `
  ${options.zones ?? `js_shared_dict_zone zone=${zone}:1m;`}
  ${Object.entries(settings)
    .map(([name, value]) => `js_var $cert_${name} "${value}";`)
    .join('\n  ')}
  ${slots.map(({ set }) => set).join('\n  ')}
  server {
    listen 8443 ssl reuseport;
    listen unix:/run/nginx/tls.sock ssl;
    ${slots.map(({ serve }) => serve).join('\n    ')}
    ${runtime.certificateCache && !options.withoutCache ? 'ssl_certificate_cache max=1000;' : ''}
    ${options.server ?? ''}
    return ${isStream ? '' : '200 '}$pid;
  }`;
  const nginx = await startNginx({
    directory,
    tmpfs: options.tmpfs ?? {},
    mounts: options.mounts ?? {},
    logLevel: options.logLevel ?? 'info',
    isDaemon: options.isDaemon ?? false,
    mayMount: options.mayMount ?? false,
    ...(options.storeDirectory ? { storeDirectory: options.storeDirectory } : {}),
    runtime,
    config: nginxConf({
      runtime,
      workers,
      main: options.main ?? '',
      http: `
  ${isStream ? 'js_shared_dict_zone zone=certs:1m;' : served}
  server {
    listen unix:/run/nginx/cert-admin.sock;
    client_max_body_size 2m;
    location = /clear   { ${isStream ? 'auth_request /clear-stream;' : ''} js_content certs.clear_cache; }
    ${isStream ? CLEAR_STREAM.http : ''}
    location = /metrics { js_content certs.metrics; }
    location /certs/    { js_content certs.admin; }
    ${options.admin ?? ''}
  }
  ${modules.join('\n  ')}
  ${options.http ?? ''}`,
      ...(isStream ? { stream: served + CLEAR_STREAM.stream + (options.stream ?? '') } : {}),
    }),
  });
  afterAll(() => nginx.stop());

  return {
    nginx,
    tlsSocket: join(directory, 'run/tls.sock'),
    serials,
    renew,
    remove: (name) => {
      const label = name.replace('*', '_');
      for (const kind of ['cert', 'key']) rmSync(join(certs, `${label}.${kind}.pem`));
    },
    serial: async (servername, more = {}) => {
      const name = servername === undefined ? {} : { servername };
      return (await handshake({ ...nginx.tls, ...name, ...more })).serial;
    },
    clear: async (name) => {
      const query = name === undefined ? '' : `?name=${encodeURIComponent(name)}`;
      const { status, body } = await nginx.admin(`/clear${query}`, { method: 'POST' });
      if (status !== 200) throw new Error(`/clear: ${status} ${body}`);
      return JSON.parse(body) as unknown;
    },
    authority,
  };
}

/**
 * Makes handshakes until each worker has answered some.
 *
 * @returns the serial numbers that were served, once each, and how many workers served them
 */
export async function serialsOfAllWorkers(
  site: Site,
  servername: string,
  workers: number,
): Promise<{ serials: string[]; workers: number }> {
  const serials = new Set<string>();
  const pids = new Set<string>();
  for (let round = 0; round < 50 && (round < 3 || pids.size < workers); round++) {
    const connections = await Promise.all(
      Array.from({ length: 4 * workers }, () => openConnection({ ...site.nginx.tls, servername })),
    );
    for (const connection of connections) {
      serials.add(connection.serial);
      pids.add((await connection.get('/')).body);
      await connection.close();
    }
  }
  return { serials: [...serials], workers: pids.size };
}
