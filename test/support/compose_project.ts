import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { stringify } from 'yaml';
import { run } from '../setup/command.js';
import { ACME_IMAGE, type Runtime } from '../setup/runtimes.js';
import type { AcmeHost } from './acme.js';
import { ROOT } from './documents.js';
import { ownerLabel, removeContainerAtExit } from './leftovers.js';
import { makeWorkDirectory } from './nginx.js';
import { runProgram, type ProgramResult } from './tls_client.js';
import { startToolsWith } from './tools.js';

const SOCKET = '/var/run/docker.sock';
const FOLDER = join(ROOT, 'nginx/compose');
const PATIENCE_MS = 120_000;

/** nginx/compose, with images that can be had here, and on ports that nobody else has. */
export interface ComposeProject {
  /** Whether a program that it needs is not here. Tests that want it are to be skipped then. */
  isMissing: boolean;
  /** Runs what somebody pastes in a clone of this repository, or in nginx/compose of it. */
  sh: (script: string, folder?: string) => Promise<ProgramResult>;
  /** The container of a service, as a machine. */
  host: (service: 'nginx' | 'certbot') => Promise<AcmeHost>;
  /** The port of this machine where nginx's port 443 is. */
  port: () => Promise<number>;
}

/** @param certbotFiles of certbot's container: texts by path */
export async function composeProject(
  runtime: Runtime,
  certbotFiles: Record<string, string>,
): Promise<ComposeProject> {
  const work = makeWorkDirectory();
  const standIns = writeStandIns(work, runtime, certbotFiles);
  const volumes = [`${ROOT}:${ROOT}:ro`, `${work}:${work}`, `${SOCKET}:${SOCKET}`];
  const env = [
    `PATH=${writeDocker(work)}:/usr/bin:/bin`,
    `COMPOSE_PROJECT_NAME=njs-cert-rotation-${process.pid}`,
    `COMPOSE_FILE=${FOLDER}/compose.yaml:${standIns}`,
  ];
  const tools = await startToolsWith([
    ...volumes.flatMap((volume) => ['--volume', volume]),
    ...env.flatMap((setting) => ['--env', setting]),
  ]);
  const sh = (script: string, folder = FOLDER): Promise<ProgramResult> =>
    tools.run(['sh', '-ec', `cd ${folder}\n${script}`], PATIENCE_MS);
  if (!tools.areMissing) {
    afterAll(async () => {
      await sh('docker compose down --volumes');
    });
  }

  async function idOf(service: string): Promise<string> {
    const id = (await sh(`docker compose ps --quiet ${service}`)).stdout.trim();
    removeContainerAtExit(id);
    return id;
  }
  return {
    isMissing: tools.areMissing,
    sh,
    host: async (service) => hostIn(await idOf(service)),
    port: async () => {
      const published = await run('docker', ['port', await idOf('nginx'), '443/tcp']);
      return Number(published.trim().split(':').at(-1));
    },
  };
}

/** Writes what goes over compose.yaml, and the files that it mounts. Returns its path. */
function writeStandIns(
  work: string,
  runtime: Runtime,
  certbotFiles: Record<string, string>,
): string {
  const volumes = Object.entries(certbotFiles).map(([path, text], i) => {
    const file = join(work, `file${i}`);
    writeFileSync(file, text, { mode: 0o755 });
    return `${file}:${path}:ro`;
  });
  const labels = ownerLabel();
  const text = stringify({
    services: {
      // As the image of nginx starts it.
      nginx: { image: runtime.image, command: ['nginx', '-g', 'daemon off;'], labels, ports: [] },
      certbot: { image: ACME_IMAGE, labels, volumes },
    },
  });
  const path = join(work, 'stand_ins.yaml');
  writeFileSync(path, text.replace('ports: []', "ports: !override ['127.0.0.1::443']"));
  return path;
}

/** The tools have Docker Compose, and no docker that would call it. Returns the folder of one that does. */
function writeDocker(work: string): string {
  const folder = join(work, 'bin');
  mkdirSync(folder);
  const text = '#!/bin/sh\nshift\nexec /usr/libexec/docker/cli-plugins/docker-compose "$@"\n';
  writeFileSync(join(folder, 'docker'), text, { mode: 0o755 });
  return folder;
}

function hostIn(id: string): AcmeHost {
  const sh: AcmeHost['sh'] = async (script, env = {}) => {
    const options = Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]);
    const command = ['exec', ...options, id, 'sh', '-c', script];
    const { code, ...output } = await runProgram('docker', command, PATIENCE_MS);
    return { exitCode: code, ...output };
  };
  return {
    sh,
    run: async (script, env) => {
      const { exitCode, stdout, stderr } = await sh(script, env);
      if (exitCode !== 0) throw new Error(`${script}: ${exitCode}\n${stdout}${stderr}`);
      return stdout;
    },
    stop: () => Promise.resolve(),
  };
}
