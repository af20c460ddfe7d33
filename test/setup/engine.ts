import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { canInstallPackages, installPackages } from './apt.js';
import { lastLines, message, run, SetUpError, succeeds, timed } from './command.js';

const DAEMON_LOG = '/var/log/dockerd.log';

/** How long a starting engine may take to answer, in milliseconds. */
const PATIENCE_MS = 30_000;
/** The same for one that the init script says it has started; it takes less, or never comes up. */
const SERVICE_PATIENCE_MS = 10_000;

/**
 * Makes a container engine answer: the one that does already (`DOCKER_HOST` is respected), the one that
 * is installed and stands still, or one that is installed here and now, on Debian or Ubuntu as root.
 * Throws a SetUpError that says what to do where none of that is possible.
 */
export async function setUpEngine(): Promise<void> {
  const problem = await engineProblem();
  if (problem === undefined) return;
  const host = process.env['DOCKER_HOST'];
  if (host) throw new SetUpError(`The container engine at DOCKER_HOST=${host} fails:\n${problem}`);

  const isInstalled = findDaemon() !== undefined;
  if (process.getuid?.() !== 0 || (!isInstalled && !canInstallPackages())) {
    throw new SetUpError(
      `No container engine answers:\n${problem}\n` +
        (isInstalled
          ? 'Docker is installed: start it (for example "sudo systemctl start docker"), and see that\n' +
            'this user may use it (for example by being in the group "docker").'
          : 'Install Docker (on Debian or Ubuntu "npm test" and "npm start" do it themselves when they\n' +
            'run as root; elsewhere see https://docs.docker.com/engine/install/) and start it.'),
    );
  }
  if (!isInstalled) {
    console.log('No container engine answers, and none is installed here.');
    // The client is part of docker.io in older releases and only recommended by it in newer ones.
    await installPackages(['docker.io'], ['docker-cli']);
  }
  // Where a package's installation may start its service, it has.
  if ((await engineProblem()) !== undefined) await timed('Starting the container engine', start);
}

/** What the client complains about; undefined where an engine answers. */
async function engineProblem(): Promise<string | undefined> {
  // Not `docker info`: some releases exit with 0 though no engine answers.
  return run('docker', ['version', '--format', '{{.Server.Version}}']).then(
    () => undefined,
    message,
  );
}

/** Starts dockerd by the means of this system, and by hand where there are none. */
async function start(): Promise<void> {
  if (existsSync('/run/systemd/system')) {
    await run('systemctl', ['start', 'docker']);
    if (await answersWithin(PATIENCE_MS)) return;
    throw new SetUpError('dockerd does not answer: see "journalctl --unit docker".');
  }
  // In a container or a small machine the init script may do nothing, or not exist.
  const isService = await succeeds('service', ['docker', 'start']);
  if (isService && (await answersWithin(SERVICE_PATIENCE_MS))) return;

  const daemon = findDaemon();
  if (!daemon) throw new SetUpError('Docker is installed without its daemon, dockerd.');
  const log = openSync(DAEMON_LOG, 'a');
  const child = spawn(daemon, [], { detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.unref();
  if (!(await answersWithin(PATIENCE_MS, () => child.exitCode === null))) {
    const end = lastLines(readFileSync(DAEMON_LOG, 'utf8'));
    throw new SetUpError(`dockerd does not answer. The end of ${DAEMON_LOG}:\n${end}`);
  }
}

/** @param isHopeful asked before each attempt: false ends the wait */
async function answersWithin(patienceMs: number, isHopeful = () => true): Promise<boolean> {
  const end = Date.now() + patienceMs;
  while (Date.now() < end && isHopeful()) {
    if ((await engineProblem()) === undefined) return true;
    await sleep(250);
  }
  return false;
}

/** The directories for system programs are not on everybody's PATH. */
function findDaemon(): string | undefined {
  const directories = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return directories.map((directory) => `${directory}/dockerd`).find((path) => existsSync(path));
}
