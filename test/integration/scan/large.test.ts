import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { createLeaves } from '../../load/scale/leaves.js';
import { nameOf, sampleOf } from '../../load/scale/names.js';
import { growth, scrape } from '../../support/metrics.js';
import { makeWorkDirectory } from '../../support/nginx.js';
import { startClients } from '../../support/image_clients.js';
import { errorsOf } from '../../support/log.js';
import { PERIODIC } from '../../support/scanning.js';
import { startSite } from '../../support/site.js';

const NAMES = 3000;
const ZONE = 'cert_rotation_zone_free_bytes{zone="certs"}';
/** Of a record, its summary, and the pointer. */
const MOST_BYTES_PER_NAME = 6 * 1024;
/** What a worker may take more than before, in KiB. */
const MOST_MEMORY = 128 * 1024;
/** How long all may take on a machine that does other things meanwhile, and a handshake, in milliseconds. */
const PATIENCE_MS = 100_000;
const LONGEST_HANDSHAKE_MS = 2000;

/** Of a client between two handshakes. */
const PAUSE_MS = 20;

const leaves = await createLeaves('ec');
const directory = makeWorkDirectory();
const serials = new Map<string, string>();
for (let i = 0; i < NAMES; i++) write(i);

/** Issues a pair and writes it to a file whose name says nothing. */
function write(number: number): string {
  const { chainPem, keyPem, serial } = leaves.issue(nameOf(number));
  writeFileSync(join(directory, 'certs', `${number}.crt`), chainPem + keyPem);
  serials.set(nameOf(number), serial);
  return serial;
}

test(
  `${NAMES} certificates are found, while handshakes go on, workers are killed and nginx reloads`,
  async () => {
    const site = await startSite({
      directory,
      logLevel: 'notice',
      zones: `js_shared_dict_zone zone=certs:80m;
        js_shared_dict_zone zone=certs_misses:1m timeout=60s evict;`,
      settings: { scan: '/etc/nginx/certs/*.crt', key_file: '/etc/nginx/certs/{name}.crt' },
      // By both workers: each goes on where the other one, or one that was killed, has left off. It is over sooner then.
      admin: PERIODIC.replace(';', ' worker_affinity=all;'),
    });
    const { nginx } = site;
    const isServed = async (name: string): Promise<boolean> =>
      (await site.serial(name).catch(() => '')) === serials.get(name);
    /** The most private memory of any worker, in KiB. */
    async function memory(): Promise<number> {
      const { workers } = await nginx.processes();
      const files = workers.map((pid) => `/proc/${pid}/status`);
      const { stdout } = await nginx.exec(['grep', '-h', 'RssAnon', ...files]);
      return Math.max(...[...stdout.matchAll(/(\d+) kB/g)].map(([, kib]) => Number(kib)));
    }
    const before = await scrape(nginx);
    const memoryBefore = await memory();
    let longest = 0;
    const clients = startClients(2, () => async () => {
      const start = performance.now();
      await isServed(nameOf(0));
      longest = Math.max(longest, performance.now() - start);
      // The scan is to have the processors, too.
      await sleep(PAUSE_MS);
    });

    await expect
      .poll(async () => (await scrape(nginx))['cert_rotation_names{state="ok"}'], {
        timeout: 20_000,
      })
      .toBeGreaterThan(500);
    await nginx.reload();
    for (const worker of (await nginx.processes()).workers) await nginx.kill('SIGKILL', worker);
    const end = Date.now() + PATIENCE_MS;
    for (const name of sampleOf(NAMES, 100)) {
      while (!(await isServed(name))) {
        if (Date.now() > end) throw new Error(`${name} is not found`);
        await sleep(100);
      }
    }
    await site.clear();
    const memoryAfter = await memory();
    await clients.stop();
    expect(longest).toBeLessThan(LONGEST_HANDSHAKE_MS);
    expect(memoryAfter - memoryBefore).toBeLessThan(MOST_MEMORY);
    const full = await scrape(nginx);
    const bytes = (before[ZONE]! - full[ZONE]!) / NAMES;
    expect(bytes).toBeLessThan(MOST_BYTES_PER_NAME);

    // What has changed is read, and nothing else.
    const renewed = [1, NAMES / 2, NAMES - 1].map(
      (number) => [nameOf(number), write(number)] as const,
    );
    const settled = await scrape(nginx);
    await site.clear();
    const grown = growth(settled, await scrape(nginx));
    expect(grown['loads_total{result="loaded"}']).toBe(renewed.length);
    expect(grown['loads_total{result="unchanged"}'] ?? 0).toBeLessThan(NAMES / 100);
    for (const [name, serial] of renewed) expect(await site.serial(name)).toBe(serial);
    // The last two are nginx's words for a call that a reload has ended, or that a busy machine has not finished in time.
    const expected = /cannot load|on signal 9|pending events|"certs\.scan" is already running/;
    expect(errorsOf(site).filter((line) => !expected.test(line))).toEqual([]);
  },
  PATIENCE_MS + 60_000,
);
