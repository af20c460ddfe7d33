import { chmodSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect } from 'vitest';
import { currentRuntime } from '../setup/runtimes.js';
import { createAuthority, writePair, type Pair } from './certificates.js';
import { startContainer, type Container } from './container.js';
import { send } from './http.js';
import { makeWorkDirectory } from './nginx.js';
import { handshake } from './tls_client.js';

const NAME = 'www.example.com';
const WORKER_STARTED = 'start worker process ';
const WARNING = /\[(warn|error|crit|alert|emerg)\]/;

/** nginx in a container that may do less than others. */
export interface Confined {
  container: Container;
  /** Expects that the newest pair is served, then one that was put, then one from new files, and that a reload works. */
  expectRotations: () => Promise<void>;
}

/**
 * @param config a path of the host: it has the socket of the HTTP handlers in /run/nginx
 * @param tlsPort of the container
 * @param options those of `docker run` that confine it
 */
export async function startConfined(
  config: string,
  tlsPort: number,
  options: string[],
): Promise<Confined> {
  const directory = makeWorkDirectory();
  const certs = join(directory, 'certs');
  const run = join(directory, 'run');
  // For a user that the host does not have.
  chmodSync(run, 0o777);
  const authority = await createAuthority();
  const issue = (): Promise<Pair> => authority.issue({ names: [NAME] });
  const first = await issue();
  await writePair(certs, NAME, first);
  const mounts = [
    `${config}:/etc/nginx/nginx.conf:ro`,
    `${resolve(import.meta.dirname, '../../dist')}:/etc/nginx/njs:ro`,
    `${certs}:/etc/nginx/certs:ro`,
    `${run}:/run/nginx`,
  ];
  const container = await startContainer(
    currentRuntime().image,
    [
      ...['--entrypoint', 'nginx', '--publish', `127.0.0.1::${tlsPort}`],
      ...[...mounts.flatMap((mount) => ['--volume', mount]), ...options],
    ],
    ['-e', 'stderr', '-g', 'daemon off; error_log stderr notice;'],
  );
  await container.logged(WORKER_STARTED);
  const port = await container.port(tlsPort);
  const socketPath = join(run, 'cert-admin.sock');

  async function expectServed({ serial }: Pair): Promise<void> {
    const client = { host: '127.0.0.1', port, servername: NAME, ca: authority.rootPem };
    expect((await handshake(client)).serial).toBe(serial);
  }
  return {
    container,
    expectRotations: async () => {
      await expectServed(first);
      const put = await issue();
      const body = put.pairPem;
      const answer = await send({ socketPath }, `/certs/${NAME}`, { method: 'PUT', body });
      expect(answer.status).toBe(200);
      await expectServed(put);
      const renewed = await issue();
      await writePair(certs, NAME, renewed);
      expect((await send({ socketPath }, '/clear')).body).toBe('{"cleared":"all"}\n');
      await expectServed(renewed);

      const workers = (await container.log()).split(WORKER_STARTED).length;
      const reload = await container.exec(['nginx', '-e', 'stderr', '-s', 'reload']);
      expect(reload.code).toBe(0);
      await container.logged(WORKER_STARTED, workers);
      await expectServed(renewed);
      const test = await container.exec(['nginx', '-e', 'stderr', '-t']);
      expect(test).toMatchObject({ code: 0, stderr: expect.not.stringMatching(WARNING) as string });
      expect(await container.log()).not.toMatch(WARNING);
    },
  };
}
