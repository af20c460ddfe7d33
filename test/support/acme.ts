import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { succeeds } from '../setup/command.js';
import { ACME_IMAGE } from '../setup/runtimes.js';
import { containerIsRemoved } from './leftovers.js';
import type { Nginx } from './nginx.js';
import { OwnContainer } from './own_container.js';

/** Where the hooks are installed, as the README has it. */
export const HOOKS = '/usr/local/lib/cert-rotation';

const NGINX_FOLDER = resolve(import.meta.dirname, '../../nginx');

/** Where such a machine has `nginx/` of this repository, if it is to install from there. */
export const CLONE = '/clone';
const ROOT_FILE = '/acme/root.pem';
const DIRECTORY = 'https://localhost:14000/dir';

/** How long Pebble may take to answer, in milliseconds. */
const PATIENCE_MS = 20_000;

/** Whether the image was built: npm test says so where it cannot be. */
export const hasAcme = await succeeds('docker', ['image', 'inspect', ACME_IMAGE]);

export interface Output {
  exitCode: number;
  stdout: string;
  stderr: string;
}

/** A machine with ACME clients and the hooks, where commands run as root. */
export interface AcmeHost {
  /** Runs a shell script, whatever it exits with. */
  sh: (script: string, env?: Record<string, string>) => Promise<Output>;
  /** The same. Throws with what it wrote where it does not exit with 0. */
  run: (script: string, env?: Record<string, string>) => Promise<string>;
  /** Removes the container, and what is in the folders of `mounts`: it is root's. */
  stop: () => Promise<void>;
}

export interface AcmeHostOptions {
  /** Folders of this machine that it shares: their paths by those in the container. */
  mounts: Record<string, string>;
  /** Whose network to be in; absent: none. */
  nginx?: Nginx;
  /** Whether it has `CLONE` in place of the hooks. */
  clone?: boolean;
}

/** Starts such a machine. It goes with `stop`, or when this process ends. */
export async function startAcmeHost({ mounts, nginx, clone }: AcmeHostOptions): Promise<AcmeHost> {
  const source = clone
    ? { source: NGINX_FOLDER, target: `${CLONE}/nginx` }
    : { source: `${NGINX_FOLDER}/hooks`, target: HOOKS };
  const container = await new OwnContainer(ACME_IMAGE)
    .withNetworkMode(nginx ? `container:${nginx.containerId}` : 'none')
    .withBindMounts([
      { ...source, mode: 'ro' },
      ...Object.entries(mounts).map(([target, source]) => ({ source, target })),
    ])
    .withEntrypoint(['sleep', 'infinity'])
    .start();
  const sh = async (script: string, env: Record<string, string> = {}): Promise<Output> =>
    container.exec(['sh', '-c', script], { env });
  return {
    sh,
    run: async (script, env) => {
      const { exitCode, stdout, stderr } = await sh(script, env);
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode}\n${stdout}${stderr}`);
      return stdout;
    },
    stop: async () => {
      const folders = Object.keys(mounts).join(' ');
      await sh(`find ${folders} -mindepth 1 -delete`);
      await container.stop();
      containerIsRemoved(container.getId());
    },
  };
}

/** Pebble, which issues certificates to who answers its http-01 challenges. */
export interface Pebble {
  /** Its directory, for the clients' `--server`. */
  directory: string;
  /** What the clients need in their environment to trust it. */
  env: Record<string, string>;
  /** The root of the certificates that it issues. */
  rootPem: string;
}

/**
 * Starts Pebble on a machine, in nginx's network: every name is that nginx there.
 *
 * @param profiles by name, how long a certificate is valid, in seconds
 */
export async function startPebble(
  host: AcmeHost,
  profiles: Record<string, number>,
): Promise<Pebble> {
  const config = {
    listenAddress: '127.0.0.1:14000',
    managementListenAddress: '127.0.0.1:15000',
    certificate: ROOT_FILE,
    privateKey: '/acme/key.pem',
    httpPort: 80,
    keyAlgorithm: 'ecdsa',
    retryAfter: { authz: 1, order: 1 },
    profiles: Object.fromEntries(
      Object.entries(profiles).map(([name, validityPeriod]) => [
        name,
        { description: name, validityPeriod },
      ]),
    ),
  };
  await host.run(
    `set -e
    mkdir /acme; cd /acme
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=localhost \
      -addext subjectAltName=DNS:localhost -addext keyUsage=critical,digitalSignature,keyCertSign \
      -keyout key.pem -out ${ROOT_FILE} 2>/dev/null
    printf %s "$CONFIG" >pebble.json
    pebble-challtestsrv -defaultIPv4 127.0.0.1 -defaultIPv6 '' -dnsserver 127.0.0.1:8053 \
      -management '' -doh '' -http01 '' -https01 '' -tlsalpn01 '' >dns.log 2>&1 &
    pebble -config pebble.json -dnsserver 127.0.0.1:8053 >pebble.log 2>&1 &`,
    {
      CONFIG: JSON.stringify({ pebble: config }),
      // It waits for nothing, and rejects no nonce for a trial. A name is validated once, as is usual: lego takes 5 s for it.
      PEBBLE_VA_NOSLEEP: '1',
      PEBBLE_WFE_NONCEREJECT: '0',
      PEBBLE_AUTHZREUSE: '100',
    },
  );
  const env = {
    REQUESTS_CA_BUNDLE: ROOT_FILE,
    LEGO_CA_CERTIFICATES: ROOT_FILE,
    CURL_CA_BUNDLE: ROOT_FILE,
  };
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const { exitCode, stdout } = await host.sh('curl -sSf https://localhost:15000/roots/0', env);
    if (exitCode === 0) return { directory: DIRECTORY, env, rootPem: stdout };
    if (Date.now() > end) throw new Error(await host.run('cat /acme/*.log'));
    await sleep(50);
  }
}
