import { createHash } from 'node:crypto';
import { execFileSync } from 'node:child_process';
import { SetUpError } from './command.js';

/** One of the nginx builds that the tests run on. */
export interface Runtime {
  name: string;
  /** A reference that the container engine knows once the set-up is through. */
  image: string;
  /** The value of `js_engine`; absent: the directive is left out. */
  engine?: 'njs' | 'qjs';
  /** Whether nginx knows `ssl_certificate_cache` (1.27.4 and later). */
  certificateCache: boolean;
  /** Whether the stream core is a module that has to be loaded. */
  dynamicStream: boolean;
}

/** How to build an image from Debian's packages. A change of any of this makes another tag. */
export interface Recipe {
  image: string;
  suite: string;
  mmdebstrapOptions: string[];
  packages: string[];
}

/** What the README has its reader install, and the module for `stream`. */
const PACKAGES = ['nginx', 'libnginx-mod-http-js', 'libnginx-mod-stream-js', 'curl', 'openssl'];

/** What the benchmark needs as well: clients, what counts instructions, and Lua to compare with. */
const BENCH_PACKAGES = [...PACKAGES, 'valgrind', 'wrk'];
const LUA_PACKAGES = ['libnginx-mod-http-lua', 'lua-resty-core', 'lua-resty-lrucache'];

/** What the tests call and not every system has: curl with HTTP/3 and openssl with QUIC, scanners, and readers of files. */
const TOOL_PACKAGES = ['curl', 'docker-compose', 'openssl', 'sslscan', 'systemd', 'wget'];
/** A certificate authority that speaks ACME, clients of it, and what judges the hooks and the service beside them. */
const ACME_PACKAGES = [
  ...['pebble', 'certbot', 'lego', 'dehydrated', 'curl', 'openssl'],
  ...['shellcheck', 'busybox', 'systemd', 'nginx'],
];

/** The store that several nginx follow. */
const ETCD_PACKAGES = ['etcd-server', 'etcd-client'];

// A mirror of Debian testing may lag behind the few days its release file is valid for.
const FORKY_OPTIONS = ['--aptopt=Acquire::Check-Valid-Until "false"'];

const trixie = recipe('trixie', [], PACKAGES);
const forky = recipe('forky', FORKY_OPTIONS, PACKAGES);
const benchTrixie = recipe('trixie', [], BENCH_PACKAGES);
const benchForky = recipe('forky', FORKY_OPTIONS, [...BENCH_PACKAGES, ...LUA_PACKAGES]);
const tools = recipe('forky', FORKY_OPTIONS, TOOL_PACKAGES);
const acme = recipe('forky', FORKY_OPTIONS, ACME_PACKAGES);
const etcd = recipe('trixie', [], ETCD_PACKAGES);
const haproxy = recipe('forky', FORKY_OPTIONS, ['nginx', 'haproxy']);

export const RECIPES = [trixie, forky, benchTrixie, benchForky, haproxy, tools, acme, etcd];

/** The image of the programs that tests run beside nginx. They are skipped where it cannot be had. */
export const TOOLS_IMAGE = tools.image;
/** The machine that nginx and an ACME client share, without that nginx. */
export const ACME_IMAGE = acme.image;
/** The store that several nginx follow. */
export const ETCD_IMAGE = etcd.image;

/** What the benchmark runs on: the oldest nginx that is supported, and a current one. */
export const BENCH_RUNTIMES = {
  oldest: {
    name: 'oldest',
    image: benchTrixie.image,
    certificateCache: false,
    dynamicStream: true,
  },
  current: {
    name: 'current',
    image: benchForky.image,
    certificateCache: true,
    dynamicStream: true,
  },
} satisfies Record<string, Runtime>;

/** Where HAProxy runs, with an nginx that does nothing beside it. */
export const HAPROXY_RUNTIME: Runtime = {
  name: 'haproxy',
  image: haproxy.image,
  certificateCache: true,
  dynamicStream: true,
};

const RUNTIMES: Runtime[] = [
  // nginx 1.26.3, njs 0.8.9: it has no js_engine to choose.
  { name: 'debian13', image: trixie.image, certificateCache: false, dynamicStream: true },
  {
    name: 'njs',
    image: forky.image,
    engine: 'njs',
    certificateCache: true,
    dynamicStream: true,
  },
  {
    name: 'qjs',
    image: forky.image,
    engine: 'qjs',
    certificateCache: true,
    dynamicStream: true,
  },
  { name: 'official', image: 'nginx:1.30', certificateCache: true, dynamicStream: false },
];

/** An image to use in place of all others. */
const customImage = process.env['NGINX_IMAGE'] ?? '';

/** The names that `--runtime` and `NGINX_RUNTIME` take. */
export const runtimeNames = customImage ? ['custom'] : RUNTIMES.map(({ name }) => name);

/** What to run on where no runtime is asked for, in the order of preference. */
export const defaultRuntimes = customImage ? ['custom'] : ['njs', 'official'];

/**
 * The runtime of this test run, which `NGINX_RUNTIME` names: absent, the first of `defaultRuntimes`.
 * Throws a SetUpError on a name that is none.
 */
export function currentRuntime(): Runtime {
  return findRuntime(process.env['NGINX_RUNTIME'] ?? defaultRuntimes[0]!);
}

/** Throws a SetUpError on a name that is no runtime's, and an Error where a custom image is not there. */
export function findRuntime(name: string): Runtime {
  const image = imageOf(name);
  return RUNTIMES.find((runtime) => runtime.name === name) ?? probe(image);
}

/** Throws a SetUpError on a name that is no runtime's. */
export function imageOf(name: string): string {
  if (customImage && name === 'custom') return customImage;
  const runtime = customImage ? undefined : RUNTIMES.find((known) => known.name === name);
  if (runtime) return runtime.image;
  throw new SetUpError(`There is no runtime "${name}", but: ${runtimeNames.join(', ')}.`);
}

/** Asks an unknown image's nginx what it can do. Throws where the image does not run. */
function probe(image: string): Runtime {
  // nginx writes this to its error output.
  const command = ['--entrypoint', 'sh', image, '-c', 'nginx -V 2>&1'];
  const about = execFileSync('docker', ['run', '--rm', ...command], { encoding: 'utf8' });
  const [major = 0, minor = 0, patch = 0] = /nginx\/([\d.]+)/.exec(about)?.[1]?.split('.') ?? [];
  const version = Number(major) * 1e6 + Number(minor) * 1e3 + Number(patch);
  return {
    name: 'custom',
    image,
    certificateCache: version >= 1_027_004,
    dynamicStream: about.includes('--with-stream=dynamic'),
  };
}

function recipe(suite: string, mmdebstrapOptions: string[], packages: string[]): Recipe {
  const hash = createHash('sha256')
    .update(JSON.stringify([suite, mmdebstrapOptions, packages]))
    .digest('hex')
    .slice(0, 12);
  const image = `njs-cert-rotation-${suite}:${hash}`;
  return { image, suite, mmdebstrapOptions, packages };
}
