import { isDeepStrictEqual } from 'node:util';
import { writePair, type Authority } from '../support/certificates.js';
import { send } from '../support/http.js';
import type { Address, Nginx } from '../support/nginx.js';
import { handshake, openConnection } from '../support/tls_client.js';
import type { ServedName } from './names.js';

/** Connections to make at most until each worker has taken one. */
const MAX_CONNECTIONS = 500;

/**
 * Replaces a certificate's files, requests /clear and tells what is served before and after, by whom.
 * Throws where the new certificate is not served by every worker from the next handshake on, or where a
 * process of nginx is not the one it was.
 */
export async function rotate(
  nginx: Nginx,
  adminAddress: Address,
  authority: Authority,
  { file, servername, dnsNames }: ServedName,
): Promise<void> {
  const client = { ...nginx.tls, servername };
  console.log(`\nA rotation of ${servername}:`);
  const processes = await nginx.processes();
  const before = await handshake(client);
  tell('served before', before.serial);

  const pair = await authority.issue({ names: dnsNames });
  await writePair(nginx.certsDirectory, file, pair);
  tell('new files', `${pair.serial} in ${nginx.certsDirectory}/${file}.{cert,key}.pem`);

  const cleared = performance.now();
  const answer = await send(adminAddress, '/clear', { method: 'POST' });
  const answered = performance.now();
  const after = await handshake(client);
  const served = performance.now();
  tell(
    'POST /clear',
    `${answer.status} ${answer.body.trim()} after ${milliseconds(answered - cleared)}`,
  );
  tell('served after', after.serial);
  if (answer.status !== 200 || after.serial !== pair.serial) {
    throw new Error('The handshake after the clear does not serve the new certificate.');
  }
  tell(
    'how long it took',
    `${milliseconds(served - answered)} from the answer to the end of the first new handshake, ` +
      `${milliseconds(served - cleared)} from the request`,
  );

  await askEveryWorker(nginx, servername, pair.serial, processes.workers);
  tell('served by', `every worker: process ${processes.workers.join(', ')}`);
  const processesAfter = await nginx.processes();
  if (!isDeepStrictEqual(processesAfter, processes)) {
    const [old, now] = [processes, processesAfter].map((found) => JSON.stringify(found));
    throw new Error(`nginx's processes were ${String(old)} and are ${String(now)}.`);
  }
  tell('the same processes', `master ${processes.master}, workers ${processes.workers.join(', ')}`);
}

/** Makes connections until each worker has taken one. Throws where one serves another certificate. */
async function askEveryWorker(
  nginx: Nginx,
  servername: string,
  serial: string,
  workers: number[],
): Promise<void> {
  const asked = new Set<number>();
  for (let i = 0; i < MAX_CONNECTIONS && asked.size < workers.length; i++) {
    const connection = await openConnection({ ...nginx.tls, servername });
    const { body } = await connection.get('/');
    await connection.close();
    const worker = Number(/worker (\d+)/.exec(body)?.[1]);
    if (connection.serial !== serial) {
      throw new Error(`Worker ${worker} still serves ${connection.serial}.`);
    }
    asked.add(worker);
  }
  if (!workers.every((worker) => asked.has(worker))) {
    throw new Error(
      `Of the workers ${workers.join(', ')}, only ${[...asked].join(', ')} answered.`,
    );
  }
}

function tell(what: string, result: string): void {
  console.log(`  ${what.padEnd(20)} ${result}`);
}

function milliseconds(duration: number): string {
  return `${duration.toFixed(1)} ms`;
}
