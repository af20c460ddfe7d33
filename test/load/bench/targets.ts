import { spreadOf } from '../statistics.js';
import type { Result } from './report.js';
import type { Site } from './sites.js';

/** Something that was to be reached. */
export interface Target {
  what: string;
  /** How much it may be at most. */
  most: number;
  /** What was measured. */
  is: number;
  unit: 'times static' | 'ms';
}

/** The highest ratio to a static certificate, by kind of certificate. */
const BEST_ENGINE = { ec: 1.06, rsa: 1.03 };
const DEFAULT_ENGINE = { ec: 1.09, rsa: 1.05 };
const LONGEST_MISS_MS = 1;

/** Compares with the targets what was measured of what they are about. */
export function targetsOf({ series, misses }: Result): Target[] {
  const targets: Target[] = [];
  const sites = [...new Set(series.map(({ site }) => site))];
  const ratio = (name: string, site: Site): number | undefined => {
    const own = series.find((one) => one.configuration.name === name && one.site === site);
    return own && spreadOf(own.measurements.map(({ cpuUs, staticUs }) => cpuUs / staticUs)).median;
  };
  const add = (what: string, is: number | undefined, most: number | undefined): void => {
    if (is !== undefined && most !== undefined) {
      targets.push({ what, is, most, unit: 'times static' });
    }
  };
  for (const site of sites) {
    const engines = [ratio('pair-njs-cache', site), ratio('pair-qjs-cache', site)];
    const measured = engines.filter((one) => one !== undefined);
    const title = `CPU time, ${site.title}, with ssl_certificate_cache`;
    if (measured.length === engines.length) {
      add(`${title}, best engine`, Math.min(...measured), BEST_ENGINE[site.key]);
    }
    add(`${title}, default engine`, engines[0], DEFAULT_ENGINE[site.key]);
  }
  for (const site of sites) {
    for (const way of ['pair', 'two']) {
      const what = `CPU time, ${site.title}, nginx 1.26, ${way === 'pair' ? 'js_pair' : 'js_cert and js_key'}: the plain approach`;
      add(what, ratio(`1.26-${way}`, site), ratio('1.26-plain', site));
    }
  }
  for (const { configuration, site, cpuUs } of misses) {
    targets.push({
      what: `cache miss, ${site.title}, ${configuration.title} (${configuration.name})`,
      is: spreadOf(cpuUs).median / 1000,
      most: LONGEST_MISS_MS,
      unit: 'ms',
    });
  }
  return targets;
}
