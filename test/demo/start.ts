// npm start: nginx with the bundle in a container, and one rotation before your eyes.
import { createServer } from 'node:net';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { message, run, SetUpError, timed } from '../setup/command.js';
import { setUpFirstOf } from '../setup/index.js';
import { defaultRuntimes, type Runtime } from '../setup/runtimes.js';
import { createAuthority } from '../support/certificates.js';
import { makeWorkDirectory, nginxConf, startNginx } from '../support/nginx.js';
import { handshake } from '../support/tls_client.js';
import { copyPairs, makeExamples, type ServedName } from './names.js';
import { rotate } from './rotation.js';

const USAGE = `npm start [-- OPTION…]
  --certs DIR      serve a copy of this folder's pairs, NAME.cert.pem and NAME.key.pem
  --once           exit after the rotation
  --port N         where to serve TLS, on the loopback interface; default: 8443
  --admin-port N   where to listen for /clear, on the loopback interface; default: 8081`;

const TLS_PORT = 8443;
const ADMIN_PORT = 8081;

/** Throws a SetUpError on arguments that are none. */
function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        certs: { type: 'string' },
        once: { type: 'boolean' },
        port: { type: 'string', default: String(TLS_PORT) },
        'admin-port': { type: 'string', default: String(ADMIN_PORT) },
      },
    });
    return values;
  } catch (error) {
    throw new SetUpError(`${message(error)}\n\n${USAGE}`);
  }
}

/** Throws a SetUpError where the text is no port or something listens on it. */
async function freePort(text: string, option: string): Promise<number> {
  const port = Number(text);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new SetUpError(`${option} ${text}: a port is a number from 1 to 65535.`);
  }
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.on('error', (error: NodeJS.ErrnoException) => {
      const busy = `Port ${port} is in use: choose another with "npm start -- ${option} N".`;
      reject(error.code === 'EADDRINUSE' ? new SetUpError(busy) : error);
    });
    server.listen(port, '127.0.0.1', resolve);
  });
  await new Promise((resolve) => server.close(resolve));
  return port;
}

function configure(runtime: Runtime, fallback: string): string {
  const cache = 'ssl_certificate_cache max=1000 inactive=1h valid=1h;';
  const http = `
    js_shared_dict_zone zone=certs:16m;
    js_set $tls_pair certs.js_pair;
    js_var $cert_fallback ${fallback};

    server {
        listen ${TLS_PORT} ssl reuseport;
        ssl_certificate     data:$tls_pair;
        ssl_certificate_key data:$tls_pair;
        ${runtime.certificateCache ? cache : ''}
        location / {
            default_type text/plain;
            return 200 "Served as $ssl_server_name by worker $pid.\\n";
        }
    }
    server {
        listen ${ADMIN_PORT};
        # Published on the host's loopback interface only. nginx cannot see that: the forwarding of ports
        # into a container puts another address in place of the client's.
        js_var $cert_admin_remote on;
        location = /clear { js_content certs.clear_cache; }
    }`;
  return nginxConf({ runtime, http });
}

function tellWhatToTry(served: ServedName[], port: number, adminPort: number, certs: string): void {
  console.log('\nnginx stays up until Ctrl-C. To try:');
  for (const { servername } of served) {
    const address = servername === 'localhost' ? '' : `--resolve ${servername}:${port}:127.0.0.1 `;
    console.log(`  curl -k ${address}https://${servername}:${port}/`);
  }
  const { servername } = served[0]!;
  console.log(
    `  openssl s_client -connect 127.0.0.1:${port} -servername ${servername} </dev/null |\n` +
      '    openssl x509 -noout -subject -serial -dates\n' +
      `  curl -X POST http://127.0.0.1:${adminPort}/clear\n` +
      `  curl -X POST 'http://127.0.0.1:${adminPort}/clear?name=${servername}'\n` +
      `The certificates are in ${certs}: replace a pair there, request /clear, and look again.`,
  );
}

async function main(): Promise<void> {
  const { certs: source, once, ...ports } = readArguments();
  const port = await freePort(ports.port, '--port');
  const adminPort = await freePort(ports['admin-port'], '--admin-port');
  const runtime = await setUpFirstOf(defaultRuntimes);
  await timed('Building the bundle', () => run('node', ['esbuild.config.mjs']));

  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  const authority = await createAuthority();
  const served = source
    ? // npm changes to the project's directory and says where it was called.
      copyPairs(resolve(process.env['INIT_CWD'] ?? '.', source), certs)
    : await makeExamples(authority, certs);
  const { servername: fallback } = served[0]!;
  const nginx = await startNginx({
    config: configure(runtime, fallback),
    runtime,
    directory,
    ports: [
      { container: TLS_PORT, host: port },
      { container: ADMIN_PORT, host: adminPort },
    ],
  });

  console.log(
    `\nnginx serves https://localhost:${port} (runtime ${runtime.name}, image ${runtime.image}):`,
  );
  for (const { servername } of served) {
    const { serial } = await handshake({ ...nginx.tls, servername });
    console.log(`  ${servername.padEnd(20)} serial ${serial}`);
  }
  await rotate(nginx, nginx.address(ADMIN_PORT), authority, served[0]!);
  if (once) process.exit(0);
  tellWhatToTry(served, port, adminPort, certs);
  stayUp();
}

/** Lets the process run until a signal ends it, which then counts as success. */
function stayUp(): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    // Before the listener that cleans up and lets the signal kill.
    process.prependListener(signal, () => {
      console.log('\nStopping: the container and its files go.');
      process.exit(0);
    });
  }
  // A listener does not keep the process up; a timer does.
  setInterval(() => undefined, 60_000);
}

// Whatever way the process ends, the container and the work directory go with it.
await main().catch((error: unknown) => {
  console.error(error instanceof SetUpError ? error.message : error);
  process.exit(1);
});
