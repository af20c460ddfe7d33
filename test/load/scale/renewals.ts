import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { writePair } from '../../support/certificates.js';
import { now } from '../clock.js';
import { shell } from '../shell.js';
import { replaceCertificate } from './haproxy.js';
import type { Leaves } from './leaves.js';
import type { Server } from './server.js';
import type { Kind } from './subjects.js';

/** How long a renewed certificate may take to be served, in milliseconds. */
const PATIENCE_MS = 60_000;
/** Between two handshakes while the old one is. */
const PAUSE_MS = 2;

/** How a server is told. */
export type Way = 'reload' | 'clear' | 'put' | 'commit';

export const WAYS: Record<Kind, Way[]> = {
  static: ['reload'],
  bundle: ['clear', 'put'],
  scan: ['clear'],
  haproxy: ['commit'],
};

/**
 * Renews the files of a name.
 *
 * @returns how long it takes from then to the end of the first handshake with the new certificate, in milliseconds
 */
export async function timeRenewal(
  server: Server,
  way: Way,
  name: string,
  leaves: Leaves,
): Promise<number> {
  const { nginx } = server;
  const pair = leaves.issue(name);
  await writePair(nginx.certsDirectory, name, pair);
  const served = (): Promise<number> => timeOfServing(server, name, pair.serial);
  if (way === 'reload') {
    // The new certificate may be served before what sends the signal has come to an end.
    const [startedAt, servedAt] = await Promise.all([sendHangup(server), served()]);
    await oldWorkersGone(server);
    return servedAt - startedAt;
  }
  const startedAt = now();
  if (way === 'clear') await expect200(nginx.admin('/clear', { method: 'POST' }));
  else {
    const pem = ['cert', 'key']
      .map((kind) => readFileSync(join(nginx.certsDirectory, `${name}.${kind}.pem`), 'utf8'))
      .join('');
    if (way === 'commit') await replaceCertificate(server.apiSocket, name, pem);
    else await expect200(nginx.admin(`/certs/${name}`, { method: 'PUT', body: pem }));
  }
  return (await served()) - startedAt;
}

/** Makes handshakes until one serves that certificate, and resolves to when that one was through. */
async function timeOfServing(server: Server, name: string, serial: string): Promise<number> {
  const deadline = now() + PATIENCE_MS;
  for (;;) {
    const served = await server.handshake(name);
    if (served.serial === serial) return served.endedAt;
    if (now() > deadline) throw new Error(`${server.subject.title}: the old certificate is served`);
    await sleep(PAUSE_MS);
  }
}

/** Has nginx read its configuration again, and resolves to when it was told. */
async function sendHangup({ nginx }: Server): Promise<number> {
  const { master } = await nginx.processes();
  // To start the program in the container takes much longer than to send the signal.
  const millis = Number(await shell(nginx, `date +%s%3N; kill -s HUP ${master}`));
  return now() - (Date.now() - millis);
}

async function oldWorkersGone({ nginx }: Server): Promise<void> {
  const deadline = now() + PATIENCE_MS;
  for (;;) {
    const { workers, leaving } = await nginx.processes();
    if (workers.length === 1 && leaving.length === 0) return;
    if (now() > deadline) throw new Error('An old worker does not end');
    await sleep(100);
  }
}

async function expect200(answer: Promise<{ status: number; body: string }>): Promise<void> {
  const { status, body } = await answer;
  if (status !== 200) throw new Error(`${status} ${body}`);
}
