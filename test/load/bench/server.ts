import { copyFileSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join } from 'node:path';
import { BENCH_RUNTIMES } from '../../setup/runtimes.js';
import { replaceFile, writePair, type Pair } from '../../support/certificates.js';
import { ADMIN_SOCKET, makeWorkDirectory, startNginx, type Nginx } from '../../support/nginx.js';
import { shell } from '../shell.js';
import type { Configuration } from './configurations.js';
import { SITES, type Site } from './sites.js';

const SCRIPTS = [join(import.meta.dirname, 'scripts'), join(import.meta.dirname, '../plain')];

/** One core for the worker and another for the client, so that neither takes time from the other. */
export const isPinned = availableParallelism() > 1;
export const CLIENT_CORE = 1;

/** An nginx with one worker that serves both sites in one way. It costs nothing while nobody asks. */
export interface Server {
  configuration: Configuration;
  nginx: Nginx;
  /** The worker's process number in the container. */
  worker: number;
  /** The host's directory that the container sees as /run/nginx. */
  runDirectory: string;
}

export async function startServer(
  configuration: Configuration,
  pairs: Map<Site, Pair>,
): Promise<Server> {
  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  for (const [{ name }, pair] of pairs) {
    await writePair(certs, name, pair);
    await replaceFile(join(certs, `${name}.pem`), pair.keyPem + pair.chainPem);
  }
  for (const scripts of SCRIPTS) {
    for (const file of readdirSync(scripts)) copyFileSync(join(scripts, file), join(certs, file));
  }
  const nginx = await startNginx({
    directory,
    runtime: BENCH_RUNTIMES[configuration.nginx],
    config: configOf(configuration),
  });
  const hosts = `127.0.0.1 ${SITES.map(({ name }) => name).join(' ')}`;
  await nginx.exec(['sh', '-c', `echo '${hosts}' >> /etc/hosts`]);
  const { workers } = await nginx.processes();
  const worker = workers[0]!;
  await shell(nginx, `install -d -m 700 -o "$(stat -c %u /proc/${worker})" ${storeOf()}`);
  return { configuration, nginx, worker, runDirectory: dirname(nginx.adminSocket) };
}

/** The container's folder of what is served, of the workers' own; that of an nginx of one process is root's. */
export function storeOf(counted?: Site): string {
  return counted ? `/var/lib/nginx/counted-${counted.key}` : '/var/lib/nginx/certs';
}

/**
 * Composes the nginx.conf of a configuration: TLS 1.3 alone, no session to resume, and a connection for each request.
 *
 * @param counted the site of a further nginx in the same container, with a port of its own; absent: both sites. It is
 *   some fifty times slower, and is not to look at files more often for that.
 */
export function configOf(configuration: Configuration, counted?: Site): string {
  const { modules, http, certificate, isBundle, hasStore } = configuration;
  const servers = (counted ? [counted] : SITES).map(
    ({ name, port, countedPort }) => `
    server {
        listen ${counted ? countedPort : port} ssl;
        ${certificate(name)}
        location = / { return 200; }
        location = /told { access_log /run/nginx/handshakes.log handshakes; return 200; }
    }`,
  );
  return `
${modules.map((module) => `load_module modules/${module}.so;`).join('\n')}
worker_processes 1;
${isPinned ? 'worker_cpu_affinity 01;' : ''}
events { worker_connections 1024; }
http {
    access_log off;
    log_format handshakes "$ssl_protocol $ssl_session_reused $ssl_server_name $ssl_curve $ssl_cipher";
    keepalive_timeout 0;
    ssl_protocols TLSv1.3;
    ssl_session_tickets off;
    ssl_session_cache off;
    ${http}
    ${hasStore ? `js_var $cert_store ${storeOf(counted)};` : ''}
    ${counted && isBundle ? 'js_var $cert_check_interval 3600;' : ''}
    ${servers.join('')}
    ${counted ? '' : adminServer(isBundle)}
}
`;
}

function adminServer(isBundle: boolean): string {
  return `
    server {
        listen unix:${ADMIN_SOCKET};
        location = /status { stub_status; }
        ${isBundle ? 'location = /clear { js_content certs.clear_cache; }' : ''}
    }`;
}
