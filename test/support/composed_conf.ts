// Makes whole configurations of the nginx blocks that documents show.
import type { Runtime } from '../setup/runtimes.js';
import { contextOf, type Block, type Context } from './documents.js';

/** What each context has, unless the document's own blocks have it. */
interface Default {
  /** Of a directive that takes its place. */
  unless: RegExp;
  text: string;
}

const MODULES: Default[] = [
  {
    unless: /ngx_http_js_module/,
    text: 'load_module modules/ngx_http_js_module.so;',
  },
];

const IMPORT: Default[] = [
  { unless: /^\s*js_path/m, text: 'js_path /etc/nginx/njs;' },
  { unless: /^\s*js_import certs/m, text: 'js_import certs from cert_rotation.js;' },
  { unless: /^\s*js_set +\$tls_pair /m, text: 'js_set $tls_pair certs.js_pair;' },
];

const HTTP: Default[] = [
  { unless: /^\s*access_log/m, text: 'access_log off;' },
  ...IMPORT,
  { unless: /zone=certs:/, text: 'js_shared_dict_zone zone=certs:16m;' },
  {
    unless: /zone=certs_misses:/,
    text: 'js_shared_dict_zone zone=certs_misses:1m timeout=60s evict;',
  },
];

const STREAM: Default[] = [
  ...IMPORT,
  { unless: /cert_zone/, text: 'js_var $cert_zone certs_stream;' },
  { unless: /zone=certs_stream:/, text: 'js_shared_dict_zone zone=certs_stream:16m;' },
];

const ADMIN: Default[] = [
  { unless: /client_max_body_size/, text: 'client_max_body_size 2m; client_body_buffer_size 2m;' },
  { unless: /location = \/clear/, text: 'location = /clear { js_content certs.clear_cache; }' },
  { unless: /location = \/metrics/, text: 'location = /metrics { js_content certs.metrics; }' },
  { unless: /location \/certs\//, text: 'location /certs/ { js_content certs.admin; }' },
];

const PAIR: Default[] = [
  {
    unless: /^\s*ssl_certificate /m,
    text: 'ssl_certificate $tls_pair; ssl_certificate_key $tls_pair;',
  },
];

export const ADMIN_SOCKET = '/run/nginx/cert-admin.sock';

/** The configuration that the blocks make, with what they lack. */
export function composedConf(runtime: Runtime, blocks: Block[]): string {
  const own = (context: Context): string =>
    blocks
      .filter((block) => contextOf(block) === context)
      .map(({ text }) => text)
      .join('\n');
  const lost = blocks.find((block) => contextOf(block) === undefined);
  if (lost) throw new Error(`${lost.page}:${lost.line} does not say where it goes`);
  const whole = own('whole');
  if (whole) return whole;

  const location = own('location') && `location = /documented {\n${own('location')}\n}`;
  const server = withDefaults(PAIR, `${own('server')}\n${location}`);
  const speaksTls = /listen 443 ssl/.test(own('http'));
  const hasAdmin = own('http').includes(ADMIN_SOCKET);
  const http = withDefaults(HTTP, own('http'));
  const needsTls = !speaksTls || own('server') !== '' || location !== '';
  return `
${withDefaults(MODULES, own('main'))}
${streamModules(runtime, own('main'), usesStream(blocks))}
pid /run/nginx/nginx.pid;
worker_processes 2;
events {}
http {
${runtime.engine ? `js_engine ${runtime.engine};` : ''}
${http}
${needsTls ? `server {\nlisten 443 ssl;\n${server}\n}` : ''}
${hasAdmin ? '' : `server {\nlisten unix:${ADMIN_SOCKET};\n${withDefaults(ADMIN, own('admin'))}\n}`}
}
${usesStream(blocks) ? streamBlock(runtime, own('stream'), own('stream-server')) : ''}`;
}

/** Whether the configuration that the blocks make has a TLS server in a stream block. */
export function usesStream(blocks: Block[]): boolean {
  return blocks.some((block) => contextOf(block)?.startsWith('stream'));
}

function streamBlock(runtime: Runtime, stream: string, server: string): string {
  return `stream {
${runtime.engine ? `js_engine ${runtime.engine};` : ''}
${withDefaults(STREAM, stream)}
server {
listen 8883 ssl;
${withDefaults(PAIR, server)}
return documented;
}
}`;
}

function streamModules(runtime: Runtime, main: string, isUsed: boolean): string {
  const modules = ['ngx_stream_js_module.so'];
  if (runtime.dynamicStream) modules.unshift('ngx_stream_module.so');
  return modules
    .filter((module) => isUsed && !main.includes(module))
    .map((module) => `load_module modules/${module};`)
    .join('\n');
}

function withDefaults(defaults: Default[], text: string): string {
  const lacking = defaults.filter(({ unless }) => !unless.test(text));
  return [...lacking.map((one) => one.text), text].join('\n');
}
