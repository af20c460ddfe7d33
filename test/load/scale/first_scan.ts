import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { scrape } from '../../support/metrics.js';
import { ERROR_LOG } from '../../support/nginx.js';
import type { Server } from './server.js';

/** How long a scan may take, in milliseconds. */
const PATIENCE_MS = 120_000;
const POLL_MS = 10;

/**
 * Waits until the first scan has loaded so many certificates. Looks at the log alone, which costs nginx nothing.
 *
 * @returns how long that took from the start of nginx on, in milliseconds
 */
export async function timeFirstScan({ tlsSocket }: Server, files: number): Promise<number> {
  // nginx binds it when it has read its configuration, just before it starts its worker, and never again.
  const { mtimeMs } = statSync(tlsSocket);
  const log = await open(join(dirname(tlsSocket), basename(ERROR_LOG)));
  try {
    const deadline = Date.now() + PATIENCE_MS;
    let loaded = 0;
    let rest = '';
    for (;;) {
      const { bytesRead, buffer } = await log.read();
      const lines = (rest + buffer.toString('latin1', 0, bytesRead)).split('\n');
      rest = lines.pop()!;
      loaded += lines.filter((line) => line.includes(': loaded from ')).length;
      if (loaded >= files) return Date.now() - mtimeMs;
      if (Date.now() > deadline) throw new Error(`The scan has found ${loaded} of ${files} files`);
      if (bytesRead === 0) await sleep(POLL_MS);
    }
  } finally {
    await log.close();
  }
}

/** Throws where metrics do not come to say that the scan is over and has found so much. */
export async function expectFound(
  { nginx }: Server,
  expected: { files: number; names: number },
): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const samples = await scrape(nginx);
    const isFound =
      samples['cert_rotation_scan_pending'] === 0 &&
      samples['cert_rotation_files{state="ok"}'] === expected.files &&
      samples['cert_rotation_names{state="ok"}'] === expected.names;
    if (isFound) return;
    if (Date.now() > deadline) throw new Error('The scan has not found all names');
    await sleep(POLL_MS);
  }
}
