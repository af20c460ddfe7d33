import { spreadOf } from '../statistics.js';
import { ENGINES } from './configurations.js';
import { ratioOf } from './cycles.js';
import type { Result } from './report.js';
import { SITES, type Site } from './sites.js';

/** Something that was to be reached. */
export interface Target {
  what: string;
  /** How much it may be at most. */
  most: number;
  /** How much would be better; absent: no less is aimed at. */
  aim?: number;
  /** What was measured. */
  is: number;
  unit: 'times static' | 'ms';
}

/** The highest ratio of the bundle with a store to a static certificate, in cycles, by engine and kind of certificate. */
const CYCLES = {
  njs: { ec: { most: 1.042, aim: 1.037 }, rsa: { most: 1.011 } },
  qjs: { ec: { most: 1.036, aim: 1.03 }, rsa: { most: 1.01 } },
};
/** The highest ratio of the bundle without a store in CPU time, by kind of certificate. */
const BEST_ENGINE = { ec: 1.06, rsa: 1.03 };
const DEFAULT_ENGINE = { ec: 1.09, rsa: 1.05 };
const LONGEST_MISS_MS = 1;

/** Compares with the targets what was measured of what they are about. */
export function targetsOf(result: Result): Target[] {
  return [...cyclesTargets(result), ...timeTargets(result), ...missTargets(result)];
}

function cyclesTargets({ cycles }: Result): Target[] {
  return SITES.flatMap((site) =>
    ENGINES.flatMap((engine) => {
      const own = cycles.find(
        (one) => one.configuration.name === `store-${engine}-cache` && one.site === site,
      );
      const is = own && ratioOf(cycles, own);
      const what = `cycles, ${site.title}, this bundle with a store, ${engine}`;
      return is === undefined
        ? []
        : [{ what, is, unit: 'times static' as const, ...CYCLES[engine][site.key] }];
    }),
  );
}

function timeTargets({ series }: Result): Target[] {
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
  return targets;
}

function missTargets({ misses }: Result): Target[] {
  return misses.map(({ configuration, site, cpuUs }) => ({
    what: `cache miss, ${site.title}, ${configuration.title} (${configuration.name})`,
    is: spreadOf(cpuUs).median / 1000,
    most: LONGEST_MISS_MS,
    unit: 'ms',
  }));
}
