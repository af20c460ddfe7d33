import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Every container and network of the tests and the demo carries this label; its value says whose it is. */
const LABEL = 'njs-cert-rotation';
const DIRECTORY_PREFIX = 'njs-cert-rotation-';

/** The commands of docker that remove one, or several. */
const CONTAINER = ['rm', '--force', '--volumes'];
const NETWORK = ['network', 'rm'];

const containers = new Set<string>();
const networks = new Set<string>();
const directories = new Set<string>();
let isWatching = false;

interface Owner {
  host: string;
  boot: string;
  pid: number;
}

/**
 * The label for a container or a network of this process.
 *
 * Testcontainers' reaper would do this from a container of its own, whose image cannot be pulled
 * everywhere. A process number alone does not name an owner: other hosts may share the engine.
 */
export function ownerLabel(): Record<string, string> {
  const owner: Owner = { host: hostname(), boot: bootId(), pid: process.pid };
  return { [LABEL]: JSON.stringify(owner) };
}

/** Sees to it that a container is removed when this process ends, however it ends short of SIGKILL. */
export function removeContainerAtExit(id: string): void {
  watch();
  containers.add(id);
}

/** To be called for a container that has been removed. */
export function containerIsRemoved(id: string): void {
  containers.delete(id);
}

/** The same for a network, which is removed after all containers. */
export function removeNetworkAtExit(name: string): void {
  watch();
  networks.add(name);
}

export function networkIsRemoved(name: string): void {
  networks.delete(name);
}

/** Makes a directory for this process, removed by `removeDirectory` or at its end. */
export function makeDirectory(): string {
  watch();
  const path = mkdtempSync(join(tmpdir(), `${DIRECTORY_PREFIX}${String(process.pid)}-`));
  directories.add(path);
  return path;
}

export function removeDirectory(path: string): void {
  rmSync(path, { recursive: true, force: true });
  directories.delete(path);
}

/** Removes containers, networks and directories of processes of this host that were killed. */
export function sweepLeftovers(): void {
  remove(CONTAINER, orphans(['ps', '--all']));
  remove(NETWORK, orphans(['network', 'ls']));

  for (const name of readdirSync(tmpdir())) {
    const pid =
      name.startsWith(DIRECTORY_PREFIX) && /^\d+/.exec(name.slice(DIRECTORY_PREFIX.length));
    if (pid && !isAlive(Number(pid[0]))) removeDirectory(join(tmpdir(), name));
  }
}

/** @param list the command of docker that lists what there is */
function orphans(list: string[]): string[] {
  const format = `{{.ID}} {{.Label "${LABEL}"}}`;
  const options = ['--filter', `label=${LABEL}`, '--format', format];
  return execFileSync('docker', [...list, ...options], { encoding: 'utf8' })
    .split('\n')
    .map((line) => /^(\w+) (.*)$/.exec(line))
    .filter((match) => match?.[2] !== undefined && isOrphan(match[2]))
    .map((match) => match?.[1] ?? '');
}

function watch(): void {
  if (isWatching) return;
  isWatching = true;
  process.once('exit', removeAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      removeAll();
      // Then as without a listener. Others, of libraries, would each leave the end to the next.
      process.removeAllListeners(signal);
      process.kill(process.pid, signal);
    });
  }
}

/** Synchronous: nothing else runs any more when a process ends. */
function removeAll(): void {
  remove(CONTAINER, containers);
  containers.clear();
  remove(NETWORK, networks);
  networks.clear();
  for (const path of directories) removeDirectory(path);
}

/** @param label what `ownerLabel` made in the process whose container, or network, it is */
function isOrphan(label: string): boolean {
  const owner = JSON.parse(label) as Owner;
  return owner.host === hostname() && (owner.boot !== bootId() || !isAlive(owner.pid));
}

/**
 * One that is gone already is as good as removed.
 *
 * @param command of docker, that removes what its arguments name
 */
function remove(command: string[], names: Iterable<string>): void {
  const all = [...names];
  if (all.length > 0) spawnSync('docker', [...command, ...all]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // Another user's process is alive, too.
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Tells one run of this host from the next; empty where the system has no such number. */
function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return '';
  }
}
