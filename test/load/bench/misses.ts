import { handshake } from '../../support/tls_client.js';
import { cpuTime } from '../shell.js';
import type { Configuration } from './configurations.js';
import type { Server } from './server.js';
import { SITES, type Site } from './sites.js';

/** How many of each are done for one measurement. */
const TIMES = 100;

/** What misses cost with one configuration and one kind of certificate. */
export interface Misses {
  configuration: Configuration;
  site: Site;
  /** Worker CPU time for one, in microseconds, by round. */
  cpuUs: number[];
}

/**
 * Measures what it costs to read a pair, check it and store it: a handshake after a clear, less a handshake without one,
 * less a clear.
 */
export async function runMisses(servers: Server[], rounds: number): Promise<Misses[]> {
  const all = servers
    .filter(({ configuration }) => configuration.isBundle)
    .flatMap((server) => SITES.map((site) => ({ server, site, cpuUs: new Array<number>() })));
  for (let round = 1; round <= rounds; round++) {
    for (const { server, site, cpuUs } of all) cpuUs.push(await measureMiss(server, site));
    console.log(`Misses, round ${round} of ${rounds}`);
  }
  return all.map(({ server: { configuration }, site, cpuUs }) => ({ configuration, site, cpuUs }));
}

async function measureMiss({ nginx, worker }: Server, site: Site): Promise<number> {
  const shake = async (): Promise<void> => {
    await handshake({ ...nginx.address(site.port), servername: site.name });
  };
  const clear = async (): Promise<void> => {
    const { status, body } = await nginx.admin('/clear', { method: 'POST' });
    if (status !== 200) throw new Error(`/clear: ${status} ${body}`);
  };
  const cost = async (work: () => Promise<void>): Promise<number> => {
    const before = await cpuTime(nginx, worker);
    for (let i = 0; i < TIMES; i++) await work();
    return ((await cpuTime(nginx, worker)) - before) / TIMES;
  };
  await shake();
  const hit = await cost(shake);
  const both = await cost(async () => {
    await clear();
    await shake();
  });
  return both - hit - (await cost(clear));
}
