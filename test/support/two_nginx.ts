import { setTimeout as sleep } from 'node:timers/promises';
import { makeWorkDirectory } from './nginx.js';
import { startPutSite, type PutSite } from './putting.js';
import type { SiteOptions } from './site.js';

/** The time for which a record is fresh at most where there is a store, in seconds. */
const LONGEST_FRESH = 20;

/** How long one nginx may serve what another has changed in the store, in seconds. */
export function freshFor(interval: number): number {
  return interval === 0 ? LONGEST_FRESH : Math.min(interval, LONGEST_FRESH);
}

/** Starts two nginx on one store, which keep no certificates of their own. They end with the test file. */
export async function startTwo(
  interval: number,
  options: SiteOptions = {},
): Promise<[PutSite, PutSite]> {
  const storeDirectory = options.storeDirectory ?? `${makeWorkDirectory()}/store`;
  const start = async (): Promise<PutSite> =>
    startPutSite({
      ...options,
      store: true,
      storeDirectory,
      withoutCache: true,
      settings: { check_interval: `${interval}`, ...options.settings },
    });
  return [await start(), await start()];
}

/** What a site serves for a name; '' where a handshake fails. */
export async function serialOrNone(site: PutSite, name: string): Promise<string> {
  return site.serial(name).catch(() => '');
}

/** Waits until a site serves something for a name, or a time is over. Returns what it serves in the end. */
export async function servedWithin(
  site: PutSite,
  name: string,
  serial: string,
  seconds: number,
): Promise<string> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const served = await serialOrNone(site, name);
    if (served === serial || Date.now() > end) return served;
    await sleep(100);
  }
}
