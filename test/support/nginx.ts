import { chmodSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { StartedTestContainer, WaitStrategy } from 'testcontainers';
import type { Runtime } from '../setup/runtimes.js';
import { send, type HttpRequest, type HttpResponse } from './http.js';
import { containerIsRemoved, makeDirectory, removeDirectory } from './leftovers.js';
import { OwnContainer } from './own_container.js';

/** Where the HTTP handlers listen inside the container, as in the example configuration. */
export const ADMIN_SOCKET = '/run/nginx/cert-admin.sock';

const DIST = resolve(import.meta.dirname, '../../dist');

/** The folder of `$cert_store` inside the container, if a site has one. */
export const STORE = '/var/lib/nginx/certs';

/** The ports of the container that are published, each on a port of the host's loopback interface. */
const PORTS = [8443, 8444];

/** Where nginx writes its log inside the container. */
export const ERROR_LOG = '/run/nginx/error.log';

/**
 * What the container runs. Testcontainers waits ten seconds for the ports of a container that has ended
 * already: one whose nginx does not start stays, for its log to be looked at. Not every reason for that
 * is logged as an emergency. A master executes its first argument as it is when it is told to start another one.
 */
const STARTER = `"$(command -v nginx)" "$@" || { echo "nginx has exited with $?" >> ${ERROR_LOG}; sleep 60; }`;

/** The same for an nginx that goes into the background: the container stays whichever master ends. */
const DAEMON_STARTER = `${STARTER} && while :; do sleep 1; done`;

/** How long nginx may take to start or to reload, in milliseconds. */
const PATIENCE_MS = 20_000;
const POLL_MS = 20;

export interface NginxConf {
  runtime: Runtime;
  /** What goes into the http block, after the import of the bundle as `certs`. */
  http: string;
  /** The same for a stream block; absent: none. */
  stream?: string;
  /** Further directives of the main level. */
  main?: string;
  /** Default: 2. */
  workers?: number;
}

/** Composes an nginx.conf: what every configuration of the tests needs around the given blocks. */
export function nginxConf({ runtime, http, stream, main = '', workers = 2 }: NginxConf): string {
  const modules = ['ngx_http_js_module.so'];
  if (stream !== undefined) {
    if (runtime.dynamicStream) modules.push('ngx_stream_module.so');
    modules.push('ngx_stream_js_module.so');
  }
  const bundle = `
    ${runtime.engine ? `js_engine ${runtime.engine};` : ''}
    js_path /etc/nginx/njs;
    js_import certs from cert_rotation.js;`;
  return `
${modules.map((module) => `load_module modules/${module};`).join('\n')}
worker_processes ${workers};
${main}
events { worker_connections 1024; }
http {
    access_log off;${bundle}
    ${http}
}
${stream === undefined ? '' : `stream {${bundle}\n    ${stream}\n}`}
`;
}

export interface NginxOptions {
  /** The whole nginx.conf. It needs no `daemon` and no `error_log`. */
  config: string;
  runtime: Runtime;
  /** A work directory of `makeWorkDirectory`; absent: one is made, and removed by `stop`. */
  directory?: string;
  /** What the container sees as /etc/nginx/certs, if others are to see it, too; default: `certs` of `directory`. */
  certsDirectory?: string;
  /** What it sees as `STORE`, if others are to see it, too; default: `store` of `directory`. */
  storeDirectory?: string;
  /** Further files of the container: texts by path. */
  files?: Record<string, string>;
  /** Folders of the container that are in memory: mount options by path, as in `size=64k,mode=0777`. */
  tmpfs?: Record<string, string>;
  /** Further folders of the host that the container reads: their paths by those in the container. */
  mounts?: Record<string, string>;
  /** From which on the error log is written; default: `info`. */
  logLevel?: 'debug' | 'info' | 'notice';
  /** Run nginx in the background, as a service does: it takes `SIGUSR2` then. */
  isDaemon?: boolean;
  /** Let root mount in the container. */
  mayMount?: boolean;
  /** Ports of the container to publish; default: 8443 and 8444, on random ports of the host. */
  ports?: (number | { container: number; host: number })[];
}

export interface Address {
  host: string;
  port: number;
}

/** Process numbers as the container sees them, in ascending order. */
export interface Processes {
  master: number;
  workers: number[];
  /** Workers of an earlier configuration that still have connections to finish. */
  leaving: number[];
}

export interface Nginx {
  containerId: string;
  /** What the container sees as /etc/nginx/certs. */
  certsDirectory: string;
  /** The host's path of the container's `ADMIN_SOCKET`, for Node's `socketPath` and curl's `--unix-socket`. */
  adminSocket: string;
  /** Where the host reaches port 8443 of the container. */
  tls: Address;
  /** Where the host reaches another published port of the container. Throws where it is not published. */
  address: (containerPort: number) => Address;
  /** Sends a request to the HTTP handlers through `adminSocket`. */
  admin: (path: string, request?: HttpRequest) => Promise<HttpResponse>;
  /** The error log up to now, from `NginxOptions.logLevel` on. */
  log: () => string;
  /** Makes nginx read its configuration again and waits until no old worker accepts connections. */
  reload: () => Promise<void>;
  /** Sends a signal to a process of the container, by the number that `processes` gave. */
  kill: (signal: NodeJS.Signals, pid: number) => Promise<void>;
  processes: () => Promise<Processes>;
  /** Runs a command in the container. */
  exec: (command: string[]) => Promise<{ exitCode: number; stdout: string; stderr: string }>;
  /** Removes the container and, where `startNginx` made it, the work directory. */
  stop: () => Promise<void>;
}

/**
 * Makes a directory that a container of `startNginx` sees in parts: `certs` as /etc/nginx/certs, `run` as /run/nginx and
 * `store` as `STORE`. It is for those who write certificates first, or start nginx twice on the same files.
 * It goes when this process ends.
 */
export function makeWorkDirectory(): string {
  const directory = makeDirectory();
  // The directory itself is for this user alone: a private key may lie in it. Inside the container, where
  // only these are seen, nginx's workers run as another user.
  for (const [name, mode] of Object.entries({ certs: 0o755, run: 0o755, store: 0o777 })) {
    mkdirSync(join(directory, name));
    chmodSync(join(directory, name), mode);
  }
  return directory;
}

/**
 * Starts nginx in a container and resolves when its workers run. The container goes with `stop`, or when
 * this process ends. Throws with nginx's error log in the message where nginx does not start.
 */
export async function startNginx(options: NginxOptions): Promise<Nginx> {
  const {
    config,
    runtime,
    files = {},
    ports = PORTS,
    logLevel = 'info',
    isDaemon = false,
  } = options;
  const mounts = { '/etc/nginx/njs': DIST, ...options.mounts };
  const directory = options.directory ?? makeWorkDirectory();
  const certsDirectory = options.certsDirectory ?? join(directory, 'certs');
  const runDirectory = join(directory, 'run');
  const configFile = join(directory, 'nginx.conf');
  writeFileSync(configFile, config, { mode: 0o644 });
  // An earlier nginx on this directory may have been killed: nginx does not start over its sockets.
  for (const name of readdirSync(runDirectory).filter(isLeftBehind))
    rmSync(join(runDirectory, name));
  const adminSocket = join(runDirectory, basename(ADMIN_SOCKET));
  const errorLog = join(runDirectory, basename(ERROR_LOG));
  const log = (): string => readLog(errorLog);

  const container = await new NginxContainer(runtime.image, options.mayMount ?? false)
    .withBindMounts([
      ...Object.entries(mounts).map(([target, source]) => ({
        source,
        target,
        mode: 'ro' as const,
      })),
      { source: configFile, target: '/etc/nginx/nginx.conf', mode: 'ro' },
      { source: certsDirectory, target: '/etc/nginx/certs' },
      { source: runDirectory, target: '/run/nginx' },
      ...(STORE in (options.tmpfs ?? {})
        ? []
        : [{ source: options.storeDirectory ?? join(directory, 'store'), target: STORE }]),
    ])
    .withCopyContentToContainer(
      Object.entries(files).map(([target, content]) => ({ target, content, mode: 0o644 })),
    )
    .withTmpFs(options.tmpfs ?? {})
    .withExposedPorts(...ports)
    .withEntrypoint(['sh', '-c', isDaemon ? DAEMON_STARTER : STARTER, 'nginx'])
    .withCommand([
      ...['-e', ERROR_LOG],
      ...['-g', `daemon ${isDaemon ? 'on' : 'off'}; error_log ${ERROR_LOG} ${logLevel};`],
    ])
    .withWaitStrategy(new WorkersStarted(log))
    .start();

  const address = (containerPort: number): Address => ({
    host: '127.0.0.1',
    port: container.getMappedPort(containerPort),
  });
  return {
    containerId: container.getId(),
    certsDirectory,
    adminSocket,
    get tls() {
      return address(8443);
    },
    address,
    admin: (path, request) => send({ socketPath: adminSocket }, path, request),
    log,
    reload: () => reload(container, log),
    kill: (signal, pid) => kill(container, signal, pid),
    processes: () => processes(container),
    exec: (command) => container.exec(command),
    stop: async () => {
      await container.stop();
      containerIsRemoved(container.getId());
      if (options.directory === undefined) removeDirectory(directory);
    },
  };
}

class NginxContainer extends OwnContainer {
  constructor(
    image: string,
    private readonly mayMount: boolean,
  ) {
    super(image);
  }

  /** What the tests and the demo serve is nobody else's business: publish it on loopback only. */
  protected override beforeContainerCreated(): Promise<void> {
    const bindings = this.hostConfig.PortBindings as Record<string, { HostIp?: string }[]>;
    for (const binding of Object.values(bindings).flat()) binding.HostIp = '127.0.0.1';
    if (this.mayMount) {
      this.hostConfig.CapAdd = ['SYS_ADMIN'];
      // Docker's own profile of AppArmor forbids it, where there is AppArmor.
      this.hostConfig.SecurityOpt = ['apparmor=unconfined'];
    }
    return Promise.resolve();
  }
}

/** Sockets, and what tells of an earlier nginx. */
function isLeftBehind(name: string): boolean {
  return name.endsWith('.sock') || name === basename(ERROR_LOG);
}

/** Waits for the line that nginx's master logs when it has opened its sockets and forks. */
class WorkersStarted implements WaitStrategy {
  constructor(private readonly log: () => string) {}

  async waitUntilReady(): Promise<void> {
    await until(this.log, () => this.log().includes('start worker process '));
  }

  withStartupTimeout(): this {
    return this;
  }

  isStartupTimeoutSet(): boolean {
    return true;
  }

  getStartupTimeout(): number {
    return PATIENCE_MS;
  }
}

/** Throws where nginx logs that it gives up, or where `isDone` does not come true in time. */
async function until(log: () => string, isDone: () => boolean | Promise<boolean>): Promise<void> {
  const end = Date.now() + PATIENCE_MS;
  while (!(await isDone())) {
    if (/\[emerg\]|nginx has exited/.test(log())) {
      throw new Error(`nginx refuses its configuration:\n${log()}`);
    }
    if (Date.now() > end) throw new Error(`nginx takes too long. Its log:\n${log()}`);
    await sleep(POLL_MS);
  }
}

function readLog(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    // nginx has not come to open it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw error;
  }
}

async function reload(container: StartedTestContainer, log: () => string): Promise<void> {
  const before = await processes(container);
  const logged = log().length;
  await kill(container, 'SIGHUP', before.master);
  await until(
    () => log().slice(logged),
    async () => {
      const { workers } = await processes(container);
      return workers.length > 0 && !workers.some((pid) => before.workers.includes(pid));
    },
  );
}

async function kill(
  container: StartedTestContainer,
  signal: NodeJS.Signals,
  pid: number,
): Promise<void> {
  const name = signal.replace(/^SIG/, '');
  const { exitCode, stderr } = await container.exec(['sh', '-c', `kill -s ${name} ${pid}`]);
  if (exitCode !== 0) throw new Error(`kill: ${stderr}`);
}

/** Reads /proc: not every image has ps. */
async function processes(container: StartedTestContainer): Promise<Processes> {
  const script = `
    for directory in /proc/[0-9]*; do
      echo "\${directory#/proc/} $(tr '\\0' ' ' <"$directory/cmdline")"
    done 2>/dev/null`;
  const { stdout } = await container.exec(['sh', '-c', script]);
  const withTitle = (title: RegExp): number[] =>
    stdout
      .split('\n')
      .filter((line) => title.test(line))
      .map((line) => parseInt(line, 10))
      .sort((a, b) => a - b);
  const [master] = withTitle(/^\d+ nginx: master process/);
  if (master === undefined) throw new Error('nginx does not run any more');
  return {
    master,
    workers: withTitle(/^\d+ nginx: worker process\s*$/),
    leaving: withTitle(/^\d+ nginx: worker process is shutting down/),
  };
}
